"""The kinds of validators that a package may name."""

from __future__ import annotations

from typing import TypeAlias

from kreis.generative.output.validators.among import Among
from kreis.generative.output.validators.from_passages import NumbersFromPassages, WordForWord
from kreis.generative.output.validators.in_language import InLanguage
from kreis.generative.output.validators.length import Length
from kreis.generative.output.validators.matches import Matches

__all__ = ["Among", "InLanguage", "Length", "Matches", "NumbersFromPassages", "ValidatorKind", "WordForWord"]

ValidatorKind: TypeAlias = Length | Among | Matches | InLanguage | NumbersFromPassages | WordForWord
