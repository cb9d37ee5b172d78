"""The minimal example as a project to work on, through the real command line."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from tests.forked_kreis import forked_kreis

# The same examples every time, on a machine of any speed.
hypothesis.settings.register_profile(
    "kreis", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("kreis")

# Each process that tests has one thread, and one that waits sleeps: there are more processes than cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

EXAMPLE = Path(__file__).parent.parent / "examples" / "minimal"


WEAK = {
    "true_positive=6.0": "true_positive=2.5",
    "better_than_baseline=50": "better_than_baseline=0",
    "> 0.4": "> 2.0",
    "Logistic()": 'Logistic(), features=["order__shoes"]',
    '\nproject.candidate("gbdt"': '\n# project.candidate("gbdt"',
}
"""What makes the example's model a weak one."""


class Shop:
    """A folder with a copy of `examples/minimal`, and `kreis` run in it as a person would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def new(cls, folder: Path, *, like: Path = EXAMPLE) -> Shop:
        shutil.copytree(
            like, folder, ignore=shutil.ignore_patterns("__pycache__", *([] if like != EXAMPLE else [".kreis"]))
        )
        return cls(folder)

    @property
    def state(self) -> Path:
        return self.folder / ".kreis"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "kreis", *arguments]

    def environment(self, actor: str = "ann", **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KREIS_")}
        mine = {"KREIS__PEOPLE__ACTOR": actor, "XDG_CONFIG_HOME": str(self.folder / "config of people")}
        return {**inherited, **mine, "COLUMNS": "200", **more}

    def run(
        self, *arguments: str, code: int = 0, actor: str = "ann", afresh: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; its exit code must be `code`.

        Args:
            arguments: What stands after `kreis`.
            code: The exit code.
            actor: Who runs it.
            afresh: In a process that imports everything itself: slower, with another order of sets.
        """
        environment = self.environment(actor)
        if afresh:
            done = subprocess.run(
                self.command(*arguments), cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
                timeout=120,
            )  # fmt: skip
        else:
            done = forked_kreis().run(list(arguments), self.folder, environment, 120)
        assert done.returncode == code, f"exit code {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def kreis(self, *arguments: str, **how: Any) -> str:
        """Run a command and return all that it printed; `how` as for `run`."""
        done = self.run(*arguments, **how)
        return done.stdout + done.stderr

    def python(self, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a file of Python in the folder."""
        return forked_kreis().run(list(arguments), self.folder, self.environment(), 120, file=file)

    def document(self, *arguments: str, **how: Any) -> Any:
        """Run a command with --json and return the document; `how` as for `run`."""
        return json.loads(self.run(*arguments, "--json", **how).stdout)

    def edit(self, old: str, new: str, *, file: str = "project.py") -> None:
        """Replace a text that the file holds."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def release_a_weak_model(self) -> None:
        """Release a weak model on what was known two weeks earlier; the project is then as it was before."""
        path = self.folder / "project.py"
        whole = path.read_text()
        for old, new in WEAK.items():
            self.edit(old, new)
        self.run("run", "--as-of", "2025-08-01")
        path.write_text(whole)


class Simulations:
    """How often a random world is repeated, and how a measured rate is held to the stated one."""

    MONTE_CARLO = 2.6
    """Standard errors of the simulation itself that a rate may be off by."""

    def runs(self, few: int) -> int:
        """`few` in CI, KREIS_SIMULATIONS in `make simulate`."""
        return int(os.environ.get("KREIS_SIMULATIONS", few))

    def at_most(self, what: str, hits: int, runs: int, stated: float) -> None:
        """The measured rate is not shown to be above the stated one."""
        self._tell(what, hits, runs, f"at most {stated:.2%}")
        assert hits / runs <= stated + self._error(stated, runs), f"{what}: {hits} of {runs}, stated {stated:.2%}"

    def at_least(self, what: str, hits: int, runs: int, stated: float) -> None:
        """The measured rate is not shown to be below the stated one."""
        self._tell(what, hits, runs, f"at least {stated:.2%}")
        assert hits / runs >= stated - self._error(stated, runs), f"{what}: {hits} of {runs}, stated {stated:.2%}"

    def _error(self, stated: float, runs: int) -> float:
        return self.MONTE_CARLO * (stated * (1 - stated) / runs) ** 0.5

    def _tell(self, what: str, hits: int, runs: int, stated: str) -> None:
        print(f"SIMULATED {what}: {hits / runs:.2%} of {runs:,} runs ({stated})")  # noqa: T201 (what `make simulate` is for)


@pytest.fixture(scope="session")
def simulations() -> Simulations:
    """See `Simulations`."""
    return Simulations()


@pytest.fixture(scope="session")
def new_shop() -> Callable[..., Shop]:
    """Makes a project in a folder: a copy of the example, or of another project."""
    return Shop.new


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project in which nothing has run yet."""
    return Shop.new(tmp_path / "shop")


@pytest.fixture(scope="session")
def evaluated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has come as far as evaluation, for copies only."""
    made = Shop.new(tmp_path_factory.mktemp("evaluated") / "shop")
    made.run("run", "--until", "evaluation")
    return made.folder


@pytest.fixture(scope="session")
def released_once(tmp_path_factory: pytest.TempPathFactory, evaluated_once: Path) -> Path:
    """A project with one release, for copies only."""
    made = Shop.new(tmp_path_factory.mktemp("released") / "shop", like=evaluated_once)
    made.run("run")
    return made.folder


@pytest.fixture(scope="session")
def canary_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose second model is a canary beside a weak first one, for copies only."""
    made = Shop.new(tmp_path_factory.mktemp("canary") / "shop")
    made.release_a_weak_model()
    made.run("run")
    return made.folder


@pytest.fixture
def canary(tmp_path: Path, canary_once: Path) -> Shop:
    """A project of one's own with a canary going on."""
    return Shop.new(tmp_path / "canary", like=canary_once)


@pytest.fixture
def evaluated(tmp_path: Path, evaluated_once: Path) -> Shop:
    """A project of one's own that has come as far as evaluation."""
    return Shop.new(tmp_path / "evaluated", like=evaluated_once)


@pytest.fixture
def released(tmp_path: Path, released_once: Path) -> Shop:
    """A project of one's own with one release."""
    return Shop.new(tmp_path / "released", like=released_once)


class PostgresServer:
    """A real server in a folder of its own, reached by a unix socket only."""

    def __init__(self, binaries: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kreis-pg-"))
        self._schemas = count(1)
        # initdb and postgres refuse to run as root
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = _account("postgres") or _account("nobody")
            if account is None:
                pytest.skip("root, and no account 'postgres' or 'nobody' to run PostgreSQL as")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        data = self._folder / "data"
        self._run(binaries / "initdb", "-D", data, "-U", "kreis", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        settings = ("listen_addresses=", "fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=120")
        options = [*(part for each in settings for part in ("-c", each)), "-k", self._folder]
        self._log = (self._folder / "log").open("wb")
        self._server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options],
            stdout=self._log,
            stderr=self._log,
            cwd=self._folder,
            **self._account,
        )
        self._wait(binaries / "pg_isready")

    @property
    def url(self) -> str:
        return f"postgresql://kreis@/postgres?host={self._folder}"

    def empty_schema(self) -> str:
        """The URL of a new, empty schema."""
        import psycopg

        name = f"ledger_{next(self._schemas)}"
        with psycopg.connect(host=str(self._folder), user="kreis", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.url}&options=-csearch_path%3D{name}"

    def stop(self) -> None:
        self._server.send_signal(signal.SIGINT)
        self._server.wait(timeout=30)
        self._log.close()
        shutil.rmtree(self._folder)

    def _run(self, *command: Any) -> None:
        subprocess.run(
            [str(part) for part in command], check=True, capture_output=True, cwd=self._folder, **self._account
        )

    def _wait(self, pg_isready: Path) -> None:
        deadline = time.monotonic() + 60
        while subprocess.run([pg_isready, "-q", "-h", self._folder], check=False).returncode != 0:
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL on this machine: neither pg_config nor /usr/lib/postgresql/*/bin")
    server = PostgresServer(binaries)
    yield server
    server.stop()


def _postgres_binaries() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name), reverse=True)
    if pg_config := shutil.which("pg_config"):
        said = subprocess.run([pg_config, "--bindir"], check=True, capture_output=True, text=True).stdout.strip()
        places.insert(0, Path(said))
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
