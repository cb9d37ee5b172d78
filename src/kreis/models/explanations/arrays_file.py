"""Named arrays in one file, laid out as safetensors is: eight bytes that give the length of a JSON header, the header,
and the bytes of the arrays one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.digests import canonical_json
from kreis.errors import RefusalError

__all__ = ["narrow", "read_arrays", "write_arrays"]

_KINDS = {"F64": "<f8", "F32": "<f4", "I32": "<i4", "I16": "<i2", "U8": "|u1"}
_LONGEST = 16 * 1024 * 1024
"""No header is longer (bytes)."""
_MOST_ARRAYS = 20_000
_MOST_DIMENSIONS = 2
_WHERE = "file of arrays"


class _Array(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def write_arrays(arrays: Mapping[str, npt.NDArray[Any]], said: Mapping[str, str]) -> bytes:
    """The bytes of arrays; the same arrays give the same bytes.

    Args:
        arrays: By name.
        said: What else the header says.
    """
    names = {np.dtype(kind): name for name, kind in _KINDS.items()}
    header: dict[str, Any] = {"__metadata__": dict(said)}
    parts, at = [], 0
    for name, values in sorted(arrays.items()):
        content = np.ascontiguousarray(values).tobytes()
        dtype = names[values.dtype]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [at, at + len(content)]}
        parts.append(content)
        at += len(content)
    head = canonical_json(header)
    head += b" " * (-len(head) % 8)
    return b"".join([len(head).to_bytes(8, "little"), head, *parts])


def read_arrays(content: bytes) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The inverse: read-only views of the bytes, and what else the header says.

    Raises:
        RefusalError: the bytes are no such file: nothing is allocated for what they do not hold.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_LONGEST, len(content) - 8):
        raise RefusalError("its header is not there, or too long", where=_WHERE)
    try:
        header = msgspec.json.decode(content[8 : 8 + length], type=dict[str, msgspec.Raw])
        said = msgspec.json.decode(header.pop("__metadata__", msgspec.Raw(b"{}")), type=dict[str, str])
        held = {name: msgspec.json.decode(each, type=_Array) for name, each in header.items()}
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RefusalError(f"its header is damaged: {error}", where=_WHERE) from error
    if len(held) > _MOST_ARRAYS or any(len(each.shape) > _MOST_DIMENSIONS for each in held.values()):
        said_of = f"more than {_MOST_ARRAYS:,} arrays, or one of more than {_MOST_DIMENSIONS} dimensions"
        raise RefusalError(f"its header tells of {said_of}", where=_WHERE)
    data, at, found = memoryview(content)[8 + length :], 0, {}
    for name, each in sorted(held.items(), key=lambda pair: pair[1].data_offsets):
        begin, end = each.data_offsets
        kind = np.dtype(_KINDS.get(each.dtype, "V1"))
        whole = each.dtype in _KINDS and all(0 <= size <= len(content) for size in each.shape)
        if not whole or begin != at or end - begin != math.prod(each.shape) * kind.itemsize or end > len(data):
            raise RefusalError(f"its array {name!r} is not there as the header says", where=_WHERE)
        found[name] = np.frombuffer(data[begin:end], dtype=kind).reshape(each.shape)
        at = end
    if at != len(data):
        raise RefusalError("it holds more than its header says", where=_WHERE)
    return found, said


def narrow(values: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """As float32 where that says the same."""
    narrowed = values.astype(np.float32)
    return narrowed if (narrowed.astype(np.float64) == values).all() else values
