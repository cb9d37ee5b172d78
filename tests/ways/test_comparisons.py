"""What a comparison with the champion may spend, and what a run leaves of every candidate."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import Shop

from kreis.ledger import runs, steps
from kreis.settings import Settings
from kreis.workspace import Workspace


def steps_of_last_run(shop: Shop, discipline: str) -> dict[str, dict[str, Any]]:
    with Workspace(shop.folder, settings=Settings()).ledger as ledger, ledger.read() as connection:
        last = runs.list_runs(connection)[0]
        return {
            each.name: each.outputs for _, each in steps.steps_of(connection, last.id) if each.discipline == discipline
        }


def compare(shop: Shop, as_of: str) -> tuple[float, float]:
    """Days' worth spent, and the level of the interval that decided."""
    shop.run("run", "--as-of", as_of, code=10)
    spent = steps_of_last_run(shop, "deployment")["error spent"]
    (report,) = (each["report"] for each in steps_of_last_run(shop, "evaluation").values())
    level = report["differences"]["champion"]["level"]
    assert level == spent["level"]
    return spent["days"], level


def test_comparisons_spend_what_time_has_saved_and_one_made_again_spends_nothing(released: Shop):
    days, level = compare(released, "2025-08-20")
    assert days == pytest.approx(0.8 * 5)
    assert level == pytest.approx(1 - 2 * 0.1 * 4 / 365)
    assert compare(released, "2025-08-20") == (days, level)
    assert compare(released, "2025-08-22")[0] == pytest.approx(0.8 * (7 - 4))


def test_a_fixed_day_lets_no_later_comparison_pass_and_the_run_says_so(released: Shop):
    released.edit("leaves=7", "leaves=6")
    released.edit('project.candidate("logistic", Logistic())\n', "")
    told = released.kreis("run", code=10)
    assert "kreis.toml fixes as_of = '2025-08-15', so no new days pass and no later comparison can pass" in told


def test_another_model_on_the_same_test_rows_is_judged_harder_and_a_repeated_run_is_no_other_look(released: Shop):
    def looked() -> dict[str, Any]:
        (found,) = (each["report"] for each in steps_of_last_run(released, "evaluation").values())
        levels = {name: gate["estimate"]["level"] for name, gate in ((g["name"], g) for g in found["gates"])}
        return {**found["look"], "levels": levels}

    released.edit("leaves=7", "leaves=6")
    released.edit('project.candidate("logistic", Logistic())\n', "")
    told = released.kreis("run", code=10)
    second = looked()
    assert (second["number"], second["level"]) == (2.0, 0.9875)
    assert {second["levels"][name] for name in ("better_than_baseline", "calibration")} == {0.9875}
    assert f"look 2 at these {second['rows']:,} test rows" in told
    shown = released.kreis("show", "candidate")
    assert "looks" in shown
    assert "gates decide at 98.75%" in shown
    released.kreis("run", code=10)
    assert looked() == second
    released.kreis("run", "--as-of", "2025-08-20", code=10)
    assert looked()["number"] == 1.0  # days have passed: another test part


def test_every_candidate_of_a_run_leaves_a_report_and_only_the_chosen_one_is_compared_with_the_champion(released: Shop):
    compare(released, "2025-08-20")
    (found,) = steps_of_last_run(released, "evaluation").values()
    assert {found["candidate"], *found["others"]} == {"rule", "logistic", "gbdt"}
    gates = {name: [gate["name"] for gate in report["gates"]] for name, report in found["others"].items()}
    assert gates["rule"] == ["calibration"]
    assert all("beats_champion" not in names for names in gates.values())
    assert "beats_champion" in [gate["name"] for gate in found["report"]["gates"]]
    for report in found["others"].values():
        assert report["rows"] == found["report"]["rows"]
        assert report["reliability"]
        assert report["challenger"]["metrics"]["auc"]["low"] < report["challenger"]["metrics"]["auc"]["high"]


def test_a_run_repeated_after_its_canary_began_lists_the_same_steps(canary: Shop) -> None:
    """As one does that resumes a run which was killed after its release was recorded."""

    def steps_of() -> list[tuple[str, str]]:
        return [(each["name"], each["key"]) for each in canary.document("show", "run")["steps"]]

    before = steps_of()
    assert "error spent" in dict(before)
    canary.run("run")
    assert steps_of() == before
