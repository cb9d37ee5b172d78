"""A search whose process dies goes on in the next run where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

from typing import Any

import pytest

DYING = """
class Dying(GradientBoosting):
    def fit(self, *given, **named):
        with open("fits", "a") as file:
            file.write("x")
        if "DIES" in os.environ and os.path.getsize("fits") == 4:
            os._exit(9)
        return super().fit(*given, **named)


project.candidate("gbdt", Dying(trees=20, leaves=7), search=Search({"leaves": Integer(3, 15)}, trials=6))
"""


@pytest.mark.slow
def test_a_search_whose_process_died_goes_on_where_it_stopped(shop: Any, new_shop: Any, tmp_path: Any) -> None:
    shop.edit("import polars as pl", "import os\n\nimport polars as pl")
    shop.edit(
        'project.candidate("gbdt", GradientBoosting(trees=60, learning_rate=0.05, leaves=7))',
        f"from kreis import Integer, Search\n{DYING}",
    )
    settings = shop.folder / "kreis.toml"
    settings.write_text(settings.read_text() + "\n[training]\nthreads = 1\n")
    other = new_shop(tmp_path / "other", like=shop.folder)
    shop.environment = lambda actor="ann", **more: type(shop).environment(shop, actor, DIES="1", **more)
    shop.run("run", code=9)
    del shop.environment
    assert (shop.folder / "fits").read_text() == "x" * 4  # the fourth one died
    shop.run("run")
    other.run("run")
    again, whole = (each.document("show", "candidate", "gbdt") for each in (shop, other))
    assert again["training"]["trials"] == whole["training"]["trials"]
    assert again["training"]["parameters"] == whole["training"]["parameters"]
    once = len((other.folder / "fits").read_text())  # six trials, less those that were drawn twice, and the refit
    assert len((shop.folder / "fits").read_text()) <= once + 2  # the one that died; the best, if it was only noted
