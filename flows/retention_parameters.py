"""How long what is kept: validated, from a YAML file or the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stats.summary import InvalidInput
from tasks.retention_policy import RetentionPolicy

__all__ = ["RetentionParameters"]

_DEFAULT = RetentionPolicy()


class RetentionParameters(BaseModel):
    """Last age of each tier, in nights behind the newest one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    superseded: int = Field(
        default=_DEFAULT.superseded, ge=1,
        description="Values of versions that were corrected.",
    )  # fmt: skip
    values: int = Field(
        default=_DEFAULT.values, ge=1,
        description="Values of what counts: the window of a night and some more.",
    )  # fmt: skip
    summaries: int = Field(
        default=_DEFAULT.summaries, ge=1,
        description="Summaries of teams; a later correction comes too late.",
    )  # fmt: skip
    history: int = Field(
        default=_DEFAULT.history, ge=1,
        description="Tags and snapshots: reading a night as it was known then.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _in_order(self) -> RetentionParameters:
        if not self.superseded <= self.values <= self.summaries:
            raise ValueError(
                f"superseded {self.superseded}, values {self.values} and summaries "
                f"{self.summaries} are not in this order. Let each tier end after the "
                "one before it."
            )
        return self

    @classmethod
    def load(cls, path: Path | None, home: Path) -> RetentionParameters:
        """Read a YAML file; none takes ``HOME/retention.yaml``, else the defaults.

        Raises
        ------
        InvalidInput
            When the file cannot be read.
        """
        chosen = home / "retention.yaml" if path is None else path
        if path is None and not chosen.is_file():
            return cls()
        try:
            found: Any = yaml.safe_load(chosen.read_text("utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise InvalidInput(
                f"retention {chosen}: cannot be read: {error}. Give a YAML file with "
                "superseded, values, summaries and history."
            ) from error
        return cls.model_validate(found or {})

    def policy(self) -> RetentionPolicy:
        """The same as a plain value."""
        return RetentionPolicy(**self.model_dump())
