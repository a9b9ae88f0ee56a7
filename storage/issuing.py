"""Number the shards of sites that do not do it themselves."""

from __future__ import annotations

from collections.abc import Sequence

from storage.records import ShardRow, Version
from storage.shards import Shard
from storage.staging import Staged, with_version

__all__ = ["issue_versions"]


def issue_versions(rows: Sequence[ShardRow], pending: Sequence[Staged]) -> list[Shard]:
    """Issue the site's next number to files without a version.

    Content that the store already has under its key keeps the version it has there.

    Parameters
    ----------
    rows : sequence of ShardRow
        What the store has.
    pending : sequence of Staged

    Returns
    -------
    list of Shard
        In the order of `pending`.
    """
    content = {(row.key, row.sha256): row.version for row in rows}
    newest: dict[tuple[str, str], Version] = {}
    stated = [staged.shard.row for staged in pending if staged.versioned]
    for row in (*rows, *stated):
        who = (row.key.dataset, row.key.site)
        newest[who] = max(newest.get(who, Version(0, 0)), row.version)
    out = []
    for staged in pending:
        row = staged.shard.row
        if staged.versioned:
            out.append(staged.shard)
            continue
        version = content.get((row.key, row.sha256))
        if version is None:
            who = (row.key.dataset, row.key.site)
            last = newest.get(who, Version(0, 0))
            version = newest[who] = Version(last.epoch, last.seq + 1)
            content[row.key, row.sha256] = version
        out.append(with_version(staged, version))
    return out
