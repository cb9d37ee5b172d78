import html
import re

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kreis.errors import ProjectError
from kreis.evaluation.card import model_card, plain
from kreis.evaluation.evaluate import EvaluationReport, evaluate
from kreis.evaluation.gates import GateResult
from kreis.evaluation.scored import Scored
from kreis.evaluation.slices import group_codes
from kreis.evaluation.spending import Spending
from kreis.requirements.goal import Goal, Guardrail
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut

DAYS, PER_DAY = 30, 200
RNG = np.random.default_rng(42)
BLOCKS = np.repeat(np.arange(DAYS), PER_DAY)
LOGIT = RNG.normal(-1.3, 1.2, DAYS * PER_DAY)
OUTCOMES = (RNG.random(LOGIT.size) < 1 / (1 + np.exp(-LOGIT))).astype(float)
ORIGIN = np.array(["EWR", "JFK", "LGA"])[RNG.integers(0, 3, LOGIT.size)]


def scored(name: str, noise: float, **changes: object) -> Scored:
    logit = LOGIT + np.random.default_rng(1).normal(0, 1, LOGIT.size) * noise
    values = {"scores": 1 / (1 + np.exp(-logit)), "decision": Cut(0.226), "digest": name[0] * 64} | changes
    return Scored(name, **values)  # type: ignore[arg-type]


GOOD, POOR = scored("gbdt", 0.1), scored("rule", 3.0)
POOR_CHAMPION = scored("old", 3.0)


def goal(**changes: object) -> Goal:
    values = {
        "question": "Late?",
        "decision": "Rebook.",
        "metric": DecisionValue("EUR per 1,000 flights", true_positive=120, false_positive=-35),
        "better_than_baseline": 1000.0,
        "guardrails": [Guardrail("recall", at_least=0.4), Guardrail("recall", at_least=0.4, by="origin")],
    } | changes
    return Goal(**values)  # type: ignore[arg-type]


def judged(challenger: Scored = GOOD, baselines: tuple[Scored, ...] = (POOR,), **changes: object) -> EvaluationReport:
    options = {"outcomes": OUTCOMES, "blocks": BLOCKS, "groups": {"origin": ORIGIN}, "goal": goal()} | changes
    chosen = options.pop("goal")
    return evaluate(challenger, list(baselines), chosen, **options)  # type: ignore[arg-type]


def gate(report: EvaluationReport, name: str) -> GateResult:
    return next(each for each in report.gates if each.name == name)


def test_a_good_model_passes_every_gate():
    report = judged()
    assert report.passed, report.refusals
    assert [each.name for each in report.gates] == ["better_than_baseline", "recall", "recall by origin", "calibration"]
    assert report.days == DAYS
    assert report.value.low < report.value.value < report.value.high


def test_a_model_that_is_its_baseline_is_not_shown_to_beat_it():
    report = judged(GOOD, (scored("same", 0.1),))
    assert gate(report, "better_than_baseline").outcome != "pass"
    assert "better_than_baseline" in [each.name for each in report.gates if not each.passed]


def test_every_baseline_must_be_beaten_and_the_hardest_is_named():
    found = gate(judged(GOOD, (POOR, scored("twin", 0.12))), "better_than_baseline")
    assert not found.passed
    assert found.detail["hardest"] == "twin"


def test_a_guardrail_by_group_is_judged_by_its_hardest_group():
    weak = np.where(ORIGIN == "LGA", 0.05, GOOD.scores)
    found = gate(judged(scored("biased", 0, scores=weak)), "recall by origin")
    assert not found.passed
    assert found.detail["hardest"] == "LGA"
    assert set(found.detail["groups"]) == {"EWR", "JFK", "LGA"}


def test_an_unknown_column_comes_with_the_nearest():
    with pytest.raises(ProjectError, match="did you mean 'origin'"):
        judged(goal=goal(guardrails=[Guardrail("recall", at_least=0.4, by="orign")]))


def test_scores_that_are_no_probabilities_of_the_outcome_fail_calibration():
    shifted = scored("shifted", 0, scores=np.clip(GOOD.scores + 0.4, 0, 1), decision=Cut(0.626))
    assert gate(judged(shifted), "calibration").outcome == "fail"


def test_the_champion_must_be_beaten():
    assert gate(judged(champion=scored("gbdt", 0.12)), "beats_champion").outcome == "undecided"
    assert gate(judged(champion=scored("gbdt", 3.0)), "beats_champion").passed


def test_the_champion_is_compared_at_the_level_that_may_be_spent():
    spending = Spending(days=30.0, level=0.999, why="30 days' worth")
    found = gate(judged(champion=POOR_CHAMPION, spending=spending), "beats_champion")
    assert found.estimate is not None
    assert found.estimate.level == 0.999
    assert "at 99.9%" in found.explanation
    assert "30 days' worth" in found.explanation
    assert gate(judged(champion=POOR_CHAMPION), "beats_champion").estimate.level == 0.95  # type: ignore[union-attr]


def test_baselines_that_share_a_name_are_refused():
    with pytest.raises(ProjectError, match="share a name"):
        judged(GOOD, (POOR, scored("rule", 2.0)))


def test_no_baseline_is_refused():
    with pytest.raises(ProjectError, match="no baseline"):
        judged(GOOD, ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcomes": np.where(np.arange(OUTCOMES.size) == 7, np.nan, OUTCOMES)}, "the first in row 7: nan"),
        ({"outcomes": OUTCOMES[:-1]}, "6000 scores but 5999 outcomes"),
        ({"blocks": BLOCKS[:-1]}, "6000 rows but 5999 blocks"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: dict[str, object], message: str):
    with pytest.raises(ProjectError, match=message):
        judged(**change)


def test_missing_scores_are_refused():
    with pytest.raises(ProjectError, match="not probabilities, the first in row 0: nan"):
        judged(scored("broken", 0, scores=np.full(len(OUTCOMES), np.nan)))


def test_a_report_survives_json_even_where_metrics_are_undefined():
    report = judged(scored("never", 0.1, decision=Cut(2.0)))
    text = msgspec.json.encode(report.to_document())
    again = EvaluationReport.from_document(msgspec.json.decode(text))
    assert again.to_document() == report.to_document()
    assert not again.challenger.metrics["precision"].defined
    assert not again.passed


def test_a_report_written_when_gates_only_passed_or_failed_is_read():
    document = judged().to_document()
    for each, passed in zip(document["gates"], (True, False, True, True), strict=True):
        del each["outcome"], each["missing"]
        each["passed"] = passed
    del document["rarer"], document["outcome"]
    again = EvaluationReport.from_document(document)
    assert [each.outcome for each in again.gates] == ["pass", "fail", "pass", "pass"]
    assert not again.passed
    assert again.outcome == "fail"


def test_a_document_says_of_each_gate_and_of_all_what_came_of_it():
    document = judged(goal=goal(least=3000)).to_document()
    assert document["rarer"] == int(OUTCOMES.sum())
    assert {(each["outcome"], each["passed"]) for each in document["gates"]} == {("undecided", False)}
    assert (document["outcome"], document["passed"]) == ("undecided", False)


def test_a_baseline_that_has_no_other_is_judged_without_that_gate():
    report = judged(POOR, (), goal=goal(guardrails=[]), needs_baseline=False)
    assert [each.name for each in report.gates] == ["calibration"]


def test_group_codes_name_what_is_missing():
    assert group_codes(np.array(["b", None, "a"], dtype=object)).labels == ["(missing)", "a", "b"]
    assert group_codes(np.array([1.0, np.nan])).labels == ["(missing)", "1.0"]


def card_of(report: EvaluationReport, facts: dict) -> str:
    return model_card(report, goal().to_document(), facts, task="tabular-classification")


def test_a_card_shows_metrics_gates_and_slices():
    card = card_of(judged(), {"project": "flight-delays", "training": {"rows": 100}})
    assert card.startswith("---\nlibrary_name: kreis\n")
    assert "| better_than_baseline | pass |" in card
    assert "### By origin" in card
    assert "Late?" in card
    assert "It decides yes from a score of 0.226" in card
    assert "### Choice" not in card


def test_a_card_says_why_a_simpler_candidate_was_chosen():
    report = msgspec.structs.replace(judged(), choice="logistic is preferred to gbdt")
    card = card_of(report, {})
    assert "one-standard-error rule (Breiman et al. 1984, section 3.4.3)" in card
    assert "logistic is preferred to gbdt" in card
    assert EvaluationReport.from_document(report.to_document()).choice == report.choice


MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
HOSTILE = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://e.vil/x.png)",
    "see https://e.vil or www.e.vil or mail a@e.vil",
    "a | b\n# heading",
    "&lt;img src=x onerror=1&gt;",
    "1. first",
    "2024. The year",
    "+ one",
    "__bold__ _it_ row__sex `code` ~~no~~ a*b*c \\* $x$",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_card_shows_hostile_names_as_text(hostile: str):
    card = card_of(judged(groups={"origin": np.where(ORIGIN == "EWR", hostile, ORIGIN)}), {"f": hostile})
    shown = MARKDOWN.render(card.partition("\n---\n")[2])
    assert " ".join(hostile.split()) in html.unescape(shown)
    assert not re.search("<(script|a|img|em|s|li)[ >]", shown)


def test_a_value_in_a_card_becomes_no_link_by_itself():
    assert plain("https://e.vil www.e.vil a@e.vil") == r"https\://e.vil www\.e.vil a\@e.vil"


def test_a_number_at_the_beginning_of_a_value_is_escaped_only_where_it_would_number_a_list():
    assert [plain(each) for each in ("2024) a", "1.5 a", "1234567890. a")] == [r"2024\) a", "1.5 a", "1234567890. a"]


@given(st.text(st.sampled_from("ab1 _*`[]()<>&|~#=+-.!:\\\"'@$\n"), max_size=20))
def test_a_value_in_a_card_reads_as_it_stands(value: str):
    said = " ".join(value.split())
    markdown = MarkdownIt("gfm-like", {"linkify": False})
    assert markdown.render(plain(value)) == (
        f"<p>{html.escape(said, quote=False).replace(chr(34), '&quot;')}</p>\n" if said else ""
    )
    (cell,) = re.findall("<td>(.*)</td>", markdown.render(f"| a |\n|---|\n| {plain(value)} |"))
    assert html.unescape(cell) == said


def test_a_card_shows_facts_without_brackets():
    card = card_of(
        judged(), {"features": ["row__age", "row__job"], "training": {"rows": 100, "parameters": {"c": 1.0}}}
    )
    assert "| features | row__age, row__job |" in card
    assert "| training | rows 100; parameters c 1.0 |" in card
