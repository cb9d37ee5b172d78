"""A model as a sum, as bytes that a package keeps."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from kreis.errors import KreisError, ProjectError, RefusalError
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.arrays_file import read_arrays, write_arrays
from kreis.models.explanations.explainer import Explainer, Explanation, linked
from kreis.models.explanations.trees import Trees
from kreis.models.explanations.weights import Weights


def stump(**other) -> Trees:
    """x0 <= 1, or missing: -1; else 2 on the left of x1 <= 0, 4 on its right."""
    given = {
        "left": [1, 0, 3, 0, 0],
        "right": [2, 0, 4, 0, 0],
        "column": [0, -1, 1, -1, -1],
        "threshold": [1, 0, 0, 0, 0],
        "missing_left": [1, 0, 0, 0, 0],
        "cover": [8, 4, 4, 1, 3],
        "value": [0, -1, 0, 2, 4],
        "roots": [0],
        "outputs": [0],
    }
    return Trees.of(**(given | other))


def weighed(width: int = 2, outputs: int = 1) -> Weights:
    weights = np.arange(1.0, width * outputs + 1).reshape(width, outputs)
    return Weights(
        weights=weights, means=np.ones(width), medians=np.ones(width), flags=weights / 10, absent=np.full(width, 0.25)
    )


def test_what_is_kept_comes_back() -> None:
    model = Additive.of(stump(), ("a", "b"), link="sigmoid", offset=0.5)
    model = Additive.together([model, model.times(2.0)])
    kept = Additive.from_bytes(model.to_bytes())
    rows = np.array([[0, 0], [2, -1], [np.nan, 3]], dtype=np.float32)
    before, after = Explainer(model).explain(rows), Explainer(kept).explain(rows)
    assert (before.margin == after.margin).all()
    assert kept.to_bytes() == model.to_bytes()
    assert after.margin.tolist() == [[-0.5, -1.0], [2.5, 5.0], [-0.5, -1.0]]


def test_the_file_is_laid_out_as_safetensors_are() -> None:
    content = Additive.of(weighed(), ("a", "b")).to_bytes()
    length = int.from_bytes(content[:8], "little")
    header = msgspec.json.decode(content[8 : 8 + length])
    begin, end = header["weights" if "weights" in header else "0.weights"]["data_offsets"]
    assert np.frombuffer(content[8 + length :][begin:end], dtype="<f8").tolist() == [1.0, 2.0]
    assert "kreis.explanation/1" in header["__metadata__"]["kreis"]


def test_what_a_weight_adds_is_counted_from_the_mean() -> None:
    found = Explainer(Additive.of(weighed(), ("a", "b"), offset=10.0)).explain(
        np.array([[3, 1], [np.nan, np.inf]], dtype=np.float32)
    )
    assert found.base.tolist() == [[10 + 3 + 0.25 * 0.3]] * 2
    np.testing.assert_allclose(found.features[:, 0], [[2 - 0.025, -0.05], [0.075, 0.15]])


def test_numbers_in_order_take_their_parts_along() -> None:
    """Quantiles that cross are put in order by the model: so are their reasons."""
    model = Additive.of(weighed(), ("a", "b")).around([1.0, -1.0])
    plain = Explainer(model).explain(np.array([[3, 1]], dtype=np.float32))
    ordered = Explainer(
        Additive.together(
            [Additive.of(weighed(), ("a", "b")), Additive.of(weighed(), ("a", "b")).times(-1)], ascending=True
        )
    )
    found = ordered.explain(np.array([[3, 1]], dtype=np.float32))
    assert found.margin.tolist() == [[-found.margin[0, 1], found.margin[0, 1]]]
    assert found.features[0, 0].tolist() == (-found.features[0, 1]).tolist()
    assert plain.margin[0, 0] - plain.margin[0, 1] == 2.0


def test_damage_is_refused() -> None:
    """Whatever byte of the header changes, or however much of the file is gone, it is an error of kreis or the same."""
    content = Additive.of(stump(), ("a", "b")).to_bytes()
    rng = np.random.default_rng(1)
    for place in [*range(0, 700, 3), *rng.integers(0, len(content), 300).tolist()]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(0, 8))
        try:
            model = Additive.from_bytes(bytes(damaged))
            Explainer(model).explain(np.zeros((1, model.features), dtype=np.float32))
        except KreisError:
            continue
    for length in range(0, len(content), 7):
        with pytest.raises(KreisError):
            Additive.from_bytes(content[:length])
    with pytest.raises(RefusalError, match="more than its header says"):
        Additive.from_bytes(content + b"\0")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"right": np.array([0, 0, 4, 0, 0], dtype=np.int32)}, "before its parent"),
        ({"right": np.array([3, 0, 4, 0, 0], dtype=np.int32)}, "no parent, or two"),
        ({"right": np.array([9, 0, 4, 0, 0], dtype=np.int32)}, "no parent, or two"),
        ({"column": np.array([7, -1, 1, -1, -1], dtype=np.int16)}, "what is not there"),
        ({"cover": np.array([np.nan, 1, 1, 1, 1])}, "no number"),
        ({"value": np.array([np.inf, 1, 1])}, "no number"),
        ({"value": np.array([1.0, 1])}, "no trees"),
        ({"outputs": np.array([1], dtype=np.int16)}, "outputs"),
        ({"roots": np.array([2], dtype=np.int32)}, "no parent, or two"),
    ],
)
def test_arrays_that_are_no_trees_are_refused(changed, said) -> None:
    with pytest.raises(RefusalError, match=said):
        Trees.from_arrays({**stump().arrays(), **changed}, columns=2, outputs=1)


def test_a_header_that_promises_more_than_there_is_allocates_nothing() -> None:
    content = write_arrays({"a": np.zeros(2)}, {})
    huge = content.replace(b'"shape":[2]', b'"shape":[2000000000]').replace(
        content[:8], (len(content) - 24 + 9).to_bytes(8, "little")
    )
    with pytest.raises(RefusalError):
        read_arrays(huge)


def test_a_later_format_is_refused_in_a_sentence() -> None:
    content = Additive.of(weighed(), ("a", "b")).to_bytes().replace(b"kreis.explanation/1", b"kreis.explanation/2")
    with pytest.raises(ProjectError, match="later format"):
        Additive.from_bytes(content)


def test_an_explanation_names_its_bytes_and_fits_its_model() -> None:
    explanation = Explanation.of(Additive.of(weighed(), ("a", "b")))
    with pytest.raises(ProjectError, match="not there"):
        explanation.stored.explainer(2)
    opened = explanation.stored.opened({explanation.sha256: explanation.content}.__getitem__)
    assert opened.explainer(2).explain(np.ones((1, 2), dtype=np.float32)).margin.shape == (1, 1)
    with pytest.raises(RefusalError, match="2 features"):
        opened.explainer(3)


def test_links_turn_sums_into_what_models_say() -> None:
    assert linked(np.array([[0.0, 0.0]]), "softmax").tolist() == [[0.5, 0.5]]
    assert linked(np.array([[-1e4], [1e4]]), "sigmoid").tolist() == [[0.0], [1.0]]
    assert linked(np.array([[1.0]]), "exp")[0, 0] == pytest.approx(np.e)
    assert linked(np.array([[3.0]]), "identity").tolist() == [[3.0]]


def test_codes_of_categories_that_would_take_all_memory_are_refused() -> None:
    held = {"category": np.array([0, -1, -1, -1, -1], dtype=np.int32), "set_sizes": np.array([1], dtype=np.int32)}
    held = {**stump().arrays(), **held, "set_codes": np.array([2**31 - 3], dtype=np.int32)}
    with pytest.raises(RefusalError, match="too many categories"):
        Trees.from_arrays(held, columns=2, outputs=1)


def test_a_map_behind_the_link_is_remembered() -> None:
    model = Additive.of(weighed(), ("a", "b"), link="sigmoid").recalibrated()
    assert Additive.from_bytes(model.to_bytes()).mapped
