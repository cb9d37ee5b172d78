"""The documentation is true: its Python runs, its requests get its answers, its commands and links exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import typer.main
from tests.deployment.questions.conftest import answering_service

from kreis.actions.serve import free_port
from kreis.cli.main import app
from kreis.collection.contracts.contract import Contract
from kreis.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/README.md")]
    if path.is_file()
)
MARK = re.compile(r"<!-- no-run:(.*)-->")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    skipped: str | None
    """Why it is not run; None where it is."""


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page. One that is not to be run has `<!-- no-run: the reason -->` above it."""
    found, lines = [], page.read_text(encoding="utf-8").splitlines()
    start = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        mark = MARK.fullmatch(lines[start - 1]) if start else None
        text = "\n".join(lines[start + 1 : number]) + "\n"
        found.append(Block(page, start + 2, lines[start][3:].strip(), text, mark[1].strip() if mark else None))
        start = None
    assert start is None, f"{page}: a block does not end"
    return [block for block in found if language in (None, block.language)]


def anchors(page: Path) -> set[str]:
    """What a link may name after `#`, by GitHub's rule."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=ids)
def test_python_runs(page: Path, released: Any) -> None:
    """All of a page's snippets, one after the other, in a folder with the released minimal example."""
    snippets = blocks(page, "python")
    assert all(block.skipped is None or len(block.skipped) > 10 for block in snippets), "say why it is not run"
    text = ""
    for block in snippets:
        if block.skipped is None:
            text += "\n" * (block.line - 1 - text.count("\n")) + block.text  # so that errors name the page's line
    script = released.folder / f"{page.stem}_snippets.py"
    script.write_text(text)
    done = released.python(script)
    assert done.returncode == 0, f"{ids(page)}\n{done.stderr}"


def test_the_declared_project_is_one_that_runs(shop: Any) -> None:
    """The snippets of the project's reference make a project: `kreis run` takes it to a release that wants a yes."""
    page = ROOT / "docs" / "reference" / "project.md"
    (shop.folder / "project.py").write_text("\n".join(block.text for block in blocks(page, "python")))
    assert "waits for role product_owner" in shop.kreis("run", code=11)


def test_the_contract_is_one_that_loads(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs" / "reference" / "project.md", "yaml")
    (tmp_path / "orders.yaml").write_text(block.text)
    assert Contract.load(tmp_path / "orders.yaml").primary_key == ("order_id",)


@pytest.fixture
def address(released: Any) -> Iterator[str]:
    """A service that answers."""
    port = free_port()
    process = subprocess.Popen([*released.command("serve"), "--port", str(port)], cwd=released.folder)
    try:
        for _ in range(200):
            try:
                urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                break
            except URLError:
                time.sleep(0.05)
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_requests_get_the_answers_that_stand_below_them(address: str) -> None:
    assert ask_as_shown(ROOT / "docs" / "reference" / "http.md", address) >= 5


def test_questions_get_the_answers_that_stand_below_them(tmp_path: Path) -> None:
    with answering_service(tmp_path) as (address, token):
        assert ask_as_shown(ROOT / "docs" / "generative" / "service.md", address, TOKEN=token) == 3
    (settings,) = blocks(ROOT / "docs" / "generative" / "service.md", "toml")
    (tmp_path / "kreis.toml").write_text(settings.text)
    assert load_settings(tmp_path, {}).service.askers["anna"].groups == ["board", "hr"]


def ask_as_shown(page: Path, address: str, **environment: str) -> int:
    """Ask what stands in a page, and hold the answers against those below; how many there are."""
    asked = 0
    for request, answer in pairwise(blocks(page)):
        if request.language == "bash" and answer.language == "json":
            command = request.text.replace("localhost:8080", address)
            done = subprocess.run(
                ["bash", "-c", command], capture_output=True, check=True, env={**os.environ, **environment}
            )
            said = json.loads(done.stdout)
            shown = json.loads(answer.text)
            assert shape(said) == shape(shown), f"line {request.line}: {said}"
            for name in ("answer", "outcome", "answered"):
                assert said.get(name) == shown.get(name)
            assert said.get("error", {}).get("message") == shown.get("error", {}).get("message")
            asked += 1
    return asked


def shape(value: Any) -> Any:
    """Names and types, without the values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


def test_every_refusal_and_route_of_the_service_is_documented() -> None:
    server = ROOT / "src" / "kreis" / "deployment" / "server"
    source = "\n".join(path.read_text() for path in server.rglob("*.py"))
    raised = set(re.findall(r'HttpRefusal\(\s*(\d+), "(\w+)"', source)) | {("500", "internal")}
    raised |= {("422", code) for code in re.findall(r'\bRefusal\(\s*"(\w+)"', source)}
    raised |= {("503", code) for code in re.findall(r'\bUnavailable\("(\w+)"', source)}
    raised |= {("422", f"unknown_{kind}") for kind in ("key", "field", "feature")}
    text = (ROOT / "docs" / "reference" / "http.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| (.+?) \|", text, flags=re.MULTILINE)
    documented = {(status, code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert documented == raised
    for route in re.findall(r'^            "(/[\w/.]*)": \{"(\w+)"', source, flags=re.MULTILINE):
        assert f"`{route[1]} {route[0]}`" in text


def commands_in(block: Block) -> Iterator[tuple[int, list[str]]]:
    """The words of each line that starts kreis."""
    for number, line in enumerate(block.text.splitlines()):
        line = re.sub(r"^\$ ", "", line.partition("  #")[0])
        for part in re.split(r"\s*(?:&&|\|(?!\|))\s*|\s+>\s*", line):
            part = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", part)
            if re.match(r"kreis( |$)", part):
                yield block.line + number, shlex.split(re.sub(r"<[^>]*>", "X", part))[1:]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_and_their_options_exist(page: Path) -> None:
    for block in blocks(page):
        if block.language in ("python", "json", "yaml", "toml", "diff", "text"):
            continue
        for line, words in commands_in(block):
            command: Any = typer.main.get_command(app)
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            assert not getattr(command, "commands", {}) or not words or words[0].startswith("-"), (
                f"{ids(page)}:{line}: no command {words[0]!r}"
            )
            options = {"--help", "-h"} | {name for each in command.params for name in each.opts}
            for word in words:
                assert not word.startswith("--") or word in options, f"{ids(page)}:{line}: no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{ids(page)}: {target}"
        assert not anchor or anchor in anchors(found), f"{ids(page)}: {target} names no heading"


def test_every_page_is_in_the_index() -> None:
    docs = ROOT / "docs"
    index = (docs / "README.md").read_text() + (docs / "decisions" / "README.md").read_text()
    for page in docs.rglob("*.md"):
        assert page.name == "README.md" or page.name in index, f"docs/README.md does not mention {ids(page)}"
