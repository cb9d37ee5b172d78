"""Every damaged byte of an online store is named, and none is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from kreis.expressions.tree import Aggregate, Column
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.inspection import problems_of
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.views import FeatureView

BASE, HOUR = 1_700_000_000_000_000, 3_600_000_000
VIEW = FeatureView(
    name="v", entity="who", table="t", event_time="event", known_at="known", windows=("8h",),
    features={"mean": Aggregate("mean", Column("x"))},
)  # fmt: skip
ASK = """
import json, sys
from pathlib import Path
import msgspec
from kreis.errors import StoreError
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.views import FeatureView
folder, view = Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=FeatureView)
answers = {}
try:
    features = OnlineFeatures(LmdbStore(folder, readonly=True), [view])
except StoreError:
    print("{}")
    raise SystemExit
for name in range(200):
    try:
        answers[name] = repr(features.vector({"who": f"entity-{name}"}, %d))
    except StoreError:
        pass
print(json.dumps(answers))
"""


@pytest.fixture
def fed(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    times = pl.Series(BASE + rng.integers(0, 8 * HOUR, 3000)).cast(pl.Datetime("us", "UTC"))
    names = [f"entity-{each}" for each in rng.integers(0, 200, 3000)]
    table = pl.DataFrame({"who": names, "event": times, "known": times, "x": rng.normal(size=3000)})
    store = LmdbStore(tmp_path / "online")
    OnlineFeed(store, [(VIEW, table)], history=True).advance(BASE + 8 * HOUR)
    store.close()
    return tmp_path / "online"


def asked(folder: Path) -> dict[str, str]:
    """What each entity's question is answered with, in a process of its own: damaged pages may end it."""
    program = ASK % (BASE + 8 * HOUR)
    arguments = [sys.executable, "-c", program, str(folder), msgspec.json.encode(VIEW).decode()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    return msgspec.json.decode(done.stdout, type=dict[str, str]) if done.returncode == 0 else {}


def test_a_whole_store_has_no_problems(fed: Path) -> None:
    assert problems_of(fed) == []
    assert problems_of(fed.parent / "nothing") == []
    assert len(asked(fed)) == 200


def test_a_store_that_was_cut_off_has(fed: Path) -> None:
    data = fed / "data.mdb"
    os.truncate(data, data.stat().st_size // 2)
    assert "cut off" in problems_of(fed)[0]


@pytest.mark.faults
def test_a_flipped_bit_is_named_and_never_served(fed: Path) -> None:
    """A record whose key was hit is missing: that is named, and its entity's features are missing ones."""
    right, data = asked(fed), fed / "data.mdb"
    whole = data.read_bytes()
    flips = int(os.environ.get("KREIS_FLIPS", "60"))
    rng = np.random.default_rng(int(os.environ.get("KREIS_SEED", "20261126")))
    named = harmless = silent = 0
    for _ in range(flips):
        place, bit = int(rng.integers(len(whole))), int(rng.integers(8))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        data.write_bytes(bytes(damaged))
        problems, answers = problems_of(fed), asked(fed)
        wrong = {name for name, answer in answers.items() if answer != right[name]}
        if any(answers[name] != "[nan]" for name in wrong):
            pytest.fail(f"bit {bit} of byte {place}: a wrong feature was served")
        if problems:
            named += 1
        elif wrong:
            silent += 1
        else:
            harmless += 1
    data.write_bytes(whole)
    print(f"{flips} flipped bits in an online store: {named} named, {harmless} in unused bytes, {silent} silent")  # noqa: T201
    assert not silent
    assert named
