"""A process of its own that records: `python process_that_records.py PLACE COUNT NAME`.

Prints a line for each acknowledged record, after it was acknowledged.
"""

from __future__ import annotations

import os
import sys

from kreis.clock import SystemClock
from kreis.digests import digest_of
from kreis.ledger import models, steps
from kreis.ledger.records import Step
from kreis.ledger.store import open_ledger


def main(place: str, count: int, name: str) -> None:
    clock = SystemClock()
    with open_ledger(place, clock=clock) as ledger:
        os.write(1, b"open\n")
        for number in range(count):
            key = f"{name}-{number}"
            with ledger.record(event="step.finished", subject=key, actor=name, reason="count") as tx:
                fields = {"inputs": {}, "outputs": {"number": number}, "seconds": 0.5, "finished_at": tx.now}
                steps.add_step(tx, Step(key=key, discipline="training", name=name, **fields))
                model = models.register_model(
                    tx, digest=digest_of(key.encode()), project="p", candidate=name, run="run", signature="{}"
                )
            os.write(1, f"{key} {model.version}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
