"""Closing the log's segment: whoever ships asks for it, also when no service runs."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.deployment.conftest import make_service  # noqa: F401 (a fixture)

from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock
from kreis.deployment.predictions.log import FolderLog
from kreis.errors import ServiceError
from kreis.settings import Settings

ROW = {"fields": {"hour": 1}}


@pytest.fixture
def place(make_service):  # noqa: F811
    """A service that may run, and what `close_segment` reads of a workspace."""
    service = make_service()
    service.release(service.package(), wait=False)
    (service.pointer_folder / "server.json").write_bytes(service.config.to_json())
    workspace = SimpleNamespace(
        prediction_log=FolderLog(service.config.log), service_folder=service.pointer_folder, settings=Settings()
    )
    return service, workspace


def test_the_segment_of_a_running_service_is_closed(place):
    service, workspace = place
    service.start().wait_for(1)
    service.predict(ROW)
    assert workspace.prediction_log.in_use()
    close_segment(workspace)
    assert not workspace.prediction_log.in_use()
    close_segment(workspace)


def test_where_no_service_runs_there_is_nothing_to_close(place):
    service, workspace = place
    close_segment(workspace)
    service.start().wait_for(1)
    service.predict(ROW)
    service.stop()
    close_segment(workspace)


def test_a_service_that_cannot_be_found_is_told_of(place):
    """Its segment is in use, so somebody writes: silence would leave the log where it is."""
    _, workspace = place
    journal = workspace.prediction_log.writer(SimulatedClock(datetime(2025, 1, 1, tzinfo=UTC)))
    journal.append([])
    close_segment(workspace)
    journal._put(b"x")
    with pytest.raises(ServiceError, match="a process writes to the log"):
        close_segment(workspace)
    journal.close()
