"""No identifier with check digits stands unmasked in what the service writes: all of its files are scanned."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.deployment.conftest import Service
from tests.deployment.questions.conftest import ASKERS, HANDBOOK, answering_package, bearer
from tests.generative.guards.personal_data.made import CHECKSUMMED, written

from kreis.deployment.server.questions.messages import Asker
from kreis.generative.documents.document import Document

_SIGNS = re.compile(rb"[^0-9A-Za-z]+")


def scanned(folder: Path) -> bytes:
    """All bytes of all files, letters and digits alone: no blank or point between them hides a number."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files
    return b"|".join(_SIGNS.sub(b"", path.read_bytes()).upper() for path in files)


def flat(number: str) -> bytes:
    return _SIGNS.sub(b"", number.encode()).upper()


def test_no_identifier_is_in_any_file_that_the_service_writes(tmp_path: Path) -> None:
    rng = random.Random(9)
    of_people = [(name, make(rng)) for name, make in CHECKSUMMED.items() for _ in range(4)]
    of_cashier = CHECKSUMMED["IBAN"](rng)
    cashier = Document(
        id="cash.md",
        known_at=datetime(2026, 1, 1, tzinfo=UTC),
        text=f"# Cash\n\nThe account of the cashier is {of_cashier}.\n",
    )
    service = Service(tmp_path, askers=[Asker(**each) for each in ASKERS])
    service.release(answering_package(service, [*HANDBOOK, cashier]))
    service.start()
    try:
        service.wait_for(1)

        def send(path: str, **body: Any) -> Any:
            status, reply = service.call("POST", path, body, bearer("bert"))
            assert status == 200, reply
            return reply

        for name, number in of_people:
            for text in written(name, number):
                asked = f"How many days of leave has the owner of {text}?"
                reply = send("/v1/answer", question=asked, history=[{"role": "user", "text": f"I am {text}"}])
                assert flat(number) not in flat(reply["answer"])
                send("/v1/feedback", prediction=reply["prediction"], verdict="wrong", comment=f"It is {text}, I said")
                send("/v1/chat/completions", messages=[{"role": "user", "content": asked}])
        reply = send("/v1/answer", question="What is the account of the cashier?")
        assert reply["answer"].startswith("The account of the cashier is [IBAN].")
    finally:
        service.stop()
    every, log = scanned(tmp_path), scanned(service.config.log)
    assert [name for name, number in of_people if flat(number) in every] == []
    assert flat(of_cashier) not in log
    assert b"IBAN" in log
    assert flat(of_cashier) in every, "the index holds what its documents hold: the scan sees it"
