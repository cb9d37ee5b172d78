"""Makes a sample of a project folder with the installed version of kreis: `python make_sample.py FOLDER EXAMPLE`.

Run it with the version that is to be remembered, then pack the folder (see README.md).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kreis.actions.serve import free_port
from kreis.clock import SimulatedClock, microseconds
from kreis.identifiers import new_id
from kreis.ledger import alerts
from kreis.ledger.records import Alert
from kreis.watching.watcher import keep_watching
from kreis.workspace import Workspace

NOON = datetime(2025, 8, 15, 12, tzinfo=UTC)
WEAK = {
    "true_positive=6.0": "true_positive=2.5",
    "better_than_baseline=50": "better_than_baseline=0",
    "> 0.4": "> 2.0",
    "Logistic()": 'Logistic(), features=["order__shoes"]',
    '\nproject.candidate("gbdt"': '\n# project.candidate("gbdt"',
}
"""What makes the example's first model a weak one, so that the second is a canary beside it."""
SETTINGS = '[clock]\nas_of = "2025-08-15"\n\n[people]\nactor = "ann"\nroles.product_owner = ["bob"]\n'


def main(folder: Path, example: Path) -> None:
    """Make a folder in which two models were approved, one is a canary, and the service has answered."""
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns("__pycache__", ".kreis"))
    (folder / "kreis.toml").write_text(SETTINGS)
    orders = folder / "data" / "orders.csv"
    head, *rows = orders.read_text().splitlines(keepends=True)
    orders.write_text("".join([head, *(row for row in rows if row.split(",")[1] < "c180")]))
    declared = folder / "project.py"
    whole = declared.read_text().replace('fallback="rule")', 'fallback="rule", approval="product_owner")')
    weak = whole
    for old, new in WEAK.items():
        assert old in weak
        weak = weak.replace(old, new)
    for text, day, version in ((weak, "2025-08-01", "2"), (whole, "2025-08-15", "4")):
        declared.write_text(text)
        kreis(folder, "run", "--as-of", day, "--simulated-time")
        kreis(folder, "approve", version, "--role", "product_owner", "--reason", "looked at the groups", actor="bob")
        kreis(folder, "run", "--as-of", day, "--simulated-time")
    answered = ask(folder, NOON, count=30)
    answered += ask(folder, NOON + timedelta(hours=2), count=10, first=30)
    look(folder, NOON + timedelta(hours=20))
    raise_an_alert(folder, NOON + timedelta(hours=21))
    answered += ask(folder, NOON + timedelta(hours=22), count=15, first=40)
    (folder / "answers.json").write_text(json.dumps(answered, indent=1))


def kreis(folder: Path, *arguments: str, actor: str = "ann") -> None:
    """Run a command."""
    env = {"PATH": "/usr/bin:/bin", "KREIS_PEOPLE_ACTOR": actor, "KREIS__PEOPLE__ACTOR": actor}
    done = subprocess.run([sys.executable, "-m", "kreis", *arguments], cwd=folder, env=env, check=False)
    assert done.returncode == 0 or (arguments[0] == "run" and done.returncode == 11), done.returncode


def ask(folder: Path, at: datetime, *, count: int, first: int = 0) -> list[dict[str, Any]]:
    """Let a real service answer a few requests, and say what became of some; what was asked, with the answers."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "kreis", "serve", "--port", str(port), "--simulated-time"], cwd=folder
    )
    answered = []
    try:
        wait_for(port)
        for number in range(first, first + count):
            asked = {
                "keys": {"customer": f"c{number * 7 % 180:03}"},
                "fields": {"amount": 20.0 + number, "category": ("shoes", "shirts", "books", "kitchen")[number % 4]},
                "reference": f"o9{number:04}",
            }
            answered.append({"asked": asked, "answer": post(port, "/v1/predict", asked, at)})
        outcomes = [
            {"prediction": each["answer"]["id"], "outcome": float(each["answer"]["decision"])} for each in answered
        ]
        post(port, "/v1/outcomes", {"outcomes": outcomes}, at + timedelta(hours=1))
    finally:
        process.terminate()
        process.wait(30)
    return answered


def wait_for(port: int) -> None:
    """Wait until the service is ready."""
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the service does not answer")


def post(port: int, path: str, document: Any, at: datetime) -> Any:
    """Ask the service."""
    headers = {"x-kreis-time": str(microseconds(at)), "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(document).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def look(folder: Path, now: datetime) -> None:
    """Watch once: ships the service's log and writes what watching remembers."""
    list(keep_watching(Workspace(folder, clock=SimulatedClock(now)), every="1h", once=True))


def raise_an_alert(folder: Path, now: datetime) -> None:
    """Put an alert into the record, as a monitor does."""
    workspace = Workspace(folder, clock=SimulatedClock(now))
    with workspace.ledger.record(event="alert.raised", subject="drift", actor="ann", reason="moved") as tx:
        alert = Alert(
            id=new_id(tx.now), project="returns", monitor="drift", level="warning", summary="moved", detail={},
            to="collection", at=tx.now,
        )  # fmt: skip
        alerts.add_alert(tx, alert)
    workspace.ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
