"""`kreis why`: the walk back from an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from kreis.clock import SystemClock, microseconds
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import PredictionRecord
from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.governance.views.why import why_view
from kreis.identifiers import new_id
from kreis.ledger import models, releases, steps
from kreis.ledger.records import RunStep
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop


def test_a_candidate_that_is_called_as_a_table_is_not_taken_for_it(released: Shop) -> None:
    workspace = Workspace(released.folder)
    with workspace.ledger.record(event="test", subject="run", actor="ann", reason="a name twice") as tx:
        (release,) = releases.list_releases(tx.connection, models.list_models(tx.connection)[0].project)
        model = models.get_model(tx.connection, release.routes[0].model)
        used = steps.steps_of(tx.connection, model.run)
        trained = next(step for _, step in used if step.discipline == "training")
        again = msgspec.structs.replace(trained, key=digest_of(trained.key.encode()), name="settled")
        steps.add_step(tx, again)
        steps.use_step(tx, RunStep(run=model.run, key=again.key, position=len(used) + 1, remembered=False))
    now, manifest = SystemClock().now(), workspace.open_model(model.digest).manifest
    asked = PredictionRecord(
        id=new_id(now),
        at=microseconds(now),
        release=release.id,
        model=model.digest,
        keys={"customer": "C1"},
        fields={},
        features=[0.5] * len(manifest.features),
        score=0.5,
        decision=True,
        latency_us=1,
    )
    journal = Journal(workspace.journal_folder, SystemClock())
    journal.append([asked])
    journal.close()
    found = why_view(workspace, asked.id)
    assert {each.table for each in found.features if each.name.startswith("customer__")} == {"silver/settled@0"}


def logged(shop: Shop) -> tuple[Workspace, PredictionRecord]:
    """A prediction of the model that was released, in the journal, with its own score."""
    workspace = Workspace(shop.folder)
    with workspace.ledger.read() as connection:
        (release,) = releases.list_releases(connection, models.list_models(connection)[0].project)
    package, now = workspace.open_model(release.routes[0].model), SystemClock().now()
    row = [0.5] * len(package.manifest.features)
    score = float(package.scorer().score(np.array([row], dtype=np.float32))[0])
    asked = PredictionRecord(
        id=new_id(now),
        at=microseconds(now),
        release=release.id,
        model=package.digest,
        keys={"customer": "C1"},
        fields={},
        features=row,
        score=score,
        decision=package.manifest.decision.one(score),
        latency_us=1,
    )
    journal = Journal(workspace.journal_folder, SystemClock())
    journal.append([asked])
    journal.close()
    return workspace, asked


def test_the_reasons_of_an_answer_add_up_to_it(released: Shop) -> None:
    workspace, asked = logged(released)
    found = why_view(workspace, asked.id)
    (reasons,) = found.reasons
    assert found.not_explained == ""
    assert reasons.base + sum(each.adds for each in reasons.reasons) == pytest.approx(reasons.margin, abs=1e-9)
    assert 1 / (1 + np.exp(-reasons.margin)) == pytest.approx(asked.score, abs=1e-6)
    assert sum(each.share for each in reasons.reasons) == pytest.approx(1.0)
    assert found.instead is msgspec.UNSET
    shown = released.kreis("why", asked.id)
    assert "Why (log-odds; score = 1 / (1 + exp(-margin)))" in shown
    assert reasons.reasons[0].feature in shown


def test_what_would_have_led_to_another_decision(released: Shop) -> None:
    workspace, asked = logged(released)
    found = why_view(workspace, asked.id, counterfactual=True)
    assert found.instead.found, found.instead.lacks
    for each in found.instead.found:
        assert each.decision is not asked.decision
        row = dict(zip((manifest := workspace.open_model(asked.model).manifest).features, asked.features, strict=True))
        row |= {change.feature: change.instead for change in each.changes}
        (score,) = workspace.open_model(asked.model).scorer().score(np.array([list(row.values())], dtype=np.float32))
        assert manifest.decision.one(float(score)) is each.decision
    first = found.instead.found[0].changes[0].feature
    kept = why_view(workspace, asked.id, counterfactual=True, immutable=[first])
    assert all(first != change.feature for each in kept.instead.found for change in each.changes)
    with pytest.raises(ProjectError, match=f"did you mean .*{first!r}"):
        why_view(workspace, asked.id, counterfactual=True, immutable=[f"{first}s"])
    with pytest.raises(ProjectError, match="--counterfactual"):
        why_view(workspace, asked.id, immutable=[first])
    assert "Another decision would follow from" in released.kreis("why", asked.id, "--counterfactual")
