"""Views: typed, with a schema, and the same for `--json`, a page and a notebook."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import kreis
import kreis.governance.views
from kreis.actions.keys import PersonKey, RenewedKeys
from kreis.actions.ledger import Accepted, LedgerRestored
from kreis.actions.migrate import Migrated
from kreis.actions.reproduce import Reproduction
from kreis.deployment.canary_plan import CanaryPlan
from kreis.digests import digest_of
from kreis.governance.doctor import DoctorView
from kreis.governance.pages.kinds import PAGES
from kreis.governance.pages.status import status_page
from kreis.governance.views.kinds import SHOW
from kreis.governance.views.model import card_view
from kreis.governance.views.result import ResultView
from kreis.governance.views.run import run_view
from kreis.governance.views.status import status_view
from kreis.identifiers import new_id
from kreis.ledger import documents, models, runs
from kreis.ledger.audit import AuditReport
from kreis.ledger.backup import Backup
from kreis.ledger.records import Alert, Approval, Document, Release, Run
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop

PRINTED: set[Any] = {
    *(Accepted, Alert, Approval, AuditReport, Backup, CanaryPlan, DoctorView),
    *(LedgerRestored, Reproduction, Migrated, PersonKey, Release, RenewedKeys),
}
"""What commands print with `--json` that stands elsewhere than in `governance/views`."""


def views() -> list[Any]:
    """Every struct of `governance/views`, and what else commands print."""
    found = set(PRINTED)
    for module in pkgutil.iter_modules(kreis.governance.views.__path__, "kreis.governance.views."):
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == module.name:
                found.add(each)
    return sorted(found, key=lambda each: each.__name__)


def test_all_views_have_one_schema() -> None:
    _, components = msgspec.json.schema_components(views(), ref_template="#/components/schemas/{name}")
    print(msgspec.json.format(msgspec.json.encode(components), indent=1).decode())  # noqa: T201 (pytest -s shows it)
    named = [each.__name__ for each in views()]
    assert len(named) == len(set(named))
    assert set(named) <= set(components)
    for name in named:
        assert components[name]["type"] == "object"
        assert components[name]["properties"]


@pytest.mark.parametrize("kind", SHOW)
def test_what_is_shown_is_of_its_type_and_keeps_it_as_json(released: Shop, kind: str) -> None:
    workspace = Workspace(released.folder)
    view = SHOW[kind](workspace, "", None)
    text = msgspec.json.encode(view, enc_hook=str)
    again = msgspec.json.decode(text, type=type(view))
    assert msgspec.json.encode(again, enc_hook=str) == text
    assert msgspec.json.decode(text) == released.document("show", kind)
    if kind in PAGES:
        assert str(PAGES[kind](view)).strip() == released.kreis("show", kind).strip()


def test_how_a_run_ended_is_typed(released: Shop) -> None:
    printed = released.run("run", "--json").stdout
    result = msgspec.json.decode(printed, type=ResultView)
    assert msgspec.json.decode(msgspec.json.encode(result, enc_hook=str)) == msgspec.json.decode(printed)
    assert (result.status, result.steps.computed, result.verdicts[-1].kind) == ("advanced", 0, "Advance")
    assert result.verdicts[-1].to is msgspec.UNSET


def test_the_card_is_that_of_the_last_evaluation(released: Shop) -> None:
    workspace = Workspace(released.folder)
    with workspace.ledger.record(event="model.judged", subject="s", actor="ann", reason="test") as tx:
        (first,) = models.evaluations_of(tx.connection, models.list_models(tx.connection)[0].digest)
        bodies = sorted("abcdefgh", key=lambda body: digest_of(body.encode()))
        for body in bodies:
            document = Document(digest=digest_of(body.encode()), kind="card", name=first.model, body=body)
            documents.put_document(tx, document)
        again = {**first.metrics, "card": digest_of(bodies[3].encode())}
        models.add_evaluation(tx, msgspec.structs.replace(first, id=new_id(tx.now), metrics=again, at=tx.now))
    assert card_view(workspace, "").markdown == bodies[3]


def test_status_is_typed(released: Shop) -> None:
    status = status_view(Workspace(released.folder))
    assert status.release is not None
    assert [(route.candidate, route.version) for route in status.release.routes] == [("logistic", 2)]
    assert msgspec.json.decode(msgspec.json.encode(status)) == released.document("status")


def test_a_notebook_asks_a_view_by_attribute_or_by_item(released: Shop) -> None:
    project = kreis.open_project(released.folder)
    model = project.show("model")
    assert model.version == model["version"] == 2
    assert model.manifest.features == model["manifest"]["features"]
    assert project.status.runs[0].status == project.status["runs"][0]["status"] == "advanced"
    with pytest.raises(AttributeError, match="verdict"):
        project.show("run").verdict  # noqa: B018 (whether it is there)


def test_a_run_whose_process_is_gone_is_interrupted_and_one_at_work_is_not(shop: Shop) -> None:
    workspace = Workspace(shop.folder)
    run = Run(
        id=new_id(workspace.clock.now()), project="returns", as_of=workspace.clock.now(), status="running",
        trigger="manual", started_at=workspace.clock.now(), goal="g",
    )  # fmt: skip
    with workspace.ledger.record(event="run.started", subject=run.id, actor="a", reason="r") as tx:
        runs.start_run(tx, run)
    with workspace.only_run():
        assert [each.status for each in status_view(workspace).runs] == ["running"]
        assert run_view(workspace, run.id).status == "running"
    assert [each.status for each in status_view(workspace).runs] == ["interrupted"]
    assert run_view(workspace, run.id).status == "interrupted"
    assert "the last run's process is gone; kreis run goes on where it stopped" in str(
        status_page(status_view(workspace))
    )
    (shop.state / "run.lock").unlink()
    assert [each.status for each in status_view(workspace).runs] == ["interrupted"]
    workspace.ledger.close()
