"""Data checks: 5M rows × 10 columns, 12 checks. A kreis contract against one bare Polars pass, alternately.

    python benchmarks/contracts.py [--rows 5000000] [--times 3] [--bad 0.001] [--repeated 0.001]

The bare pass evaluates the same twelve conditions in one query, marks the bad rows (all duplicates among them) and
parts the frame, without reasons, types or report. Pandera runs too where it is installed. Each measurement is a
process of its own; shown are medians of wall seconds, CPU seconds and peak resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: bench
version: 1.0.0
schema:
  - name: bench
    properties:
      - {name: id, logicalType: integer, required: true, unique: true}
      - {name: code, logicalType: string, required: true, logicalTypeOptions: {pattern: '^[A-Z]{2}[0-9]{6}$'}}
      - {name: state, logicalType: string, enum: [{value: open}, {value: paid}, {value: sent}, {value: closed}]}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0, maximum: 10000}}
      - {name: weight, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: score, logicalType: number, logicalTypeOptions: {maximum: 1}}
      - {name: count, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: 100}}
      - {name: age, logicalType: integer, logicalTypeOptions: {maximum: 120}}
      - {name: at, logicalType: timestamp, required: true}
      - {name: flag, logicalType: boolean, required: true}
"""


Times = tuple[float, float]
"""Wall seconds and CPU seconds."""


def now() -> Times:
    return time.perf_counter(), time.process_time()


def since(start: Times) -> Times:
    return time.perf_counter() - start[0], time.process_time() - start[1]


def make(path: Path, rows: int, bad: float, repeated: float) -> None:
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(7)
    ids = rng.permutation(rows)
    if again := int(rows * repeated):
        ids[-again:] = ids[-2 * again : -again]
    frame = pl.DataFrame(
        {
            "id": ids,
            "number": rng.integers(0, 1_000_000, rows),
            "pick": rng.integers(0, 4, rows),
            "amount": rng.uniform(0, 10_000, rows),
            "weight": rng.exponential(5, rows),
            "score": rng.uniform(0, 1, rows),
            "count": rng.integers(0, 101, rows),
            "age": rng.integers(0, 121, rows),
            "at": (rng.integers(0, 31_536_000, rows) + 1_356_998_400) * 1_000_000,
            "flag": rng.random(rows) < 0.5,
        }
    )
    spoiled = int(rows * bad)
    frame = frame.with_columns(
        pl.format("AB{}", pl.col("number").cast(pl.String).str.zfill(6)).alias("code"),
        pl.lit(["open", "paid", "sent", "closed"]).list.get(pl.col("pick")).alias("state"),
        pl.col("at").cast(pl.Datetime("us", "UTC")),
        pl.when(pl.int_range(pl.len()) < spoiled).then(-1.0).otherwise(pl.col("amount")).alias("amount"),
    )
    order = ["id", "code", "state", "amount", "weight", "score", "count", "age", "at", "flag"]
    frame.select(order).write_parquet(path)


def ours(data: Path, contract: Path, lazy: bool) -> tuple[Times, int]:
    import polars as pl

    from kreis.collection.contracts.contract import Contract

    agreed = Contract.load(contract)
    frame = pl.scan_parquet(data) if lazy else pl.read_parquet(data).lazy()
    start = now()
    result = agreed.check(frame)
    return since(start), result.report.quarantined


def bare(data: Path, contract: Path, lazy: bool) -> tuple[Times, int]:
    import polars as pl

    frame = pl.scan_parquet(data) if lazy else pl.read_parquet(data).lazy()
    c = pl.col
    broken = [
        c("id").is_null(), c("id").is_duplicated(), c("code").is_null(), ~c("code").str.contains(r"^[A-Z]{2}[0-9]{6}$"),
        ~c("state").is_in(["open", "paid", "sent", "closed"]), ~c("amount").is_between(0, 10_000), c("weight") < 0,
        c("score") > 1, ~c("count").is_between(0, 100), c("age") > 120, c("at").is_null(), c("flag").is_null(),
    ]  # fmt: skip
    start = now()
    marked = frame.with_columns(pl.any_horizontal(broken).fill_null(False).alias("bad")).collect()
    good, bad = marked.filter(~c("bad")), marked.filter(c("bad"))
    assert good.height + bad.height == marked.height
    return since(start), bad.height


def pandera(data: Path, contract: Path, lazy: bool) -> tuple[Times, int]:
    import pandera.polars as pa
    import polars as pl

    check = pa.Check
    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(pl.Int64, unique=True),
            "code": pa.Column(pl.String, check.str_matches(r"^[A-Z]{2}[0-9]{6}$")),
            "state": pa.Column(pl.String, check.isin(["open", "paid", "sent", "closed"]), nullable=True),
            "amount": pa.Column(pl.Float64, check.in_range(0, 10_000)),
            "weight": pa.Column(pl.Float64, check.ge(0), nullable=True),
            "score": pa.Column(pl.Float64, check.le(1), nullable=True),
            "count": pa.Column(pl.Int64, check.in_range(0, 100), nullable=True),
            "age": pa.Column(pl.Int64, check.le(120), nullable=True),
            "at": pa.Column(pl.Datetime("us", "UTC")),
            "flag": pa.Column(pl.Boolean),
        }
    )
    frame = pl.read_parquet(data)
    start = now()
    try:
        schema.validate(frame, lazy=True)
        bad = 0
    except pa.errors.SchemaErrors as errors:
        bad = errors.failure_cases.height
    return since(start), bad


WAYS = {
    "kreis contract": (ours, False),
    "bare Polars pass": (bare, False),
    "kreis contract, from Parquet": (ours, True),
    "bare Polars pass, from Parquet": (bare, True),
    "Pandera": (pandera, False),
}


def measure(way: str, data: Path, contract: Path) -> None:
    function, lazy = WAYS[way]
    (seconds, cpu), bad = function(data, contract, lazy)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": peak, "bad": bad}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--bad", type=float, default=0.001)
    parser.add_argument("--repeated", type=float, default=0.0, help="share of rows whose id came before")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        measure(chosen.measure[0], Path(chosen.measure[1]), Path(chosen.measure[2]))
        return
    ways = [way for way in WAYS if way != "Pandera" or find_spec("pandera")]
    with tempfile.TemporaryDirectory() as folder:
        data, contract = Path(folder) / "data.parquet", Path(folder) / "bench.yaml"
        contract.write_text(CONTRACT)
        make(data, chosen.rows, chosen.bad, chosen.repeated)
        found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(chosen.times):
            for way in ways:
                command = [sys.executable, __file__, "--measure", way, str(data), str(contract)]
                answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found[way].append(json.loads(answer.stdout))
    print(
        f"{chosen.rows:,} rows × 10, 12 checks, {chosen.bad:.2%} out of range, {chosen.repeated:.2%} repeated ids, "
        f"medians of {chosen.times}"
    )
    print(f"{'':32}{'seconds':>9}{'CPU s':>8}{'peak MB':>9}{'bad rows':>10}{'ratio':>8}")
    for way, each in found.items():
        middle = {key: statistics.median(one[key] for one in each) for key in each[0]}
        base = statistics.median(one["seconds"] for one in found["bare Polars pass"])
        if way.endswith("Parquet"):
            base = statistics.median(one["seconds"] for one in found["bare Polars pass, from Parquet"])
        print(
            f"{way:32}{middle['seconds']:9.2f}{middle['cpu']:8.2f}{middle['mb']:9.0f}{middle['bad']:10,.0f}"
            f"{middle['seconds'] / base:8.2f}"
        )


if __name__ == "__main__":
    main()
