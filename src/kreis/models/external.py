"""Whether an ONNX model points to data in other files: read from the protobuf itself, without the onnx package."""

from __future__ import annotations

from typing import Final

__all__ = ["refers_outside"]

_EXTERNAL: Final = "external"
_PARTS: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "tensor": {13: _EXTERNAL},
}
"""Per message of onnx.proto3 the fields that may lead to a TensorProto, and its `external_data`."""


def refers_outside(content: bytes) -> bool:
    """Whether a tensor of a model has external data; also where the bytes are no protobuf that can be walked.

    External data need an entry "location" (onnx.proto3, TensorProto.external_data): bytes without that text have none.
    A text that only looks like it (a vocabulary) is told from it by its place.
    """
    if b"location" not in content:
        return False
    view = memoryview(content)
    waiting: list[tuple[str, int, int]] = [("model", 0, len(view))]
    try:
        while waiting:
            kind, at, end = waiting.pop()
            while at < end:
                key, at = _varint(view, at, end)
                part = _PARTS[kind].get(key >> 3)
                start, at = _field(view, at, end, key & 7)
                if part == _EXTERNAL:
                    return True
                if part is not None and key & 7 == 2:
                    waiting.append((part, start, at))
    except IndexError:
        return True
    return False


def _field(view: memoryview, at: int, end: int, wire: int) -> tuple[int, int]:
    """Where a field's content begins and ends, by its wire type.

    Raises:
        IndexError: it does not fit into its message, or is of a type that proto3 does not write.
    """
    if wire == 0:
        return at, _varint(view, at, end)[1]
    length = {1: 8, 5: 4}.get(wire)
    if wire == 2:
        length, at = _varint(view, at, end)
    if length is None or at + length > end:
        raise IndexError(at)
    return at, at + length


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end or shift > 63:
            raise IndexError(at)
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
