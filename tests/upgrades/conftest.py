"""Project folders that earlier versions left behind, unpacked to work on."""

from __future__ import annotations

import lzma
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLES = sorted(path.name for path in Path(__file__).parent.iterdir() if (path / "shop.tar.xz").is_file())


def unpack(folder: Path, version: str) -> Path:
    """A sample's project folder, to work on."""
    with tarfile.open(Path(__file__).parent / version / "shop.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return folder / "shop"


@pytest.fixture(params=SAMPLES)
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def sample(tmp_path: Path, version: str) -> Path:
    """A sample with its ledger in SQLite."""
    return unpack(tmp_path, version)


@pytest.fixture(params=["sqlite", "postgres"])
def left_behind(request: pytest.FixtureRequest, sample: Path, version: str, new_shop: Callable[..., Any]) -> Any:
    """A sample as a project to run commands in, with its ledger in SQLite or in PostgreSQL."""
    if request.param == "postgres":
        import psycopg

        server = request.getfixturevalue("postgres_server")
        url = server.empty_schema()
        dump = lzma.decompress((Path(__file__).parent / version / "ledger.sql.xz").read_bytes()).decode()
        with psycopg.connect(url) as connection:
            connection.execute(dump)
        (sample / ".kreis" / "ledger.db").unlink()
        settings = sample / "kreis.toml"
        settings.write_text(settings.read_text() + f'\n[ledger]\nurl = "{url}"\n')
    shutil.rmtree(sample / "__pycache__", ignore_errors=True)
    return new_shop(sample.parent / "left_behind", like=sample)
