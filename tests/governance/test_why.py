"""`kreis why`: the walk back from an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kreis.clock import SystemClock, microseconds
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import PredictionRecord
from kreis.digests import digest_of
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
