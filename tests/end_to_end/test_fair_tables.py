"""Adult and COMPAS from the raw files to what is found of fairness: who is worse off, and what it costs to change that.

The numbers of docs/evaluation/fairness.md are what these print (`pytest -m slow -s`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.real_tables import DATA

pytestmark = pytest.mark.slow
ADULT = """
import polars as pl
from kreis import (
    DecisionValue, Goal, GradientBoosting, Mean, Mitigation, Project, Risk, read_table
)

value = DecisionValue("EUR per 1,000 people", true_positive=100, false_positive=-100)
project = Project("adult", goal=Goal(
    question="Does this person earn more than 50,000 dollars?", decision="Offer the better contract.", metric=value,
    risk=Risk.minimal(because="a worked example"), favourable="positive",
))
project.rows(
    "{train}",
    outcome="income", positive=">50K", judge_by=["sex", "race"],
    test=read_table("{test}").with_columns(pl.col("income").str.strip_chars_end(".")),
)
project.candidate("mean", Mean(), baseline=True)
project.candidate("gbdt", GradientBoosting(trees=200, leaves=31))
project.examine(Mitigation(by="sex", at_least=0.8))
"""
COMPAS = """
import polars as pl
from kreis import (
    Canary, DecisionValue, Goal, GradientBoosting, Mean, Mitigation, Project, RandomSplit, Risk, read_table
)

value = DecisionValue("right less wrong decisions per 1,000", true_positive=1, false_positive=-1)
project = Project("compas", goal=Goal(
    question="Will this person be arrested again within two years?", decision="Keep in custody.", metric=value,
    risk=Risk.high(because="a worked example of what must not be decided so"), favourable="negative",
))


def people():
    # As ProPublica cleaned the file (compas-analysis, "Compas Analysis.ipynb").
    near = pl.col("days_b_screening_arrest").is_between(-30, 30)
    return read_table("{train}").filter(
        near & (pl.col("is_recid") != -1) & (pl.col("c_charge_degree") != "O") & (pl.col("score_text") != "N/A")
    ).select(
        "id", "sex", "race", "age", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count",
        "c_charge_degree", "two_year_recid",
    )


project.rows(people, outcome="two_year_recid", id="id", judge_by=["race", "sex"])
project.split(RandomSplit(test=0.3))
project.candidate("mean", Mean(), baseline=True)
project.candidate("gbdt", GradientBoosting(trees=100, leaves=7))
project.examine(Mitigation(by="race", at_least=0.8))
project.release(Canary(steps=(1.0,)), approval=["data scientist", "court"])  # a high risk has two people asked
"""


def found_in(name: str, project: str, place: Path, new_shop: Any, **files: str) -> dict[str, Any]:
    """What a run found, by examination; and its metrics. It may take minutes."""
    paths = {each: DATA / file for each, file in files.items()}
    for path in paths.values():
        if not path.is_file():
            pytest.skip(f"the table is not at {path}")
    like = place / "like"
    like.mkdir()
    text = project
    for each, path in paths.items():
        text = text.replace(f"{{{each}}}", str(path))
    (like / "project.py").write_text(text)
    (like / "kreis.toml").write_text("[training]\nseed = 7\n")
    shop = new_shop(place / name, like=like)
    command = {"cwd": shop.folder, "env": shop.environment(), "capture_output": True, "text": True, "timeout": 1800}
    ran = subprocess.run(shop.command("run"), check=False, **command)
    assert "Traceback" not in ran.stderr, ran.stderr
    shown = subprocess.run(shop.command("show", "candidate", "gbdt", "--json"), check=True, **command)
    report = json.loads(shown.stdout)["evaluation"]
    found = {each["examination"]: each for each in report["examined"]}
    auc = report["metrics"]["auc"]
    told = [f"{name}: AUC {auc['value']:.4f} ({auc['low']:.4f} to {auc['high']:.4f})"]
    told += [f"{each['measure']}: {each['said']}" for each in found["fairness"]["findings"]]
    told += [f"({note})" for each in ("fairness", "mitigation") for note in found[each]["notes"]]
    for row in found["mitigation"]["tables"]["curve"]:
        told.append(" ".join(f"{key}={_short(value)}" for key, value in row.items()))
    told += [each["said"] for each in found["mitigation"]["findings"]]
    sys.stdout.write("\n  ".join(told) + "\n")
    return {"auc": auc, **found}


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@pytest.fixture(scope="module")
def adult(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> dict[str, Any]:
    files = {"train": "adult_census/adult_train.csv.gz", "test": "adult_census/adult_test.csv.gz"}
    return found_in("adult", ADULT, tmp_path_factory.mktemp("adult"), new_shop, **files)


@pytest.fixture(scope="module")
def compas(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> dict[str, Any]:
    return found_in(
        "compas", COMPAS, tmp_path_factory.mktemp("compas"), new_shop, train="compas/compas_two_years.csv.gz"
    )


def finding(found: dict[str, Any], measure: str, column: str) -> dict[str, Any]:
    return next(
        each for each in found["fairness"]["findings"] if (each["measure"], each["column"]) == (measure, column)
    )


def test_boosted_trees_land_in_the_known_ranges(adult: dict[str, Any], compas: dict[str, Any]) -> None:
    assert 0.92 <= adult["auc"]["value"] <= 0.93
    assert 0.70 <= compas["auc"]["value"] <= 0.76


def test_women_get_the_better_contract_less_often_and_women_of_colour_least(adult: dict[str, Any]) -> None:
    women = finding(adult, "disparate_impact", "sex")
    assert (women["group"], women["serious"]) == ("Female", True)
    assert women["estimate"]["high"] < 0.5
    both = finding(adult, "disparate_impact", "sex and race")
    assert both["group"].startswith("Female, ")
    assert both["estimate"]["value"] < women["estimate"]["value"]
    assert finding(adult, "equalised_odds_difference", "sex")["estimate"]["low"] > 0.02


def test_features_give_sex_away_though_it_is_none(adult: dict[str, Any]) -> None:
    told = finding(adult, "proxy_auc", "sex")
    assert told["estimate"]["low"] > 0.85
    assert "row__relationship" in told["detail"]["features"]


def test_bias_of_compas_is_visible(compas: dict[str, Any]) -> None:
    by_race = [each for each in compas["fairness"]["findings"] if each["column"] == "race"]
    black = [each for each in by_race if each["group"] == "African-American"]
    impact = next(each for each in black if each["measure"] == "disparate_impact")
    assert impact["estimate"]["high"] < 0.9
    odds = next(each for each in by_race if each["measure"] == "equalised_odds_difference")
    assert odds["estimate"]["low"] > 0.05


@pytest.mark.parametrize("name", ["adult", "compas"])
def test_four_fifths_can_be_reached_and_the_price_is_known(name: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(name)["mitigation"]
    said = {each["detail"]["method"]: each for each in found["findings"]}
    thresholds = said["thresholds by group"]
    curve = {(row["method"], row["setting"]): row for row in found["tables"]["curve"]}
    before, after = curve["as it is", ""], curve["thresholds by group", thresholds["detail"]["setting"]]
    assert before["ratio"] < 0.8
    assert after["ratio"] > max(0.65, before["ratio"])
    assert after["cost_high"] > 0
