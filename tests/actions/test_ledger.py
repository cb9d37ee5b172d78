"""A project whose ledger is lost: refused, said what is missing, and brought back."""

from __future__ import annotations

import shutil
from typing import Any

import pytest


def test_lost_ledger_is_said_and_comes_back_from_a_backup(released: Any) -> None:
    backup = released.folder / "backups.db"
    made = released.document("ledger", "backup", str(backup))
    released.run("rollback", "--to", "1", "--reason", "drill")
    (released.state / "ledger.db").unlink()
    said = released.kreis("run", code=5)
    assert "the ledger is gone" in said
    assert "kreis ledger restore BACKUP" in said
    assert "the ledger is gone" in released.kreis("audit", "verify", "--deep", code=5)
    assert not (released.state / "ledger.db").exists()
    done = released.document("ledger", "restore", str(backup), "--reason", "the disk was replaced")
    assert done["backup"]["head"] == made["head"]
    entries = made["entries"]
    assert done["lost"] == [
        f"entries {entries + 1} to {entries + 1} of the record are lost",
        "the service answers by release 2",
    ]
    released.document("audit", "verify", "--head", made["head"])
    released.run("rollback", "--to", "1", "--reason", "again")
    assert released.document("status")["release"]["number"] == 3, "a number that was in service is not given twice"
    assert released.document("audit", "verify", "--deep")["problems"] == []


@pytest.mark.parametrize("left", ["lake", "pointer"])
def test_ledger_lost_with_its_head_is_not_begun_anew(released: Any, left: str) -> None:
    for path in released.state.glob("ledger.db*"):
        path.unlink()
    shutil.rmtree(released.state / ("service" if left == "lake" else "lake"))
    said = released.kreis("run", code=5)
    assert "the ledger is gone, but" in said
    assert str(released.state / ("lake" if left == "lake" else "service")) in said
    assert not (released.state / "ledger.db").exists()


def test_ledger_that_is_whole_is_not_restored_over(released: Any) -> None:
    backup = released.folder / "backups.db"
    released.run("ledger", "backup", str(backup))
    assert "the ledger is whole" in released.kreis("ledger", "restore", str(backup), "--reason", "x", code=4)
    assert "the ledger is whole" in released.kreis("ledger", "accept", "--reason", "x", code=4)


def test_old_copy_put_in_its_place_is_refused_until_the_loss_is_accepted(released: Any) -> None:
    old = (released.state / "ledger.db").read_bytes()
    released.run("rollback", "--to", "1", "--reason", "drill")
    (released.state / "ledger.db").write_bytes(old)
    said = released.kreis("status", code=5)
    assert "was acknowledged" in said
    assert "kreis ledger accept" in said
    done = released.document("ledger", "accept", "--reason", "no backup of that day")
    assert "the service answers by release 2" in done["lost"]
    assert released.document("audit", "verify")["problems"] == []


def test_pointer_is_not_put_back_to_a_release_that_is_older(released: Any) -> None:
    """Both the ledger and its head are of an older day: the pointer still knows."""
    old = {path: path.read_bytes() for path in released.state.glob("ledger.db*")}
    released.run("rollback", "--to", "1", "--reason", "drill")
    pointer = (released.state / "service" / "current.json").read_bytes()
    for path, data in old.items():
        path.write_bytes(data)
    said = released.kreis("run", code=5)
    assert "release 2" in said
    assert (released.state / "service" / "current.json").read_bytes() == pointer
    problems = released.document("audit", "verify", "--deep", code=5)["problems"]
    assert any("release 2" in problem["what"] for problem in problems)
