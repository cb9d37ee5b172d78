"""Make MiniLM's graph from its weights, and hold it against what is published of the model."""

from __future__ import annotations

import json
import struct
import sys

import numpy as np
import pytest
from onnxruntime import InferenceSession

from kreis.errors import CorruptionError, MissingLibraryError
from kreis.generative.embeddings.minilm import model as minilm
from kreis.generative.embeddings.minilm.graph import float_graph, read_safetensors
from kreis.generative.embeddings.minilm.model import MiniLM
from kreis.generative.embeddings.minilm.wordpiece import WordPiece

TEXTS = [
    "That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day",
    "Parental leave lasts up to 36 months.", "A hotel may cost 120 euros a night.", "0", "Ja, bitte!",
    "We measured the effect of vitamin D on the risk of fractures in a randomized trial of 5,292 older people. " * 6,
]  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def int8(models):
    return MiniLM(models)


@pytest.fixture(scope="module")
def tokens():
    return WordPiece(minilm._folder() / "vocab.txt")


@pytest.fixture(scope="module")
def exact(tokens):
    """Vectors of the graph in float32."""
    session = InferenceSession(float_graph(read_safetensors(minilm._folder() / "model.safetensors")))
    numbers = [np.array(tokens.numbers(text, 256), dtype=np.int64) for text in TEXTS]
    return np.array([session.run(None, {"tokens": each})[0] for each in numbers])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Hello, my dog is cute", [7592, 1010, 2026, 3899, 2003, 10140]),
        ("Using a Transformer network is simple", [2478, 1037, 10938, 2121, 2897, 2003, 3722]),
        ("embeddings", [7861, 8270, 4667, 2015]),
        ("UNAFFABLE\tUnaffable\n", [14477, 20961, 3468] * 2),
        ("Ünïcödé", [27260]),
        ("don't_stop", [2123, 1005, 1056, 1035, 2644]),
        ("a\0b \x7fc", [11113, 1039]),
        ("ünïcödé\u200b\ufffd", [27260]),
        ("x" * 101, [100]),
        ("\U0001f642", [100]),
        ("", []),
    ],
)
def test_tokens_are_those_of_bert(tokens, text, numbers):
    """The first three are printed in the documentation of transformers."""
    assert tokens.numbers(text, 256) == [101, *numbers, 102]


def test_chinese_characters_stand_alone(tokens):
    assert len(tokens.numbers("中文字", 256)) == 5


def test_a_long_text_is_cut_off(tokens):
    numbers = tokens.numbers("word " * 600, 256)
    assert (len(numbers), numbers[0], numbers[-1]) == (256, 101, 102)


def test_cosines_are_those_on_the_models_page(exact):
    """The example of sentence-transformers/all-MiniLM-L6-v2: 0.695, 0.943, 0.257."""
    assert exact[1:4] @ exact[0] == pytest.approx([0.695, 0.943, 0.257], abs=0.001)


def test_int8_is_near_to_float(int8, exact):
    cosines = np.sum(int8.passages(TEXTS) * exact, axis=1)
    assert cosines.mean() > 0.98
    assert cosines.min() > 0.95


def test_it_is_made_once_and_a_damaged_one_again(int8, models, monkeypatch):
    [file] = models.glob("*/*.onnx")
    made = file.read_bytes()
    file.write_bytes(made[:-1] + bytes([made[-1] ^ 1]))
    again = MiniLM(models)
    assert np.array_equal(again.queries(TEXTS[:1]), int8.queries(TEXTS[:1]))
    assert again.digest == int8.digest
    assert file.read_bytes() == made
    monkeypatch.setattr(minilm, "_made", lambda weights: pytest.fail("it was made again"))
    MiniLM(models)


def test_without_its_package_or_onnx_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    with pytest.raises((MissingLibraryError, ModuleNotFoundError), match="onnx"):
        MiniLM(tmp_path)
    monkeypatch.setattr(minilm, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingLibraryError, match="--no-deps"):
        MiniLM(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\0" * 16, struct.pack("<Q", 1 << 40) + b"{}"])
def test_a_file_that_holds_no_tensors_is_refused(tmp_path, data):
    place = tmp_path / "model.safetensors"
    place.write_bytes(data)
    with pytest.raises(CorruptionError, match="no safetensors"):
        read_safetensors(place)


def test_tensors_are_read(tmp_path):
    header = json.dumps({"x": {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(8) + np.array([1.5, -2], dtype="<f4").tobytes()
    place = tmp_path / "model.safetensors"
    place.write_bytes(data)
    assert read_safetensors(place)["x"].tolist() == [[1.5], [-2]]
