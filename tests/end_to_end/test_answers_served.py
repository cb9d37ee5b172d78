"""`kreis serve` on a project that walked the circle: asked with a token, walked back by `kreis why`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.end_to_end.test_answers import Handbook

from kreis.actions.serve import free_port
from kreis.digests import digest_of

SETTINGS = f"""
[service.askers.anna]
sha256 = "{digest_of(b"anna's token")}"
tenant = "acme"
groups = ["board"]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, httpx.Client]]:
    """A folder with a release, and a client of the service on it."""
    made = Handbook(tmp_path_factory.mktemp("served") / "handbook")
    (made.folder / "kreis.toml").write_text(SETTINGS)
    assert made.run().status == "advanced"
    made.workspace.ledger.close()
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "kreis", "serve", "--port", str(port)], cwd=made.folder)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            for _ in range(1_000):
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx.HTTPError:
                    time.sleep(0.02)
            yield made.folder, client
    finally:
        process.terminate()
        assert process.wait(20) == 0


def kreis(folder: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "kreis", *words, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_answer_is_walked_back(served: tuple[Path, httpx.Client]) -> None:
    folder, client = served
    asked = {"question": "How many characters has a password at least?"}
    assert client.post("/v1/answer", json=asked).status_code == 401
    reply = client.post("/v1/answer", json=asked, headers={"Authorization": "Bearer anna's token"}).json()
    assert "14 characters" in reply["answer"]
    assert reply["citations"][0]["document"] == "security.md"
    why = json.dumps(kreis(folder, "why", reply["prediction"]))
    assert "security.md" in why
    assert reply["citations"][0]["version"] in why


def test_the_token_itself_stands_in_no_file(served: tuple[Path, httpx.Client]) -> None:
    folder, client = served
    client.post("/v1/answer", json={"question": "leave"}, headers={"Authorization": "Bearer anna's token"})
    for path in folder.rglob("*"):
        assert not path.is_file() or b"anna's token" not in path.read_bytes(), path
