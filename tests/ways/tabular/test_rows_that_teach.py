"""The leak guard in the frame that runs: a project whose source hides nothing of the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kreis import open_project
from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock, microseconds
from kreis.errors import ProjectError
from kreis.ways.tabular.rows import read_rows, split_rows
from kreis.workspace import Workspace

AS_OF = datetime(2025, 8, 15, tzinfo=UTC)

PROJECT = """
from pathlib import Path
import polars as pl
from kreis import DecisionValue, Goal, Logistic, Project, Risk, Rule, TimeSplit, Window

project = Project("parts", goal=Goal(
    question="Will it fail?", decision="Replace it.", risk=Risk.minimal(because="a machine"),
    metric=DecisionValue("EUR", true_positive=5.0, false_positive=-1.0),
))

@project.source(contract="parts.yaml", known_at="at")
def parts(window: Window) -> pl.LazyFrame:
    return pl.scan_parquet(Path(__file__).parent / "parts.parquet").filter(window.contains("at"))

@project.spine(id="part", time="at", keys=["machine"], outcome="failed", outcome_known_at="seen", outcome_within="5d",
               positive="yes")
def checks(parts: pl.LazyFrame) -> pl.LazyFrame:
    return parts

project.request_view("part", fields={"heat": "number", "code": "number"},
                     features={"heat": pl.col("heat"), "code": pl.col("code")})
project.split(TimeSplit(test="20d"))
project.candidate("never", Rule(pl.lit(False)), baseline=True)
project.candidate("logistic", Logistic(), features=["part__heat"])
"""

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: parts
version: 1.0.0
schema:
  - name: parts
    properties:
      - {name: part, logicalType: string, primaryKey: true}
      - {name: machine, logicalType: string}
      - {name: heat, logicalType: number}
      - {name: code, logicalType: number}
      - {name: failed, logicalType: string}
      - {name: at, logicalType: timestamp, required: true}
      - {name: seen, logicalType: timestamp}
"""


def parts(rows=1_200) -> pl.DataFrame:
    """Ten a day up to the run's moment; "no" is seen four days after "yes"."""
    rng = np.random.default_rng(11)
    heat = rng.normal(size=rows)
    failed = rng.random(rows) < 1 / (1 + np.exp(1 - 2 * heat))
    at = pl.datetime_range(AS_OF - timedelta(hours=2.4) * (rows - 1), AS_OF, "144m", eager=True, time_zone="UTC")
    frame = pl.DataFrame({"part": [f"p{i}" for i in range(rows)], "machine": "m", "heat": heat, "at": at})
    delay = pl.when(pl.Series(failed)).then(timedelta(hours=6)).otherwise(timedelta(hours=102))
    return frame.with_columns(
        failed=pl.when(pl.Series(failed)).then(pl.lit("yes")).otherwise(pl.lit("no")),
        seen=pl.col("at") + delay,
        code=pl.Series(failed).cast(pl.Float64) * 3.0,
    )


class Folder:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "kreis.toml").write_text("[training]\nseed = 7\n")
        (folder / "parts.yaml").write_text(CONTRACT)
        (folder / "project.py").write_text(PROJECT)
        parts().write_parquet(folder / "parts.parquet")

    def edit(self, old, new):
        assert old in PROJECT
        (self.folder / "project.py").write_text(PROJECT.replace(old, new))

    def run(self, until="training"):
        workspace = Workspace(self.folder, clock=SimulatedClock(AS_OF))
        return run_circle(workspace.load_project(), workspace, as_of=AS_OF, until=until)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "parts")


def test_neither_young_rows_nor_outcomes_of_the_future_reach_training_validation_or_test(folder):
    result = folder.run()
    circle = result.state
    rows = read_rows(circle, ["part__heat"])
    split = split_rows(circle, rows)
    known, waits = rows.known_at, 5 * 86_400_000_000
    assert known.max() <= microseconds(AS_OF)
    assert (rows.time + waits <= microseconds(AS_OF)).all()
    for part, end in (("fit", split.validation_start), ("train", split.train_end), ("validation", split.train_end)):
        chosen = getattr(split, part)
        assert (rows.time[chosen] + waits <= end).all()
        assert (known[chosen] <= end).all()
    # "yes" is seen long before "no": where young rows counted, the newest would nearly all be "yes".
    share = rows.outcomes.mean()
    for part in (split.fit, split.validation, split.test):
        assert abs(rows.outcomes[part][-40:].mean() - share) < 0.25
    spine = circle.workspace.lake.scan(circle.table("checks").table).collect()
    assert spine.filter(pl.col("failed").is_not_null())["seen"].max() <= AS_OF
    assert spine.filter(pl.col("at") > AS_OF - timedelta(hours=6))["failed"].null_count() == 3


def test_the_verdict_says_what_became_of_the_rows(folder):
    verdict = folder.run("preparation").last
    assert verdict.summary.endswith("1,150 may teach (428 failed = 'yes'), 50 younger than 5d wait")
    (warning,) = verdict.detail["warnings"]
    assert "outcomes that are yes are known after 6.0h (median), those that are no after 4.2d" in warning


def test_the_notebook_gives_the_rows_that_taught(folder):
    circle = folder.run().state
    rows = read_rows(circle, ["part__heat"])
    frame = open_project(folder.folder).training_frame(circle.run)
    assert frame.height == len(rows)
    assert np.array_equal(frame["failed"].to_numpy(), rows.outcomes.astype(np.float64))
    assert open_project(folder.folder).training_frame(circle.run, only_known=False).height == 1_200


def test_a_feature_that_is_the_outcome_is_refused_until_it_is_allowed_by_name(folder):
    folder.edit(', features=["part__heat"]', "")
    with pytest.raises(ProjectError, match=r"'part__code' predicts the outcome perfectly by itself \(AUC 1.0000\)"):
        folder.run()
    folder.edit(', features=["part__heat"])', ')\nproject.allow_perfect_feature("part__code", because="a test")')
    result = folder.run()
    assert result.verdicts["preparation"].detail["perfect_features"] == {"part__code": "a test"}


def test_a_feature_that_nearly_is_the_outcome_is_named_in_a_warning(folder):
    folder.edit(', features=["part__heat"]', "")
    almost = pl.when(pl.col("heat").abs() < 0.05).then(0.0).otherwise("code")
    parts().with_columns(code=almost).write_parquet(folder.folder / "parts.parquet")
    warnings = folder.run().verdicts["preparation"].detail["warnings"]
    assert any("'part__code' alone predicts the outcome very well (AUC 0.98" in each for each in warnings)


def test_a_feature_without_any_value_is_named_in_a_warning(folder):
    folder.edit('"heat": pl.col("heat")', '"heat": pl.col("heat") / 0')
    warnings = folder.run().verdicts["preparation"].detail["warnings"]
    assert any("'part__heat' has no value in any row" in each for each in warnings)


def test_another_positive_value_or_horizon_computes_anew(folder):
    first = folder.run()
    folder.edit('positive="yes"', 'positive="no"')
    turned = folder.run()
    assert not turned.state.candidates["logistic"].remembered
    folder.edit('outcome_within="5d"', 'outcome_within="9d"')
    longer = folder.run()
    assert not longer.state.candidates["logistic"].remembered
    taught = [each.state.candidates["logistic"].output.candidate.training["rows"] for each in (first, longer)]
    assert taught[1] < taught[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("risk=Risk", 'guardrails=[k.Guardrail("recall", at_least=0.1, by="machin")], risk=Risk'),
        ('TimeSplit(test="20d")', 'k.GroupSplit(by="machin")'),
        ('TimeSplit(test="20d")', 'k.CrossValidation(by="machin")'),
        ("project.candidate(", 'project.examine(k.Fairness(by=("machine", "machin")))\nproject.candidate('),
        ("project.candidate(", 'project.examine(k.Mitigation(by="machin"))\nproject.candidate('),
        ("Logistic()", 'Logistic(), mitigate=k.Reweighed(by="machin", because="a test")'),
    ],
)
def test_a_column_that_the_spine_lacks_is_refused_before_training(folder, old, new):
    file = folder.folder / "project.py"
    file.write_text("import kreis as k\n" + file.read_text().replace(old, new, 1))
    with pytest.raises(ProjectError, match="unknown column of the spine 'machin'") as caught:
        folder.run()
    assert "'machine'" in caught.value.hint


@pytest.mark.parametrize(("share", "few"), [("0.2", True), ("0.3", False)])
def test_a_tail_with_few_rows_of_the_rarer_outcome_says_how_many_decided(folder, share, few):
    frame = parts().with_columns(failed=pl.when(pl.col("heat") > 1.0).then(pl.lit("yes")).otherwise(pl.lit("no")))
    frame.with_columns(heat=pl.col("code")).write_parquet(folder.folder / "parts.parquet")
    folder.edit('TimeSplit(test="20d")', f'TimeSplit(test="20d", validation={share})')
    verdict = folder.run().last
    rows, positive = int(verdict.detail["rows"]), int(verdict.detail["positives"])
    assert f"({rows:,} rows, {positive:,} positive)" in verdict.summary
    assert (positive < 50) == few
    assert [f"only {positive} of" in each for each in verdict.detail["warnings"]] == [True] * few


def test_what_is_positive_stands_in_the_package_and_on_the_card(folder):
    result = folder.run("deployment")
    shop = open_project(folder.folder)
    assert result.status == "advanced"
    assert "yes (failed = 'yes') from a score of" in str(shop.show("model"))
    assert "It decides yes (failed = 'yes') from a score of" in shop.card()
