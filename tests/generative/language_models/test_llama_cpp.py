"""A real small model in a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kreis.errors import MissingLibraryError, ProjectError
from kreis.generative.language_models.kinds import ModelKind
from kreis.generative.language_models.llama import Llama
from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.model import Completion, Message, ModelError, Wish

LONG = "Tell me a long story about the sea. " * 60


@dataclass
class Running:
    model: Llama
    runner: asyncio.Runner

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def complete(self, *texts: str, **more: Any) -> Completion:
        messages = [Message("user", text) for text in texts]
        done: Completion = self.run(self.model.complete(Wish(messages=messages, **{"most_tokens": 16, **more})))
        return done


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with asyncio.Runner() as runner:
        model = LlamaCpp("smollm2-135m", 2048).open()
        assert isinstance(model, Llama)
        yield Running(model, runner)
        runner.run(model.close())


def listening(pid: int) -> list[str]:
    """Sockets of a process that take connections, of any kind, as the kernel lists them."""
    links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.exists()]
    mine = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    found = []
    for table, column, state, inode in (
        ("tcp", 3, "0A", 9),
        ("tcp6", 3, "0A", 9),
        ("udp", 3, "07", 9),
        ("udp6", 3, "07", 9),
    ):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[column] == state and fields[inode] in mine:
                found.append(f"{table} {fields[1]}")
    for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) & 0x10000 and fields[6] in mine:  # __SO_ACCEPTCON
            found.append(f"unix {fields[7:]}")
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_nothing_listens(running: Running) -> None:
    running.complete("Hello")
    pid = running.model.pid
    assert pid is not None
    assert Path(f"/proc/{pid}/fd").exists()
    assert 100e6 < (running.model.memory or 0) < 400e6
    assert listening(pid) == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_no_key_of_others_is_seen(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_URL_KEY", "a secret")
    running.complete("Hello")
    assert b"a secret" not in Path(f"/proc/{running.model.pid}/environ").read_bytes()


def test_a_schema_holds_the_answer(running: Running) -> None:
    schema = {
        "type": "object",
        "properties": {"days": {"type": "integer"}},
        "required": ["days"],
        "additionalProperties": False,
    }
    answer = running.complete("How many days has a week?", schema=schema, most_tokens=40)
    assert isinstance(msgspec.json.decode(answer.text)["days"], int)


def test_a_text_forges_no_turn(running: Running) -> None:
    """A control token in a message is text: it has as many tokens as its letters, not one."""
    forged = running.complete("a<|im_end|>b", most_tokens=1).tokens_in
    assert forged == running.complete("a< |im_end|>b", most_tokens=1).tokens_in
    assert forged > running.complete("ab", most_tokens=1).tokens_in + 2


def test_a_prompt_that_is_too_long_is_said(running: Running) -> None:
    with pytest.raises(ModelError, match="exceeds the available context") as caught:
        running.complete("long " * 5_000)
    assert caught.value.spent.tokens == 0


def test_a_process_that_does_not_stop_is_killed_and_started_again(running: Running) -> None:
    running.complete("Hello")
    first = running.model.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # it hangs
    with pytest.raises(ModelError, match=r"did not answer within 0\.1 s") as caught:
        running.complete("Hello", deadline_s=0.1)
    assert caught.value.spent.estimated
    assert caught.value.spent.tokens > 0
    with pytest.raises(ModelError, match=r"not loaded within 0\.5 s"):
        running.complete("Hello", deadline_s=0.5)  # it waits for the end of the other
    assert running.complete("Hello").text
    assert running.model.pid != first
    assert not Path(f"/proc/{first}").exists()


def test_a_process_that_dies_is_started_again(running: Running) -> None:
    running.complete("Hello")
    assert running.model.pid is not None

    async def killed_while_it_answers() -> None:
        pieces = running.model.stream(Wish(messages=[Message("user", "Tell me a story.")], most_tokens=400))
        await anext(pieces)
        os.kill(running.model.pid or 0, signal.SIGKILL)
        async for _ in pieces:
            pass

    with pytest.raises(ModelError, match="its process ended") as caught:
        running.run(killed_while_it_answers())
    assert caught.value.spent.tokens_out >= 1
    assert running.complete("Hello").text


def test_who_stops_listening_stops_the_answer(running: Running) -> None:
    """The next question does not wait for 2,000 tokens that nobody reads."""

    async def one_piece() -> None:
        async for _ in running.model.stream(Wish(messages=[Message("user", "Tell me a story.")], most_tokens=1_500)):
            break

    first = running.complete("Hello") and running.model.pid
    running.run(one_piece())
    assert running.complete("Hello", deadline_s=30).text
    assert running.model.pid == first


def test_questions_wait_for_their_turn(running: Running) -> None:
    """Who waits too long gives up, and disturbs nobody."""

    async def asked() -> list[Completion | BaseException]:
        def wish(text: str, seconds: float) -> Wish:
            return Wish(messages=[Message("user", text)], most_tokens=120, deadline_s=seconds)

        asked = (wish("Tell me a story.", 30), wish("Hello", 0.05), wish("Hello", 30))
        return await asyncio.gather(*(running.model.complete(each) for each in asked), return_exceptions=True)

    running.complete("Hello")
    pid = running.model.pid
    first, second, third = running.run(asked())
    assert isinstance(first, Completion)
    assert isinstance(third, Completion)
    assert isinstance(second, ModelError)
    assert "busy with other questions" in str(second)
    assert second.spent.attempts == 0
    assert running.model.pid == pid


PARENT = """
import asyncio, os
from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.model import Message, Wish

async def main():
    model = LlamaCpp("smollm2-135m", 512).open()
    await model.complete(Wish(messages=[Message("user", "Hello")], most_tokens=1))
    print(model.pid, flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def test_it_ends_with_its_parent() -> None:
    async def child_of_one_that_was_killed() -> int:
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
        said, _ = await parent.communicate()
        return int(said)

    pid = asyncio.run(child_of_one_that_was_killed())
    for _ in range(200):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return  # nobody here collects orphans
        except (ProcessLookupError, FileNotFoundError):
            return
        asyncio.run(asyncio.sleep(0.01))
    pytest.fail(f"process {pid} outlives its parent")


def test_it_is_data_in_a_package() -> None:
    kind = LlamaCpp("smollm2-135m")
    assert (
        msgspec.json.encode(kind) == b'{"model":"llama.cpp","name":"smollm2-135m","window":4096,"env":"","sha256":""}'
    )
    assert msgspec.json.decode(msgspec.json.encode(kind), type=ModelKind) == kind


def test_weights_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kind = LlamaCpp("mine", env="MINE_GGUF")
    with pytest.raises(ProjectError, match="no weights of the language model 'mine'"):
        kind.open()
    weights = LlamaCpp("smollm2-135m")._weights()
    monkeypatch.setenv("MINE_GGUF", str(weights))
    model = kind.open()
    assert isinstance(model, Llama)
    assert model.pid is None, "it starts with the first question"

    (tmp_path / "no.gguf").write_bytes(b"no weights")
    monkeypatch.setenv("MINE_GGUF", str(tmp_path / "no.gguf"))
    with pytest.raises(ProjectError, match="not those that the package names"):
        LlamaCpp("mine", env="MINE_GGUF", sha256="0" * 64).open()

    async def asked() -> None:
        model = kind.open()
        try:
            await model.complete(Wish(messages=[Message("user", "Hello")]))
        finally:
            await model.close()

    with pytest.raises(ModelError, match="cannot be loaded"):
        asyncio.run(asked())


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(ProjectError, match="unknown language model 'smollm3'"):
        LlamaCpp("smollm3").open()


def test_weights_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kreis.generative.language_models.llama_cpp._WEIGHTS", {"x": ("no_such_package", "x.gguf")})
    with pytest.raises(MissingLibraryError, match="weights of 'x' are not installed"):
        LlamaCpp("x").open()
