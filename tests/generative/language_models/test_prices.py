"""What tokens cost, by a list at a version."""

from pathlib import Path

import pytest

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.generative.language_models.prices import PriceList

TOML = """
version = "2026-11"
currency = "EUR"

[models."small"]
tokens_in = 0.1
tokens_out = 0.4
"""
JSON = '{"version": "2026-11", "currency": "EUR", "models": {"small": {"tokens_in": 0.1, "tokens_out": 0.4}}}'


@pytest.mark.parametrize(("name", "text"), [("prices.toml", TOML), ("prices.json", JSON)])
def test_a_list_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    price = PriceList.load(tmp_path / name).of("small")
    assert price.of(1_000_000, 0) == 0.1
    assert price.of(0, 500_000) == 0.2
    assert price.of(1_000, 1_000) == pytest.approx(0.0005)
    assert (price.currency, price.version, price.digest) == ("EUR", "2026-11", digest_of(text.encode()))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("version = ", "it is no price list"),
        ('version = "1"\ncurrency = "EUR"', "missing required field `models`"),
        (TOML.replace("0.4", '"0.4"'), "Expected `float`"),
        (TOML.replace("0.4", "-0.4"), "a price is a number from 0 on"),
        (TOML.replace("0.4", "nan"), "a price is a number from 0 on"),
        (TOML + "cached = 0.01", "unknown field `cached`"),
    ],
)
def test_what_is_no_list(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(ProjectError, match=why):
        PriceList.load(tmp_path / "prices.toml")


def test_a_model_or_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(TOML)
    with pytest.raises(ProjectError, match=r"unknown model 'smal'\nHint: did you mean 'small'"):
        PriceList.load(str(tmp_path / "prices.toml")).of("smal")
    with pytest.raises(ProjectError, match="cannot be read"):
        PriceList.load(tmp_path / "no.toml")
