"""What models cost, by a price list at a version."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kreis.digests import digest_of
from kreis.errors import ProjectError

__all__ = ["Price", "PriceList"]


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one model costs, as data in a package."""

    tokens_in: float
    """For 1,000,000 tokens of prompts."""
    tokens_out: float
    """For 1,000,000 tokens of answers."""
    currency: str
    version: str
    """The list's."""
    digest: str
    """SHA-256 of the list's bytes."""

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """What these tokens cost, in `currency`."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1_000_000


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tokens_in: float
    tokens_out: float

    def __post_init__(self) -> None:
        if not (0 <= self.tokens_in < float("inf") and 0 <= self.tokens_out < float("inf")):
            raise ValueError("a price is a number from 0 on")


class _List(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: str
    currency: str
    models: dict[str, _Line]


class PriceList:
    """A price list: a TOML or JSON file, which names its version and its currency.

    Example:

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "prices.toml"
    ...     lines = ['version = "2026-11"', 'currency = "EUR"', '[models."large"]', "tokens_in = 2", "tokens_out = 8"]
    ...     _ = path.write_text("\\n".join(lines))
    ...     price = PriceList.load(path).of("large")
    >>> price.of(1_000, 500)
    0.006
    """

    def __init__(self, found: _List, digest: str, where: str) -> None:
        self._found, self._digest, self._where = found, digest, where

    @classmethod
    def load(cls, path: Path | str) -> PriceList:
        """Read a list.

        Args:
            path: A file with `version`, `currency` and, for each model, `[models."NAME"]` with `tokens_in` and
                `tokens_out`: the price of 1,000,000 tokens.

        Returns:
            The list.

        Raises:
            ProjectError: there is no such file, or it is no price list.
        """
        import tomllib

        path = Path(path)
        try:
            data = path.read_bytes()
            document = tomllib.loads(data.decode()) if path.suffix == ".toml" else msgspec.json.decode(data)
            return cls(msgspec.convert(document, _List), digest_of(data), str(path))
        except OSError as error:
            raise ProjectError(f"it cannot be read: {error.strerror}", where=str(path)) from error
        except ValueError as error:
            raise ProjectError(
                f"it is no price list: {error}",
                where=str(path),
                hint='version = "2026-11", currency = "EUR", and for each model [models."NAME"] tokens_in = 0.1, '
                "tokens_out = 0.4 (for 1,000,000 tokens)",
            ) from error

    def of(self, model: str) -> Price:
        """A model's price.

        Raises:
            ProjectError: the list does not hold it.
        """
        line = self._found.models.get(model)
        if line is None:
            raise ProjectError.unknown_name("model", model, self._found.models, where=self._where)
        return Price(
            tokens_in=line.tokens_in,
            tokens_out=line.tokens_out,
            currency=self._found.currency,
            version=self._found.version,
            digest=self._digest,
        )
