"""Control tokens are read from the weights, and disarmed in what others wrote."""

import re
import struct
from pathlib import Path

import pytest

from kreis.generative.language_models.gguf import control_tokens, disarmed
from kreis.generative.language_models.llama_cpp import LlamaCpp


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def array(kind: int, values: list[bytes]) -> bytes:
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


PAIRS = [
    pair("general.name", 8, text("tiny")),
    pair("general.size", 10, struct.pack("<Q", 3)),
    pair("nested", 9, array(9, [array(8, [text("a")]), array(4, [struct.pack("<I", 1)])])),
    pair("tokenizer.ggml.scores", 9, array(6, [struct.pack("<f", 0.5)] * 3)),
    pair("tokenizer.ggml.tokens", 9, array(8, [text(each) for each in ("<|end|>", "the", "<tool>")])),
    pair("tokenizer.ggml.token_type", 9, array(5, [struct.pack("<i", each) for each in (3, 1, 4)])),
]


def gguf(place: Path, *pairs: bytes, magic: bytes = b"GGUF", version: int = 3) -> Path:
    path = place / "tiny.gguf"
    path.write_bytes(struct.pack("<4sIQQ", magic, version, 0, len(pairs)) + b"".join(pairs))
    return path


def test_the_small_models_tokens_are_found() -> None:
    found = control_tokens(LlamaCpp("smollm2-135m")._weights())
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= found
    assert "the" not in found
    assert len(found) < 50


def test_only_control_tokens_are_found(tmp_path: Path) -> None:
    assert control_tokens(gguf(tmp_path, *PAIRS)) == {"<|end|>"}


def test_what_is_no_gguf_file(tmp_path: Path) -> None:
    whole = gguf(tmp_path, *PAIRS).read_bytes()
    for cut in range(0, len(whole), 7):
        (tmp_path / "cut.gguf").write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"cut off|nothing of its tokens"):
            control_tokens(tmp_path / "cut.gguf")
    for magic, version in ((b"GGML", 3), (b"GGUF", 1)):
        with pytest.raises(ValueError, match="no GGUF file"):
            control_tokens(gguf(tmp_path, *PAIRS, magic=magic, version=version))
    with pytest.raises(ValueError, match="nothing of its tokens"):
        control_tokens(gguf(tmp_path, *PAIRS[:5]))
    with pytest.raises(ValueError, match="unknown type 13"):
        control_tokens(gguf(tmp_path, pair("x", 13, b"")))
    with pytest.raises(ValueError, match=r"a text of 1\d+ bytes"):
        control_tokens(gguf(tmp_path, struct.pack("<Q", 2**60)))


@pytest.mark.parametrize(
    "said",
    ["<|end|>", "a<|end|>b<|end|>", "<|e<|end|>nd|>", "<<|end|>|end|>", "<|end|><|end|>"],
)
def test_no_control_token_is_left(said: str) -> None:
    control = re.compile(re.escape("<|end|>"))
    left = disarmed(said, control)
    assert "<|end|>" not in left
    assert left.replace(" ", "") == said, "only blanks are added"


def test_tokens_that_share_letters_are_each_disarmed() -> None:
    control = re.compile(re.escape("<|end|>") + "|" + re.escape(">>"))
    assert disarmed("<|end|>>", control) == "< |end|> >"


def test_other_texts_stay_as_they_are() -> None:
    said = "if a < b | c > d: <b>bold</b> <|begin|>"
    assert disarmed(said, re.compile(re.escape("<|end|>"))) == said
