"""`kreis doctor` looks at all of a folder, and says what, where and what next, also where nothing else works."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest


def findings(shop: Any, code: int = 5) -> list[dict[str, str]]:
    return list(shop.document("doctor", code=code)["findings"])


def test_whole_folder_has_no_findings(released: Any) -> None:
    assert findings(released, code=0) == []
    assert "Nothing is wrong" in released.kreis("doctor")


def test_folder_in_which_nothing_has_run_has_no_findings(shop: Any) -> None:
    assert findings(shop, code=0) == []


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


DAMAGE = {
    "kreis.toml": lambda path: path.write_text("[people\n"),
    "project.py": Path.unlink,
    ".kreis/ledger.db": Path.unlink,
    ".kreis/ledger.db-head": Path.unlink,
    ".kreis/keys/signing.key": Path.unlink,
    ".kreis/service/current.json": flip,
    ".kreis/keys": shutil.rmtree,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_with_what_to_do_next(released: Any, name: str) -> None:
    DAMAGE[name](released.folder / name)
    named = [each for each in findings(released) if str(released.folder / name) in each["where"]]
    assert named, findings(released)
    assert named[0]["what"]
    assert named[0]["next"] or name == "kreis.toml"
    assert f"✗ {named[0]['where']}: {named[0]['what']}" in released.kreis("doctor", code=5)
    said = [(each["where"], each["what"]) for each in findings(released)]
    assert len(said) == len(set(said))


def test_lines_that_a_run_logged_and_that_cannot_be_read_are_a_warning(released: Any) -> None:
    path = next(iter(sorted((released.state / "tracking").glob("*/run.jsonl"))))
    path.write_bytes(path.read_bytes()[:-5])
    (told,) = findings(released, code=0)
    assert (told["level"], told["where"]) == ("warning", str(path.parent))
    assert "1 lines of what the run logged were cut off or are damaged" in told["what"]


def test_all_that_is_wrong_is_told_together(released: Any) -> None:
    artifact = next(path for path in sorted((released.state / "artifacts").glob("*/*")))
    flip(artifact)
    table = next(iter(sorted((released.state / "lake").glob("*/*/*.parquet"))))
    table.unlink()
    os.mkfifo(table)
    (released.state / "service" / "server.json").write_text("{}")
    told = [f"{each['where']}: {each['what']}" for each in findings(released)]
    assert f"{artifact}: corrupt artifact" in told
    for path in (table, released.state / "service" / "server.json"):
        assert any(line.startswith(f"{path}: ") for line in told), told


def test_clock_that_runs_behind_the_record_is_a_warning(released: Any) -> None:
    import sqlite3

    with sqlite3.connect(released.state / "ledger.db") as database:
        database.execute("UPDATE audit SET at = at + 1000000000000 WHERE position = (SELECT max(position) FROM audit)")
    database.close()
    assert any(each["where"] == "the clock" and each["level"] == "warning" for each in findings(released))


def test_new_project_is_closed_to_others(released: Any) -> None:
    for path in (released.state, *released.state.rglob("*")):
        assert not path.stat().st_mode & 0o077, path


def test_group_may_be_let_in(released: Any) -> None:
    """Who may look into `.kreis` may read what is written from then on."""
    released.state.chmod(0o750)
    before = set(released.state.rglob("*"))
    released.run("run", "--from", "preparation")
    new = [path for path in set(released.state.rglob("*")) - before if "keys" not in path.parts]
    assert len(new) > 3
    for path in new:
        assert path.stat().st_mode & 0o077 == (0o050 if path.is_dir() else 0o040), path


def test_folder_open_to_everyone_is_a_warning(released: Any) -> None:
    for folder in (released.state, released.state / "lake"):
        folder.chmod(0o755)
    (found,) = findings(released, code=0)
    assert found["level"] == "warning"
    assert "it holds the record, tables" in found["what"]
    assert found["next"] == f"chmod o-rwx {released.state}"


def test_service_without_the_store_that_its_models_read_is_told(released: Any) -> None:
    shutil.rmtree(released.folder / ".kreis" / "online")
    (found,) = findings(released)
    assert "release 1 reads it" in found["what"]
    assert "kreis run" in found["next"]
    released.kreis("run")
    assert findings(released, code=0) == []
