"""Output survives any encoding."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Shop


def printed(shop: Shop, encoding: str, *arguments: str) -> bytes:
    done = subprocess.run(
        shop.command(*arguments),
        cwd=shop.folder,
        env=shop.environment(PYTHONIOENCODING=encoding),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("encoding", "sign"), [("ascii", None), ("latin-1", "+"), ("cp1252", "+"), ("utf-8", "✓")])
def test_prints_plainer_signs_where_the_encoding_lacks_them(evaluated: Shop, encoding: str, sign: str | None) -> None:
    for arguments in (["show", "run"], ["audit", "verify"], ["run", "--until", "evaluation"]):
        text = printed(evaluated, encoding, *arguments).decode("utf-8" if sign is None else encoding)
        assert sign is None or f"{sign} " in text


def test_json_is_whole_in_any_encoding(evaluated: Shop) -> None:
    evaluated.edit("Will this order be returned?", "Kommt diese Bestellung zurück – ja?")
    evaluated.run("run", "--until", "requirements")
    documents = [json.loads(printed(evaluated, each, "show", "run", "--json")) for each in ("latin-1", "utf-8")]
    assert documents[0] == documents[1]
    assert "zurück – ja?" in json.dumps(documents[0], ensure_ascii=False)
