"""Acknowledges an append, an artifact, a change of the ledger and a closed segment of the prediction log, and says so.

Usage: FOLDER. Traced by test_fsync.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import polars as pl

from kreis.artifacts.folder import ArtifactFolder
from kreis.clock import SystemClock
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import OutcomeRecord
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger


def say(text: str) -> None:
    os.write(1, f"acknowledged {text}\n".encode())


def main() -> None:
    folder = Path(sys.argv[1])
    with open_ledger(folder / "ledger.db", clock=SystemClock()) as ledger:
        lake = Lake(folder / "lake", ledger)
        lake.append("bronze/x", pl.DataFrame({"n": [1]}), step="first", actor="ann", reason="test")
        say("first append")
        lake.append("bronze/x", pl.DataFrame({"n": [2]}), step="second", actor="ann", reason="test")
        say("append")
        ArtifactFolder(folder / "artifacts").put(b"model")
        say("artifact")
        with ledger.record(event="test.said", subject="test", actor="ann", reason="test"):
            pass
        say("record")
    journal = Journal(folder / "log", SystemClock(), durable=True)
    journal.append([OutcomeRecord(outcome=1.0, known_at=1, reference="r")])
    journal.rotate()
    say("rotation")


if __name__ == "__main__":
    main()
