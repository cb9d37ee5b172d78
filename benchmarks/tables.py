"""Real tables: kreis from `init --file` to a released model, beside a plain script on the same split.

The plain script is what a practitioner writes first: LightGBM with native categories, or TF-IDF and logistic regression
for texts. Both learn from the same rows and are judged on the same rows. Prints the table of docs/reference/tables.md.

    KREIS_TEST_DATA=… python benchmarks/tables.py [NAME ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.end_to_end.real_tables import DATA, TABLES, RealTable

from kreis.collection.connectors.table import read_table

TREES = """
import lightgbm
import polars as pl

train, test = pl.read_parquet("train.parquet"), pl.read_parquet("test.parquet")
y, drop = {outcome!r}, {drop!r}
texts = [name for name in train.columns if train[name].dtype == pl.String and name not in (y, *drop)]
kinds = {{name: pl.Enum(pl.concat([train[name], test[name]]).drop_nulls().unique().sort()) for name in texts}}
PARTS = ("year", "month", "weekday")
moments = [name for name in train.columns if train[name].dtype.is_temporal() and name not in drop]


def features(frame):
    frame = frame.drop(y, *drop).with_columns(pl.col(name).cast(kind).to_physical() for name, kind in kinds.items())
    parts = [getattr(pl.col(name).dt, part)().alias(name + part) for name in moments for part in PARTS]
    return frame.with_columns(*parts).drop(moments).cast(pl.Float64).to_numpy()


names = [name for name in train.columns if name not in (y, *drop, *moments)]
model = lightgbm.{model}
model.fit(features(train), {learn}, categorical_feature=[names.index(name) for name in texts])
pl.DataFrame({{"score": model.{answer}}}).write_parquet("scores.parquet")
"""
WORDS = """
import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

train, test = pl.read_parquet("train.parquet"), pl.read_parquet("test.parquet")
model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
model.fit(train[{text!r}].fill_null("").to_list(), train[{outcome!r}].to_list())
scores = model.{answer}(test[{text!r}].fill_null("").to_list())
pl.DataFrame({{"score": scores{column}}}).write_parquet("scores.parquet")
"""

SERIES = """
import lightgbm
import polars as pl

rows = pl.read_csv({file!r}, null_values="NA", infer_schema_length=None)
rows = rows.with_columns(time=pl.datetime("year", "month", "day", "hour"))
value, origin = pl.col("pm2.5"), pl.col("time") + pl.duration(hours=1)
lags = [value.shift(lag).alias(f"lag{{lag}}") for lag in (0, 1, 2, 3, 5, 17, 18, 22, 23)]
means = [value.rolling_mean(24, min_samples=12).alias("mean"), value.rolling_std(24, min_samples=12).alias("spread")]
known = rows.with_columns(origin=origin, **{{each.meta.output_name(): each for each in lags + means}})
asked = pl.concat(
    known.with_columns(y=value.shift(-h), horizon=pl.lit(h), period=pl.col("time") + pl.duration(hours=h))
    for h in (1, 6, 24)
).with_columns(pl.col("period").dt.hour().alias("at"), pl.col("period").dt.weekday().alias("weekday"))
asked = asked.filter(pl.col("y").is_not_null(), pl.col("origin") <= {last}).sort("origin", "horizon")
learn = asked.filter(pl.col("period") + pl.duration(hours=1) <= {cut})
judge = asked.filter(pl.col("origin") > {cut})
names = ["DEWP", "TEMP", "PRES", "Iws", "Is", "Ir", "horizon", "month", "at", "weekday", "mean", "spread"]
names += [each.meta.output_name() for each in lags]
model = lightgbm.LGBMRegressor(objective="mae")
model.fit(learn.select(names).cast(pl.Float64).to_numpy(), learn["y"].to_numpy())
judge.select("origin", "y").with_columns(
    score=model.predict(judge.select(names).cast(pl.Float64).to_numpy()), learned=pl.lit(learn.height)
).write_parquet("scores.parquet")
"""
AIR = DATA / "beijing_pm25" / "pollution.csv.gz"


@dataclass(frozen=True)
class Plain:
    """How the plain script is filled in, and how its scores are judged."""

    script: str
    positive: Any = None


def plain_of(table: RealTable) -> Plain:
    """The script for a table."""
    yes = {"adult": ">50K", "bank": "yes", "telco": "Yes", "elec2": 1, "fraud": 1, "spam": "spam"}.get(table.name)
    drop = {
        "bank": ["duration"],
        "telco": ["customerID"],
        "bikes": ["casual", "registered"],
        "taxi": ["total", "tip", "tolls", "dropoff"],
        "fraud": ["TRANSACTION_ID", "TX_FRAUD_SCENARIO"],
    }.get(table.name, [])
    if table.name == "spam":
        script = WORDS.format(text="column_2", outcome=table.predict, answer="predict_proba", column="[:, 1]")
        return Plain(script, yes)
    if table.name in ("banking77", "tickets"):
        text = "text" if table.name == "banking77" else "body"
        return Plain(WORDS.format(text=text, outcome=table.predict, answer="predict", column=""))
    if yes is not None:
        model, learn, answer = (
            "LGBMClassifier()",
            f"(train[y] == {yes!r}).to_numpy()",
            "predict_proba(features(test))[:, 1]",
        )
    else:
        quantile = 'objective="quantile", alpha=0.75' if table.name == "taxi" else 'objective="mae"'
        model, learn, answer = f"LGBMRegressor({quantile})", "train[y].to_numpy()", "predict(features(test))"
    return Plain(TREES.format(outcome=table.predict, drop=drop, model=model, learn=learn, answer=answer), yes)


def split(table: RealTable, folder: Path) -> pl.DataFrame:
    """Write train.parquet and test.parquet; the second file, the last fifth in time, or a random fifth."""
    frame = read_table(table.path).collect()
    frame = frame.filter(pl.col(table.predict).is_not_null())
    moment = {"bikes": "dteday", "taxi": "pickup", "fraud": "TX_DATETIME"}.get(table.name)
    if table.test:
        judging = read_table(DATA / table.test).collect()
        if table.name == "adult":
            judging = judging.with_columns(pl.col("income").str.strip_chars_end("."))
    elif moment is not None:
        cut = frame[moment].cast(pl.Datetime("us")).sort()[int(frame.height * 0.8)]
        later = frame[moment].cast(pl.Datetime("us")) >= cut
        frame, judging = frame.filter(~later), frame.filter(later)
    else:
        judges = np.random.default_rng(7).random(frame.height) < 0.2
        frame, judging = frame.filter(~judges), frame.filter(judges)
    frame.write_parquet(folder / "train.parquet")
    judging.write_parquet(folder / "test.parquet")
    return judging


def judged(table: RealTable, judging: pl.DataFrame, scores: np.ndarray, positive: Any) -> np.ndarray:
    """The metric and its ends at 95%: 400 bootstrap draws of rows."""
    outcomes = judging[table.predict]
    known = outcomes.to_numpy() if positive is None else (outcomes == positive).to_numpy()

    def metric(rows: np.ndarray) -> float:
        if table.headline == "auc":
            return auc(scores[rows], known[rows])
        if table.headline == "accuracy":
            return float((scores[rows] == known[rows]).mean())
        errors = scores[rows] - known[rows]
        if table.headline == "value":
            return -float(np.where(errors > 0, errors, -3 * errors).mean())
        return float(np.abs(errors).mean())

    random = np.random.default_rng(1)
    drawn = [metric(random.integers(0, len(known), len(known))) for _ in range(400)]
    return np.array([metric(np.arange(len(known))), *np.quantile(drawn, [0.025, 0.975])])


def auc(scores: np.ndarray, yes: np.ndarray) -> float:
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = int(yes.sum()), int((~yes).sum())
    return float((rank[yes].sum() - n * (n + 1) / 2) / (n * m))


def by_kreis(table: RealTable, folder: Path) -> tuple[np.ndarray, float, int]:
    """The metric with its ends, the seconds, and the lines that were written: commands and edits."""
    files = ["--file", "train.parquet", "--test", "test.parquet", "--predict", table.predict]
    told = [*files, *table.options, "--time", "none"]
    return run_kreis(table.name, told, table.edits, folder, table.headline)


def run_kreis(
    name: str, told: list[str], edits: dict[str, str], folder: Path, headline: str
) -> tuple[np.ndarray, float, int]:
    """Begin a project, edit it, run it: the metric with its ends, the seconds, and the lines that were written."""
    begin = time.perf_counter()
    kreis = [sys.executable, "-m", "kreis"]
    environment = {**os.environ, "KREIS__PEOPLE__ACTOR": "ann"}
    subprocess.run([*kreis, "init", name, *told], cwd=folder, check=True, capture_output=True)
    project = folder / name / "project.py"
    text, lines = project.read_text(), 2
    for old, new in edits.items() if all(old in text for old in edits) else ():
        text, lines = text.replace(old, new, 1), lines + max(1, len([x for x in new.splitlines() if x.strip()]))
    project.write_text(text)
    done = subprocess.run(
        [*kreis, "run"], cwd=project.parent, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    shown = subprocess.run(
        [*kreis, "show", "model", "--json"], cwd=project.parent, capture_output=True, text=True, check=True
    )
    found = json.loads(shown.stdout)["evaluation"]["metrics"][headline]
    return np.array([found["value"], found["low"], found["high"]]), seconds, lines


def by_script(table: RealTable, folder: Path, judging: pl.DataFrame) -> tuple[np.ndarray, float, int]:
    plain = plain_of(table)
    (folder / "plain.py").write_text(plain.script)
    begin = time.perf_counter()
    subprocess.run([sys.executable, "plain.py"], cwd=folder, check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    scores = pl.read_parquet(folder / "scores.parquet")["score"].to_numpy()
    lines = len([line for line in plain.script.splitlines() if line.strip()])
    return judged(table, judging, scores, plain.positive), seconds, lines


def forecast(folder: Path) -> str:
    """The row of Beijing's air: both learn from what was known before the last year, and are judged by that year."""
    cut, last = (f"pl.datetime({year}, 12, 31)" for year in (2013, 2014))
    script = SERIES.format(file=str(AIR), cut=cut, last=last)
    (folder / "plain.py").write_text(script)
    begin = time.perf_counter()
    subprocess.run([sys.executable, "plain.py"], cwd=folder, check=True, capture_output=True)
    script_seconds = time.perf_counter() - begin
    judged = pl.read_parquet(folder / "scores.parquet").with_columns(error=(pl.col("score") - pl.col("y")).abs())
    days = judged.group_by(pl.col("origin").dt.date()).agg(pl.col("error").sum(), pl.len()).sort("origin")
    random, sums = np.random.default_rng(1), days.select("error", "len").to_numpy()
    drawn = [sums[random.integers(0, len(sums), len(sums))].sum(axis=0) for _ in range(400)]
    ends = np.quantile([error / count for error, count in drawn], [0.025, 0.975])
    plain = np.array([judged["error"].mean(), *ends])
    told = ["--file", str(AIR), "--predict", "pm2.5", "--task", "forecasting"]
    kreis, seconds, _ = run_kreis("air", told, {}, folder, "mean_absolute_error")
    lines = f"2, {len([line for line in script.splitlines() if line.strip()])}"
    cells = ["air", f"{judged['learned'][0]:,}, {judged.height:,}", "mean absolute error", said(kreis), said(plain)]
    return "| " + " | ".join([*cells, lines, f"{seconds:.0f}, {script_seconds:.0f}"]) + " |"


def said(values: np.ndarray) -> str:
    value, low, high = (f"{each:.3f}" if abs(each) < 10 else f"{each:.1f}" for each in values)
    return f"{value} ({low} to {high})"


def main(names: list[str]) -> None:
    print("| table | rows: learned from, judged by | metric | kreis | plain script | lines | seconds |")
    print("|---|---|---|---|---|---|---|")
    for table in TABLES:
        if (names and table.name not in names) or not table.path.is_file() or not table.beside_script:
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            judging = split(table, folder)
            rows = (
                f"{pl.scan_parquet(folder / 'train.parquet').select(pl.len()).collect().item():,}, {judging.height:,}"
            )
            plain, plain_seconds, plain_lines = by_script(table, folder, judging)
            kreis, seconds, lines = by_kreis(table, folder)
            cells = [table.name, rows, table.headline.replace("_", " "), said(kreis), said(plain)]
            print(
                "| " + " | ".join([*cells, f"{lines}, {plain_lines}", f"{seconds:.0f}, {plain_seconds:.0f}"]) + " |",
                flush=True,
            )
    if (not names or "air" in names) and AIR.is_file():
        with tempfile.TemporaryDirectory() as place:
            print(forecast(Path(place)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
