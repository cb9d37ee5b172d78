import dataclasses
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate
from kreis.monitoring.monitor import Monitor, Watched
from kreis.monitoring.monitors.business_metric import BusinessMetric
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, in_service, watch


class TestBusinessMetric(MonitorBehaviour):
    def make(self) -> Monitor:
        return BusinessMetric()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day(number, hit_rate=0.3) for number in range(100, 160)]


def test_a_fall_sends_the_work_back_and_says_what_it_cost():
    state, findings = watch(BusinessMetric(), [a_day(n, hit_rate=0.5 if n < 30 else 0.3) for n in range(90)])
    assert len(findings) == 1
    assert findings[0].sends_back
    assert findings[0].level == "critical"
    assert "EUR per 1,000 flights" in findings[0].summary
    assert findings[0].detail["recent"] < findings[0].detail["reference"]["value"]
    assert len(state["recent"]) == 28


def test_a_day_waits_until_its_outcomes_have_matured():
    early, late = a_day(3, known=0.5, matured=False), a_day(3)
    monitor = BusinessMetric()
    state, findings = watch(monitor, [early])
    assert (state["days"], findings) == ([], [])
    assert watch(monitor, [late], state)[0]["days"] == ["2024-01-04"]


def test_a_day_without_enough_outcomes_is_reported_and_not_counted():
    state, findings = watch(BusinessMetric(), [a_day(3, known=0.4)])
    assert "outcomes have come in" in findings[0].summary
    assert not findings[0].sends_back
    assert state["detector"] is None


def test_days_count_by_their_decisions():
    monitor, bad = BusinessMetric(), [a_day(n, hit_rate=0.0, rows=4) for n in range(1, 40)]
    state, findings = watch(monitor, [a_day(0), *bad])
    assert findings == []
    assert state["most"] == 800


def weather(rng: np.random.Generator, mean: float, days: int) -> list[tuple[float, int]]:
    """Days as weather makes them: mostly poor, some rich; their deviation is the mean."""
    return [(float(each), 800) for each in rng.exponential(mean, days)]


def held(value: float = 5_000, deviation: float = 5_000, **changes: object) -> Watched:
    half = deviation * 2.045 / np.sqrt(30)
    estimate = Estimate(value=value, low=value - half, high=value + half, n=20_000, blocks=30)
    return msgspec.structs.replace(in_service(), value=estimate, **changes)


@pytest.mark.parametrize("known_days", [0, 90])
def test_false_alarms_are_rarer_than_declared_when_the_value_only_varies(known_days: int):
    """100 services for 300 days at their value at release."""
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(100):
        detector = BusinessMetric(false_alarm_every_days=100).detector(held(daily=weather(rng, 5_000, known_days)))
        alarms += detector.observe([each for each, _ in weather(rng, 5_000, 300)]).alarm_at is not None
    assert alarms <= 60  # at one in 100 days, 95 of the services would have had one in 300 days


def test_knowing_how_days_vary_shows_a_fall_sooner():
    rng = np.random.default_rng(3)
    knowing = BusinessMetric().detector(held(daily=weather(rng, 5_000, 60)))
    guessing = BusinessMetric().detector(held())
    fallen = [[each for each, _ in weather(rng, 1_500, 365)] for _ in range(50)]
    waits = [np.median([each.observe(days).alarm_at or 999 for days in fallen]) for each in (knowing, guessing)]
    assert waits[0] < 0.9 * waits[1]


def test_without_days_the_ceiling_gives_up_at_most_half_of_the_fall_that_matters():
    for deviation in (500.0, 2_000.0, 10_000.0):
        ceiling = BusinessMetric().detector(held(deviation=deviation)).ceiling
        k = (ceiling - 5_000) / deviation
        assert deviation / 2 * (np.sqrt(1 + k * k) - k) <= 0.51 * 1_250


def test_a_value_of_one_block_still_gives_a_detector():
    reference = Estimate(value=5_000, low=-35_000, high=120_000, n=100, blocks=1)
    watched = msgspec.structs.replace(in_service(), value=reference)
    assert BusinessMetric().detector(watched).ceiling == 120_000


def test_a_fall_from_nothing_is_refused():
    watched = msgspec.structs.replace(in_service(), value=Estimate(value=0.0, low=-1, high=1, n=10, blocks=5))
    with pytest.raises(ProjectError, match="has no size"):
        watch(BusinessMetric(), [a_day(0)], watched=watched)


def test_a_declaration_that_cannot_work_is_refused():
    for wrong in ({"falls_by": 0}, {"least_known": 2}, {"false_alarm_every_days": 1}):
        with pytest.raises(ProjectError):
            BusinessMetric(**wrong)


def beside(days: list[DayOfTraffic], hit_rate: float = 0.25) -> list[DayOfTraffic]:
    """With a baseline that decides on a tenth of the rows, the right ones as often as that."""
    made = []
    for number, day in enumerate(days):
        rng = np.random.default_rng([3, number])
        chosen = rng.random(len(day)) < np.where(day.outcomes > 0.5, 0.4 * hit_rate, 0.12 * (1 - hit_rate))
        made.append(dataclasses.replace(day, baseline=chosen.astype(float)))
    return made


def paired(advantage: float = 4_500.0) -> Watched:
    estimate = Estimate(value=advantage, low=advantage - 500, high=advantage + 500, n=20_000, blocks=30)
    return msgspec.structs.replace(in_service(), baseline="rule", advantage=estimate)


def test_what_moves_the_baseline_as_well_is_no_fall():
    """Half as much happens, to both: the metric alone falls by half, the difference does not."""
    monitor = BusinessMetric()
    days = beside([a_day(n, hit_rate=0.5) for n in range(120)], hit_rate=0.0)
    quiet = [dataclasses.replace(day, outcomes=np.where(np.arange(800) % 2 == 0, day.outcomes, 0.0)) for day in days]
    same = [dataclasses.replace(day, baseline=day.decisions.astype(float)) for day in quiet]
    advantage = msgspec.structs.replace(paired(), advantage=Estimate(value=0.0, low=-1, high=1, n=1, blocks=30))
    assert watch(monitor, same, watched=advantage)[1] == []
    assert watch(monitor, quiet)[1] != []


def test_a_fall_beside_the_baseline_names_it():
    _, findings = watch(BusinessMetric(), beside([a_day(n, hit_rate=0.3) for n in range(90)]), watched=paired())
    assert len(findings) == 1
    assert "more than the baseline 'rule'" in findings[0].summary
    assert findings[0].detail["against"] == "rule"


def test_a_model_that_gains_little_is_reported_when_it_gains_nothing():
    """A quarter of its value is more than it gains over the baseline: the limit is nought, not less."""
    assert BusinessMetric().detector(paired(advantage=400.0)).limit == 0.0
    assert BusinessMetric().detector(paired(advantage=4_500.0)).limit == 4_500 - 1_250


def test_days_that_the_baseline_cannot_be_compared_on_are_told_once_over_and_not_counted():
    days = beside([a_day(n) for n in range(4)])
    for number in (0, 1):
        days[number].baseline[::2] = np.nan
    state, findings = watch(BusinessMetric(), days, watched=paired())
    assert [(each.over, each.cause) for each in findings] == [
        (False, "outcomes"),
        (False, "outcomes"),
        (True, "outcomes"),
    ]
    assert "features of the baseline 'rule'" in findings[0].summary
    assert len(state["recent"]) == 2


def test_it_is_over_when_four_weeks_are_above_the_limit_again():
    days = [a_day(n, hit_rate=0.3 if 10 <= n < 80 else 0.5) for n in range(160)]
    state, findings = watch(BusinessMetric(), days)
    assert [each.over for each in findings] == [False, True]
    assert state["fallen"] is None


def test_what_the_day_before_foretold_is_not_counted_again():
    """Days that hang together: the reference says so, and a run of low days weighs less."""
    rng = np.random.default_rng(1)
    level = np.zeros(400)
    for n in range(1, 400):
        level[n] = 0.8 * level[n - 1] + rng.normal()
    together, alone = 5_000 + 1_000 * level[:200], 5_000 + 1_700 * rng.normal(size=200)
    hanging, apart = (held(daily=[(float(each), 800) for each in days]) for days in (together, alone))
    assert BusinessMetric()._reference(hanging).correlation > 0.6
    assert BusinessMetric()._reference(apart).correlation < 0.3
    assert BusinessMetric().detector(hanging).ceiling > BusinessMetric().detector(apart).ceiling


def two_weeks(n: int = 14) -> list[tuple[float, int]]:
    """Days that hang together, and have differently many rows."""
    means = 5_000 + 2_000 * np.sin(np.arange(n) / 2)
    return [(float(mean), 500 + 40 * number) for number, mean in enumerate(means)]


def alike(means: np.ndarray) -> float:
    """Lag-one correlation, its bias (Kendall 1954) and one standard error added."""
    off = means - means.mean()
    lag = sum(one * other for one, other in zip(off[1:], off[:-1], strict=True)) / (off**2).sum()
    corrected = lag + (1 + 3 * lag) / len(means)
    return corrected + ((1 - corrected**2) / len(means)) ** 0.5


@pytest.mark.parametrize("beside_a_baseline", [False, True])
def test_two_weeks_of_days_say_how_days_vary(beside_a_baseline: bool):
    rng = np.random.default_rng(4)
    days = [(float(each), rows) for each, (_, rows) in zip(5_000 + 900 * rng.normal(size=14), two_weeks(), strict=True)]
    watched = held(daily=days)
    if beside_a_baseline:
        watched = msgspec.structs.replace(paired(), daily=two_weeks(), daily_advantage=days)
    found = BusinessMetric(false_alarm_every_days=77)._reference(watched)
    means, rows = np.array([each[0] for each in days]), np.array([each[1] for each in days])
    assert found.correlation == pytest.approx(alike(means))
    assert 0.1 < found.correlation < 0.9
    fresh = [(mean - found.correlation * before) / (1 - found.correlation) for before, mean in pairwise(means)]
    ceiling = np.quantile(fresh, 0.9)
    value = np.average(np.minimum(fresh, ceiling), weights=rows[1:])
    assert found.detector.limit == pytest.approx(value - 1_250)
    assert found.detector.ceiling == pytest.approx(max(ceiling, value + 1_250))
    assert found.detector.run_length == 77


def test_days_of_which_fourteen_are_not_there_are_not_asked():
    few = BusinessMetric()._reference(held(daily=two_weeks(13)))
    assert few == BusinessMetric()._reference(held())
    assert few.correlation == 0.0
    assert BusinessMetric()._reference(held(daily=two_weeks(14))).correlation == 0.9


def test_the_correlation_of_days_does_not_depend_on_the_unit_of_money():
    days = two_weeks(40)
    small = [(mean / 1e6, rows) for mean, rows in days]
    large, little = (BusinessMetric()._reference(held(daily=each)).correlation for each in (days, small))
    assert large == pytest.approx(little)
    same = [(5_000.0, 800)] * 20
    assert BusinessMetric()._reference(held(daily=same)).correlation == pytest.approx(
        1 / 20 + ((1 - 1 / 400) / 20) ** 0.5
    )


def test_the_ceiling_is_never_nearer_than_the_fall_that_matters():
    detector = BusinessMetric().detector(held(daily=[(5_000.0, 800)] * 20))
    assert (detector.limit, detector.ceiling) == (pytest.approx(3_750), pytest.approx(6_250))


@pytest.mark.parametrize("deviation", [500.0, 4_000.0, 10_000.0])
def test_without_days_the_ceiling_gives_up_half_of_the_fall_that_matters_where_days_vary(deviation: float):
    """At k deviations above the mean, (sqrt(1 + k^2) - k) / 2 deviations are given up at most (Scarf 1958)."""
    watched = held(deviation=deviation)
    detector = BusinessMetric().detector(watched)
    k = (detector.ceiling - 5_000) / watched.value.block_deviation
    given_up = watched.value.block_deviation / 2 * (np.sqrt(1 + k * k) - k)
    if deviation == 500.0:
        assert detector.ceiling == 6_250  # days vary by less than the fall
    else:
        assert given_up == pytest.approx(1_250 / 2)


@pytest.mark.parametrize(("blocks", "half", "known"), [(2, 700, True), (1, 700, False), (30, 0, False)])
def test_the_ceiling_is_the_greatest_value_where_nothing_is_known_of_days(blocks: int, half: float, known: bool):
    value = Estimate(value=5_000, low=5_000 - half, high=5_000 + half, n=20_000, blocks=blocks)
    ceiling = BusinessMetric().detector(msgspec.structs.replace(in_service(), value=value)).ceiling
    assert (ceiling < 120_000) is known


@pytest.mark.parametrize(("blocks", "deviations"), [(30, 2.0), (2, 2.0), (1, None)])
def test_beside_a_baseline_the_ceiling_is_two_deviations_above_without_days(blocks: int, deviations: float | None):
    advantage = Estimate(value=4_500, low=-9_000, high=18_000, n=20_000, blocks=blocks)
    ceiling = BusinessMetric().detector(msgspec.structs.replace(paired(), advantage=advantage)).ceiling
    above = 18_000 if deviations is None else 4_500 + deviations * advantage.block_deviation
    assert ceiling == pytest.approx(max(above, 4_500 + 1_250))


def test_small_amounts_are_watched_like_large_ones():
    cents = msgspec.structs.replace(in_service(), value=Estimate(value=0.4, low=0.3, high=0.5, n=20_000, blocks=30))
    assert BusinessMetric().detector(cents).limit == pytest.approx(0.3)
    assert BusinessMetric().detector(paired(advantage=0.5)).limit == 0.0
    assert BusinessMetric(false_alarm_every_days=1.5).detector(cents).run_length == 1.5


def lacking(day: DayOfTraffic, missing: int) -> DayOfTraffic:
    day.outcomes[:missing] = np.nan
    return day


@pytest.mark.parametrize(("missing", "counts"), [(2, True), (3, False)])
def test_a_day_counts_from_the_share_of_known_outcomes_that_is_declared(missing: int, counts: bool):
    state, findings = watch(BusinessMetric(least_known=0.8), [lacking(a_day(0, rows=10), missing)])
    assert bool(state["recent"]) is counts
    if not counts:
        (found,) = findings
        assert (found.level, found.monitor) == ("warning", "business_metric")
        assert found.detail == {"day": "2024-01-01", "decisions": 10, "outcomes": 7}
        assert "come in: the day is not counted" in found.summary


def test_a_day_is_worth_the_mean_over_its_known_outcomes():
    day = lacking(a_day(0, rows=800), 100)
    state, _ = watch(BusinessMetric(), [day])
    worth = [120.0 if outcome else -35.0 for outcome in day.outcomes[day.decisions & day.known]]
    assert state["recent"] == [["2024-01-01", pytest.approx(1000 * sum(worth) / 700), 700]]


def test_beside_a_baseline_a_day_is_worth_what_the_model_gains_over_it():
    (day,) = beside([a_day(0)])
    day.baseline[:50] = np.nan
    state, _ = watch(BusinessMetric(), [day], watched=paired())
    gained = [
        (120.0 if outcome else -35.0) * (float(decided) - asked)
        for outcome, decided, asked in zip(day.outcomes, day.decisions, day.baseline, strict=True)
        if not np.isnan(asked)
    ]
    assert state["recent"] == [["2024-01-01", pytest.approx(1000 * sum(gained) / 750), 750]]


def test_a_day_without_the_baselines_decisions_is_not_counted_beside_it():
    state, (found,) = watch(BusinessMetric(), [a_day(0)], watched=paired())
    assert (state["recent"], found.detail["outcomes"]) == ([], 0)


def test_of_days_that_hang_together_the_detector_is_shown_what_the_day_before_did_not_foretell():
    """The more days lie between, the less they foretell; before the first one nothing is known."""
    watched = held(daily=two_weeks(40))
    days = [a_day(number) for number in (0, 1, 4)]
    state, _ = watch(BusinessMetric(), days, watched=watched)
    reference = BusinessMetric()._reference(watched)
    first, second, third = (each[1] for each in state["recent"])
    assert reference.correlation == 0.9
    shown = [first, (second - 0.9 * first) / 0.1, (third - 0.9**3 * second) / (1 - 0.9**3)]
    assert state["detector"]["evidence"] == pytest.approx(reference.detector.observe(shown).evidence)


def test_a_day_that_is_shown_late_is_taken_as_it_is():
    watched = held(daily=two_weeks(40))
    state, _ = watch(BusinessMetric(), [a_day(4), a_day(3)], watched=watched)
    shown = [each[1] for each in state["recent"]]
    detector = BusinessMetric()._reference(watched).detector
    assert state["detector"]["evidence"] == pytest.approx(detector.observe(shown).evidence)


def test_a_fall_of_the_capped_days_alone_is_not_told():
    """One day earned more than all others lost: capped, it counts as an ordinary good day."""
    rich = a_day(0)
    rich.decisions[:], rich.outcomes[:] = True, 1.0
    days = [rich, *(a_day(number, hit_rate=0.1) for number in range(1, 12))]
    alarm = 0
    for upto in range(2, len(days)):
        state, findings = watch(BusinessMetric(), days[:upto])
        assert (findings, state["fallen"]) == ([], None)
        alarm += state["detector"] is None
    assert alarm


def fallen_at(days: list[DayOfTraffic]) -> int:
    """After how many of the days a fall is told."""
    return next(n for n in range(1, len(days)) if watch(BusinessMetric(), days[:n])[1])


def test_a_fall_is_over_after_four_weeks_and_not_a_day_before():
    bad = [a_day(number, hit_rate=0.2, rows=400 + 10 * number) for number in range(20)]
    until = fallen_at(bad)
    state, (fall,) = watch(BusinessMetric(), bad[:until])
    recent = state["recent"]
    assert fall.detail["recent"] == pytest.approx(
        sum(mean * rows for _, mean, rows in recent) / sum(rows for _, _, rows in recent)
    )
    assert (fall.detail["against"], "more than the baseline" in fall.summary) == (None, False)
    good = [a_day(number, hit_rate=0.5) for number in range(until, until + 28)]
    state, findings = watch(BusinessMetric(), good[:27], state)
    assert findings == []
    state, (back,) = watch(BusinessMetric(), good[27:], state)
    assert (back.over, back.level, back.monitor) == (True, "warning", "business_metric")
    assert back.summary.startswith("over the last 28 days ")


def test_a_day_may_tell_both_that_outcomes_come_again_and_a_fall():
    bad = [a_day(number, hit_rate=0.2) for number in range(20)]
    until = fallen_at(bad)
    before = [*bad[: until - 1], a_day(until - 1, known=0.3)]
    state, (few,) = watch(BusinessMetric(), before)
    assert few.cause == "outcomes"
    _, findings = watch(BusinessMetric(), [a_day(until, hit_rate=0.2)], state)
    assert [(each.over, each.cause, each.monitor, each.level) for each in findings] == [
        (True, "outcomes", "business_metric", "warning"),
        (False, "", "business_metric", "critical"),
    ]
