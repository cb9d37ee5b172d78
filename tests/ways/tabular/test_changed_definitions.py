"""A project that has moved on beside a model that has not: the model keeps its own definitions of its features."""

from __future__ import annotations

from kreis.clock import microseconds, parse_time
from kreis.deployment.packages import read_manifest
from kreis.ledger import models, releases, runs, steps
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.settings import Settings
from kreis.workspace import Workspace


def last_report(shop):
    with Workspace(shop.folder, settings=Settings()).ledger as ledger, ledger.read() as connection:
        (run, *_) = runs.list_runs(connection)
        (found,) = [step for _, step in steps.steps_of(connection, run.id) if step.discipline == "evaluation"]
    return found.outputs["report"]


def served_view(shop):
    workspace = Workspace(shop.folder, settings=Settings())
    with workspace.ledger as ledger, ledger.read() as connection:
        release = releases.current_release(connection, "returns")
        model = models.get_model(connection, release.routes[0].model)
        return read_manifest(model.digest, model.signature, workspace.keys.trusted()).views[0]


def test_a_model_in_service_is_judged_and_fed_by_its_own_definitions(released):
    before = last_report(released)["challenger"]["metrics"]
    old = served_view(released)
    released.edit('pl.col("returned").mean()', '1.0 - pl.col("returned").mean()')
    released.edit("> 0.4", "< 0.6")
    released.edit('as_of = "2025-08-15"', 'as_of = "2025-08-16"', file="kreis.toml")
    document = released.document("run", code=10)
    assert "preparation/features customer" in document["computed"]
    assert "not shown to be better" in document["verdicts"][-1]["reason"]
    (champion,) = [each for each in last_report(released)["others"] if each["digest"] is not None]
    # A day later the same model is worth nearly the same; by the new definition it would ask the wrong customers.
    assert abs(champion["metrics"]["auc"]["value"] - before["auc"]["value"]) < 0.02
    store = LmdbStore(released.state / "online", readonly=True)
    assert store.position(Layout(old)) == microseconds(parse_time("2025-08-16"))
    store.close()


def test_other_outcomes_in_the_test_rows_alone_are_judged_anew(evaluated):
    before = last_report(evaluated)["challenger"]["metrics"]["base_rate"]["value"]
    late = 'pl.col("settled_at") > pl.lit("2025-07-20").str.to_datetime(time_zone="UTC")'
    evaluated.edit('pl.col("returned").cast(pl.Float64)', f'(pl.col("returned") & ~({late})).cast(pl.Float64)')
    evaluated.edit("better_than_baseline=50", "better_than_baseline=0")
    document = evaluated.document("run", "--until", "evaluation", code=10)
    assert "evaluation/logistic" in document["computed"]
    assert last_report(evaluated)["challenger"]["metrics"]["base_rate"]["value"] < before
