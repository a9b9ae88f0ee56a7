"""The cache of kernels belongs to the sources as they are, all of them."""

import pkgutil

from numba import config

from stats import compiled
from stats.kernels_moments import add_block


def test_every_change_of_a_source_of_kernels_is_another_folder(monkeypatch):
    before = compiled.cache_folder()
    assert before == compiled.cache_folder()
    read = pkgutil.get_data
    folders = {before}
    for name in ("kernels.py", "kernels_products.py", "lanes.py", "compiled.py"):
        monkeypatch.setattr(
            pkgutil,
            "get_data",
            lambda package, path, name=name: (
                (read(package, path) or b"") + b"#" * (path == name)
            ),
        )
        folders.add(compiled.cache_folder())
    assert len(folders) == 5


def test_the_folder_of_the_user_is_kept_for_everything_else():
    assert "kernels-" not in str(config.CACHE_DIR)
    assert compiled.cache_folder() in add_block._cache.cache_path
