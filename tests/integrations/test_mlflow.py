"""Runs are mirrored to MLflow and read back through its client; a server that is away costs a warning, never a run.

Where MLflow is installed in full, it is a real server; where only its client is, a database file; where neither is, the
tests that need it are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from kreis.actions.serve import free_port
from kreis.errors import KreisWarning
from kreis.governance.views.candidate import candidate_view
from kreis.integrations.mlflow import mirror
from kreis.settings import load_settings
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Shop

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, of SQLAlchemy
needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed (kreis[mlflow])")


def mirrored(shop: Shop, url: str) -> Workspace:
    """A workspace that mirrors there."""
    return Workspace(shop.folder, settings=load_settings(shop.folder, {"KREIS__TRACKING__MLFLOW": url}))


def name_server(shop: Shop, url: str) -> None:
    """Let every run of a project be mirrored there."""
    settings = shop.folder / "kreis.toml"
    settings.write_text(settings.read_text() + f'[tracking]\nmlflow = "{url}"\n')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an MLflow that takes runs."""
    folder = tmp_path_factory.mktemp("mlflow")
    store = f"sqlite:///{folder}/mlflow.db"
    if find_spec("flask") is None:
        yield store
        return
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        store,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        )
    try:
        for _ in range(600):
            try:
                urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except URLError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def runs_there(url: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(url)
    experiment = client.get_experiment_by_name("returns")
    return [] if experiment is None else [*client.search_runs([experiment.experiment_id], order_by=["start_time"])]


@needs_mlflow
@pytest.mark.slow
def test_a_run_is_read_back_with_its_params_metrics_points_and_artefact_links(evaluated: Shop, server: str) -> None:
    name_server(evaluated, server)
    evaluated.edit("import polars as pl\n", "import polars as pl\n\nimport kreis\n")
    evaluated.edit("    return settlements", "    kreis.log_artifact('n.txt', 'x')\n    return settlements")
    evaluated.run("run", "--until", "evaluation")
    found = runs_there(server)
    parents = [each for each in found if "mlflow.parentRunId" not in each.data.tags]
    assert len(parents) == 2  # the run before it was not there yet
    last = max(parents, key=lambda each: each.info.start_time)
    below = {each.info.run_name: each for each in found if each.data.tags.get("mlflow.parentRunId") == last.info.run_id}
    assert below.keys() == {"rule", "logistic", "gbdt"}
    assert last.info.status == below["gbdt"].info.status == "FINISHED"
    assert (last.data.tags["kreis.chosen"], last.data.tags["kreis.status"]) == ("logistic", "advanced")
    assert "sha256" in last.data.tags["kreis.artifact.n.txt"]
    judged = candidate_view(Workspace(evaluated.folder), "gbdt").evaluation
    assert judged is not None
    metrics, value = below["gbdt"].data.metrics, judged.metrics["value"]
    assert (metrics["value"], metrics["value_low"], metrics["value_high"]) == (value.value, value.low, value.high)
    assert below["gbdt"].data.params["leaves"] == "7"
    from mlflow import MlflowClient

    curve = MlflowClient(server).get_metric_history(below["gbdt"].info.run_id, "fit/training_binary_logloss")
    assert [each.step for each in curve] == [1, *range(5, 61, 5)]
    assert curve[-1].value < curve[0].value
    mirror(mirrored(evaluated, server))  # nothing new
    assert len(runs_there(server)) == len(found)


@needs_mlflow
@pytest.mark.slow
def test_a_dead_server_costs_a_warning_and_the_run_is_mirrored_with_the_next_one(
    evaluated: Shop, tmp_path: Path
) -> None:
    name_server(evaluated, f"http://user:secret@127.0.0.1:{free_port()}")
    done = evaluated.run("run", "--until", "evaluation")
    assert "warning: not mirrored to MLflow at 127.0.0.1:" in done.stderr
    assert "it is tried again with the next run" in done.stderr
    assert "✓ evaluation" in done.stdout
    assert "secret" not in done.stderr
    store = f"sqlite:///{tmp_path}/mlflow.db"
    mirror(mirrored(evaluated, store))
    assert len([each for each in runs_there(store) if "mlflow.parentRunId" not in each.data.tags]) == 2


@needs_mlflow
@pytest.mark.slow
def test_what_was_cut_off_half_way_is_sent_again_whole(
    evaluated: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    store = f"sqlite:///{tmp_path}/mlflow.db"
    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "set_tag", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.warns(KreisWarning, match="gone"):
            mirror(mirrored(evaluated, store))
    mirror(mirrored(evaluated, store))
    found = runs_there(store)
    assert len(found) == 4
    assert sum("kreis.mirrored" in each.data.tags for each in found) == 1


def test_a_server_that_does_not_answer_costs_a_warning(evaluated: Shop) -> None:
    with pytest.warns(KreisWarning, match=r"not mirrored to MLflow at 127\.0\.0\.1:\d+: ConnectionRefusedError"):
        mirror(mirrored(evaluated, f"http://127.0.0.1:{free_port()}"))


@pytest.mark.skipif(find_spec("mlflow") is not None, reason="mlflow is installed")
def test_without_the_library_the_warning_names_the_extra(evaluated: Shop, tmp_path: Path) -> None:
    with pytest.warns(KreisWarning, match=r"mirroring runs to MLflow needs mlflow, .*kreis\[mlflow\]"):
        mirror(mirrored(evaluated, f"sqlite:///{tmp_path}/mlflow.db"))


def test_where_no_server_is_named_nothing_is_done(evaluated: Shop) -> None:
    mirror(Workspace(evaluated.folder))
