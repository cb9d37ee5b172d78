"""What each installation holds: the bare package serves, an extra brings the rest, and is named where it lacks."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from kreis.actions.serve import free_port
from kreis.errors import EXTRAS, MissingLibraryError

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "kreis"
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MEGABYTE = 10**6


def libraries(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~; ]", each)[0].lower() for each in requirements}


def test_each_library_is_brought_by_the_bare_package_or_by_the_extra_that_the_message_names() -> None:
    used = {each for path in SOURCE.rglob("*.py") for each in libraries(path)} - sys.stdlib_module_names
    used -= {"kreis", "_typeshed"}
    not_here = {"mlflow": ["mlflow-skinny"], "presidio_analyzer": ["presidio-analyzer"]}  # not among the tools
    brought_by = {**not_here, **metadata.packages_distributions()}
    for library in sorted(used | EXTRAS.keys()):
        wanted = DECLARED["dependencies"]
        if library in EXTRAS:
            wanted = DECLARED["optional-dependencies"][EXTRAS[library][1]]
        assert {each.lower() for each in brought_by.get(library, [library])} & names(wanted), library


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({libraries!r}))
from kreis.cli.main import main
sys.argv = ["kreis", *{arguments!r}]
main()
"""


def without(*libraries: str, run: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command in an environment that lacks libraries."""
    program = WITHOUT.format(libraries=libraries, arguments=run)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_command_names_the_library_that_it_lacks_and_the_extra(evaluated: Any) -> None:
    done = without("polars", run=("run",), folder=evaluated.folder)
    assert done.returncode == MissingLibraryError.exit_code
    assert "reading tables needs polars, which is not installed" in done.stderr
    assert "pip install 'kreis[watch]'" in done.stderr


def test_a_step_names_the_library_that_it_lacks_and_the_extra(evaluated: Any) -> None:
    evaluated.edit("trees=60", "trees=61")
    done = without("lightgbm", run=("run",), folder=evaluated.folder)
    assert done.returncode == MissingLibraryError.exit_code
    assert "training needs lightgbm, which is not installed" in done.stderr
    assert "pip install 'kreis[train]'" in done.stderr


def test_a_projects_file_names_the_library_that_it_lacks_and_its_own_line(shop: Any) -> None:
    shop.edit("import polars as pl", "import polars as pl\nimport sklearn.linear_model")
    done = without("sklearn", run=("run",), folder=shop.folder)
    assert done.returncode == MissingLibraryError.exit_code
    line = (shop.folder / "project.py").read_text().splitlines().index("import sklearn.linear_model") + 1
    assert f"project.py:{line}" in done.stderr


def test_a_library_that_is_asked_for_its_version_is_told_like_one_that_is_imported() -> None:
    missing = MissingLibraryError.of(metadata.PackageNotFoundError("scikit-learn"))
    assert missing is not None
    assert "training needs scikit-learn" in missing.message


def test_a_module_that_no_extra_brings_stays_a_fault() -> None:
    assert MissingLibraryError.of(ModuleNotFoundError("no module", name="shop_helpers")) is None


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the bare package only; its interpreter."""
    folder = tmp_path_factory.mktemp("small")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    wheel = next(folder.glob("*.whl"))
    lock = ["--require-hashes", "-r", ROOT / "requirements" / "serve.lock"]
    for what in (lock, ["--no-deps", wheel]):
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "install", "-q", *what],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode and re.search("ConnectionError|No matching distribution|Temporary failure", done.stderr):
            pytest.skip(f"no package index within reach: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
    return python


def size_of(folder: Path) -> int:
    """Bytes of all files below, each inode once."""
    found = {each.stat().st_ino: each.stat().st_size for each in folder.rglob("*") if each.is_file()}
    return sum(found.values())


def locked(lock: str) -> set[str]:
    text = (ROOT / "requirements" / lock).read_text()
    return set(re.findall(r"^([a-z0-9._-]+)==", text, flags=re.MULTILINE))


def size_installed(distributions: set[str]) -> tuple[int, int]:
    """How many of these are installed here, and the bytes of their files."""
    found = [each for each in metadata.distributions() if re.sub("[-_.]+", "-", each.name).lower() in distributions]
    files = {file.locate() for each in found for file in each.files or ()}
    return len(found), sum(Path(file).stat().st_size for file in files if Path(file).is_file())


@contextmanager
def serving(python: Path, shop: Any) -> Iterator[Callable[[str, Any], Any]]:
    """`kreis serve` of a project by an interpreter; yields a function that posts a document."""
    port = free_port()
    environment = {**shop.environment(), "PYTHONPATH": ""}
    process = subprocess.Popen(
        [python, "-m", "kreis", "serve", "--port", str(port), "--simulated-time"],
        cwd=shop.folder, env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def post(path: str, document: Any) -> Any:
        headers = {"x-kreis-time": "1755259200000000", "content-type": "application/json"}
        url = f"http://127.0.0.1:{port}{path}"
        with urllib.request.urlopen(
            urllib.request.Request(url, json.dumps(document).encode(), headers), timeout=10
        ) as reply:
            return json.load(reply)

    def ready() -> bool:
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    try:
        deadline = time.monotonic() + 60
        while not ready():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield post
    finally:
        process.terminate()
        process.wait(20)
    assert process.returncode == 0


ASKED = {"keys": {"customer": "c042"}, "fields": {"amount": 59.9, "category": "shoes"}, "reference": "o90042"}


@pytest.mark.slow
def test_the_bare_package_alone_serves_and_a_watcher_without_a_trainer_ships_its_log(
    small: Path, released: Any
) -> None:
    with serving(Path(sys.executable), released) as post:
        expected = post("/v1/predict", ASKED)
    with serving(small, released) as post:
        answer = post("/v1/predict", ASKED)
    assert answer["score"] == expected["score"]
    assert answer["model"] == expected["model"]
    for arguments, code in ((["status"], 0), (["audit", "verify"], 0), (["run"], MissingLibraryError.exit_code)):
        done = subprocess.run(
            [small, "-m", "kreis", *arguments], cwd=released.folder, env=released.environment(), check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    no_trainer = [library for library, (_, extra) in EXTRAS.items() if extra in ("train", "plots")]
    watched = without(*no_trainer, run=("watch", "--once", "--json"), folder=released.folder)
    assert json.loads(watched.stdout)["predictions"] == 2, watched.stderr
    assert without(*no_trainer, run=("parity",), folder=released.folder).returncode == 0


@pytest.mark.slow
def test_the_bare_package_has_at_most_300_mb(small: Path) -> None:
    subprocess.run([small, "-m", "compileall", "-q", "-j", "0", small.parents[1] / "lib"], check=False)
    size = size_of(small.parents[1])
    shown = json.loads(
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", small, "list", "--format", "json"],
            check=True, capture_output=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        ).stdout
    )  # fmt: skip
    print(f"\nINSTALLED kreis: {size / MEGABYTE:.0f} MB, {len(shown)} packages")  # noqa: T201 (what .ci/run shows)
    for name in ("watch", "demo"):
        packages, bytes_ = size_installed(locked(f"{name}.lock"))
        print(f"INSTALLED kreis[{name}]: {bytes_ / MEGABYTE:.0f} MB, {packages} packages")  # noqa: T201
    assert size < 300 * MEGABYTE
    assert not {each["name"] for each in shown} & {"polars", "scipy", "scikit-learn", "lightgbm", "altair", "onnx"}
