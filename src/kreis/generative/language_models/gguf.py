"""What is read of a GGUF file beside llama.cpp: the tokens by which a chat template parts turns.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["control_tokens", "disarmed"]

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY, _CONTROL = 8, 9, 3
_LONGEST = 1024**2


def control_tokens(path: Path) -> frozenset[str]:
    """The texts of the control tokens ("<|im_start|>") of a GGUF file: a message must not hold them as they
    are, since llama.cpp reads them as the token, wherever they stand.

    Raises:
        ValueError: it is no GGUF file of version 2 or 3, or says nothing of its tokens.
    """
    tokens: list[bytes] = []
    types: bytes = b""
    with path.open("rb") as file:
        magic, version, _, count = struct.unpack("<4sIQQ", _read(file, 24))
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError("it is no GGUF file of version 2 or 3")
        for _ in range(count):
            name = _string(file)
            (kind,) = struct.unpack("<I", _read(file, 4))
            if name == b"tokenizer.ggml.tokens":
                tokens = _strings(file)
            elif name == b"tokenizer.ggml.token_type":
                _, number = struct.unpack("<IQ", _read(file, 12))
                types = _read(file, 4 * number)
            else:
                _skip(file, kind)
    if not tokens or len(types) != 4 * len(tokens):
        raise ValueError("it says nothing of its tokens")
    of = struct.unpack(f"<{len(tokens)}i", types)
    return frozenset(text.decode(errors="replace") for text, kind in zip(tokens, of, strict=True) if kind == _CONTROL)


def disarmed(text: str, control: re.Pattern[str]) -> str:
    """A text in which no control token is read: a blank stands behind the first letter of each."""
    while control.search(text):
        text = control.sub(lambda found: found[0][0] + " " + found[0][1:], text)
    return text


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError("the file is cut off")
    return data


def _string(file: BinaryIO) -> bytes:
    (size,) = struct.unpack("<Q", _read(file, 8))
    if size > _LONGEST:
        raise ValueError(f"a text of {size} bytes stands in it")
    return _read(file, size)


def _strings(file: BinaryIO) -> list[bytes]:
    _, number = struct.unpack("<IQ", _read(file, 12))
    return [_string(file) for _ in range(number)]


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _string(file)
    elif kind == _ARRAY:
        of, number = struct.unpack("<IQ", _read(file, 12))
        if of in _SIZES:
            file.seek(_SIZES[of] * number, 1)
            return
        for _ in range(number):
            _skip(file, of)
    elif kind in _SIZES:
        file.seek(_SIZES[kind], 1)
    else:
        raise ValueError(f"a value of the unknown type {kind} stands in it")
