"""ONNX graphs as kreis ships them: one input `features`, one output `score`, standard operators, no other file.

A converter's graph is pruned to what the score needs and renamed, so that the same model gives the same bytes.
onnx is imported inside the functions: it takes a third of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kreis.errors import ProjectError, RefusalError

__all__ = [
    "INPUT",
    "OUTPUT",
    "TEXTS",
    "check_graph",
    "constant_score",
    "finish_graph",
    "outputs_of",
    "side_by_side",
    "single_score",
    "spread_around",
    "texts_of",
    "versions_of",
]

INPUT = "features"
TEXTS = "texts"
OUTPUT = "score"
PROBABILITIES = "probabilities"
"""What converters call a classifier's probabilities; a regressor has one output, of whatever name."""
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
TOKENIZER = ("com.microsoft", "Tokenizer")
"""Of ONNX Runtime's own operators the only one that is let in: ONNX has none that takes a text apart."""
IR_VERSION = 10
"""Opset 22 and ai.onnx.ml 5 go with it (onnx/docs/Versioning.md)."""
LARGEST = 256 * 1024 * 1024
"""A model above this many bytes is refused: protobuf itself ends at 2 GiB, a service should far earlier."""


def single_score(
    model: Any,
    width: int,
    *,
    outputs: int = 1,
    places: Sequence[int] | None = None,
    clip: bool = False,
    finite: bool = False,
) -> bytes:
    """Reduce a converted model to one output: the probability of the positive class, or the number it predicts; or
    several of either.

    Args:
        model: a ModelProto with an output `probabilities`, float32 of shape (n, 2), or one output `variable`, float32
            of shape (n, 1); of several numbers (n, outputs).
        width: how many features there are.
        outputs: how many numbers a row's raw output has.
        places: of several, where each of the model's own numbers stands; the others are 0: classes that it never saw.
        clip: bound a probability to [0, 1], for models that average probabilities in float32.
        finite: let an infinite feature count as missing.

    Returns:
        A serialised model: `features` float32 (n, width) to `score` float32 (n,), or (n, outputs) of several.
    """
    from onnx import TensorProto, helper

    classifier = PROBABILITIES in [each.name for each in model.graph.output]
    output, clip = (PROBABILITIES, clip) if classifier else (model.graph.output[0].name, False)
    nodes, source = _without_detours(list(model.graph.node), list(model.graph.initializer), output)
    if any(attribute.HasField("g") for node in nodes for attribute in node.attribute):
        raise ProjectError("its graph holds control flow", hint="use an estimator that converts to plain operators")
    (given,) = (each.name for each in model.graph.input)
    fresh = _Names(model)
    if finite:
        nodes, given = _infinite_as_missing(nodes, given, fresh)
    score, added = source, []
    if outputs == 1:
        column, score = fresh("column"), fresh("score")
        nodes.append(helper.make_node("Gather", [source, column], [score], axis=1))
        added.append(helper.make_tensor(column, TensorProto.INT64, [], [1 if classifier else 0]))
    elif places is not None and len(places) < outputs:
        score = _spread(
            nodes, added, source, [list(places).index(p) if p in places else -1 for p in range(outputs)], fresh
        )
    if clip:
        zero, one, bounded = fresh("zero"), fresh("one"), fresh("bounded")
        nodes.append(helper.make_node("Clip", [score, zero, one], [bounded]))
        added.append(helper.make_tensor(zero, TensorProto.FLOAT, [], [0.0]))
        added.append(helper.make_tensor(one, TensorProto.FLOAT, [], [1.0]))
        score = bounded
    used = {name for node in nodes for name in node.input}
    initializers = [each for each in model.graph.initializer if each.name in used] + added
    return finish_graph(nodes, initializers, given, width, versions_of(model), outputs=outputs, score=score)


def texts_of(model: Any) -> int:
    """How many texts it reads."""
    return int(model.graph.input[1].type.tensor_type.shape.dim[1].dim_value) if len(model.graph.input) > 1 else 0


def outputs_of(model: Any) -> int:
    """How many numbers a row's raw output has."""
    shape = model.graph.output[0].type.tensor_type.shape.dim
    return 1 if len(shape) == 1 else int(shape[1].dim_value)


def finish_graph(
    nodes: list[Any],
    initializers: list[Any],
    given: str,
    width: int,
    versions: dict[str, int],
    *,
    outputs: int = 1,
    score: str = OUTPUT,
    texts: int = 0,
) -> bytes:
    """Rename everything by position, drop what names the maker, check, and serialise deterministically.

    Args:
        nodes: in an order in which each can be computed.
        initializers: their constants.
        given: the name of the input so far.
        width: how many features there are.
        versions: of the operators' domains.
        outputs: how many numbers a row's raw output has.
        score: the name of the output so far.
        texts: how many features are read as texts, from an input of that name.
    """
    from onnx import TensorProto, helper

    names: dict[str, str] = {"": "", given: INPUT, score: OUTPUT} | ({TEXTS: TEXTS} if texts else {})
    for initializer in initializers:
        initializer.name = names.setdefault(initializer.name, f"c{len(names)}")
        initializer.doc_string = ""
    for position, node in enumerate(nodes):
        node.name, node.doc_string = f"n{position}", ""
        for side in (node.input, node.output):
            side[:] = [names.setdefault(name, f"v{len(names)}") for name in side]
    graph = helper.make_graph(
        nodes,
        "kreis",
        [
            helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", width]),
            *([helper.make_tensor_value_info(TEXTS, TensorProto.STRING, ["n", texts])] if texts else []),
        ],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n"] if outputs == 1 else ["n", outputs])],
        initializers,
    )
    needed = {node.domain for node in nodes}
    opsets = [helper.make_opsetid(domain, versions[domain]) for domain in sorted(needed | {""})]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="kreis")
    content: bytes = model.SerializeToString(deterministic=True)
    check_graph(content, width)
    return content


def check_graph(content: bytes, width: int) -> None:
    """Refuse a model that is more than a self-contained computation from `features`, and maybe `texts`, to `score`.

    Raises:
        RefusalError: too large, unreadable, external data, operators outside ai.onnx and ai.onnx.ml but the one that
            takes texts apart, functions, or other inputs and outputs than float32 (n, width), with strings (n, t)
            after it or not, to float32 (n,) or (n, k) with a fixed k.
    """
    import onnx

    if len(content) > LARGEST:
        raise _refusal(f"{len(content):,} bytes are more than the {LARGEST:,} allowed")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf raises its own classes, which differ between its implementations
        raise _refusal(f"these bytes are not an ONNX model: {error}") from error
    operators = [node for node in model.graph.node if (node.domain, node.op_type) != TOKENIZER]
    domains = {each.domain for each in model.opset_import} - {TOKENIZER[0]} | {node.domain for node in operators}
    if domains - DOMAINS:
        raise _refusal(f"operators of another domain: {sorted(domains - DOMAINS)}")
    if model.functions or model.training_info or model.metadata_props:
        raise _refusal("functions, training information or metadata in a model")
    tensors = [*model.graph.initializer, *(a.t for node in model.graph.node for a in node.attribute)]
    if any(tensor.external_data or tensor.data_location for tensor in tensors):
        raise _refusal("data outside of the model file")
    if model.graph.sparse_initializer or any(
        a.HasField("g") or a.graphs or a.tensors for node in model.graph.node for a in node.attribute
    ):
        raise _refusal("nested graphs or sparse tensors")
    _check_signature(model, width)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _refusal(f"not a valid model: {error}") from error


def _check_signature(model: Any, width: int) -> None:
    from onnx import TensorProto

    def signature(values: Any) -> list[tuple[str, int, int]]:
        return [(each.name, each.type.tensor_type.elem_type, len(each.type.tensor_type.shape.dim)) for each in values]

    features, texts = (INPUT, TensorProto.FLOAT, 2), (TEXTS, TensorProto.STRING, 2)
    if signature(model.graph.input) not in ([features], [features, texts]):
        raise _refusal(f"its input is not {INPUT!r}, float32 of shape (n, {width}), with {TEXTS!r} after it or not")
    found = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    if found != width:
        raise _refusal(f"it takes {found} features and not {width}")
    if signature(model.graph.output) not in ([(OUTPUT, TensorProto.FLOAT, 1)], [(OUTPUT, TensorProto.FLOAT, 2)]):
        raise _refusal(f"its output is not {OUTPUT!r}, float32 of shape (n,) or (n, k)")
    if outputs_of(model) < 1:
        raise _refusal("it does not say how many numbers its output has")


def _refusal(message: str) -> RefusalError:
    return RefusalError(message, where="ONNX model", hint="package a model that kreis trained or converted itself")


def _without_detours(nodes: list[Any], initializers: list[Any], wanted: str) -> tuple[list[Any], str]:
    """Only the nodes that `wanted` needs, without copies and multiplications by one; and where it now comes from."""
    from onnx import numpy_helper

    ones = {each.name for each in initializers if each.dims in ([], [1]) and numpy_helper.to_array(each).item() == 1}
    origin: dict[str, str] = {}
    kept = []
    for node in nodes:
        node.input[:] = [origin.get(name, name) for name in node.input]
        if node.op_type == "Identity" or (node.op_type == "Mul" and node.input[1] in ones):
            origin[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    source = origin.get(wanted, wanted)
    needed, backwards = {source}, []
    for node in reversed(kept):
        if needed.intersection(node.output):
            backwards.append(node)
            needed.update(node.input)
    return backwards[::-1], source


def _spread(nodes: list[Any], added: list[Any], source: str, columns: Sequence[int], fresh: _Names) -> str:
    """Columns of numbers in another order, 0 where a column is -1; and what they are called."""
    from onnx import TensorProto, helper

    first, one, nought, wide, index, score = map(fresh, ("first", "one column", "nought", "wide", "index", "score"))
    nodes.append(helper.make_node("Gather", [source, one], [first], axis=1))
    nodes.append(helper.make_node("Sub", [first, first], [nought]))
    nodes.append(helper.make_node("Concat", [source, nought], [wide], axis=1))
    nodes.append(helper.make_node("Gather", [wide, index], [score], axis=1))
    last = max(columns) + 1
    added.append(helper.make_tensor(one, TensorProto.INT64, [1], [0]))
    added.append(helper.make_tensor(index, TensorProto.INT64, [len(columns)], [last if c < 0 else c for c in columns]))
    return score


def side_by_side(contents: Sequence[bytes], width: int, *, ascending: bool = False) -> bytes:
    """One graph of several finished ones: `features` float32 (n, width) to `score` float32 (n, k).

    Args:
        contents: Models of one number, as `finish_graph` leaves them.
        width: How many features they take.
        ascending: Whether a row's numbers are put in order.
    """
    from onnx import TensorProto, helper

    nodes: list[Any] = []
    constants = [helper.make_tensor("second axis", TensorProto.INT64, [1], [1])]
    versions: dict[str, int] = {"": 13}
    columns = []
    for place, content in enumerate(contents):
        found, own, of_one = _renamed(content, f"{place} ")
        nodes += found.node
        constants += found.initializer
        versions = {each: max(versions.get(each, 0), own.get(each, 0)) for each in versions | own}
        column, score = f"column {place}", f"{place} {OUTPUT}"
        columns.append(column if of_one else score)
        nodes += [helper.make_node("Unsqueeze", [score, "second axis"], [column])] if of_one else []
    nodes.append(helper.make_node("Concat", columns, ["in a row" if ascending else OUTPUT], axis=1))
    if ascending:
        constants.append(helper.make_tensor("count", TensorProto.INT64, [1], [len(contents)]))
        options: dict[str, Any] = {"axis": 1, "largest": 0, "sorted": 1}
        nodes.append(helper.make_node("TopK", ["in a row", "count"], [OUTPUT, "places"], **options))
    return finish_graph(nodes, constants, INPUT, width, versions, outputs=len(contents))


def spread_around(content: bytes, offsets: Sequence[float], width: int) -> bytes:
    """A finished model's number and something more or less, several times: `score` float32 (n, k)."""
    from onnx import TensorProto, helper

    found, versions, _ = _renamed(content, "one ")
    constants = [
        *found.initializer,
        helper.make_tensor("second axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("offsets", TensorProto.FLOAT, [1, len(offsets)], list(offsets)),
    ]
    nodes = [
        *found.node,
        helper.make_node("Unsqueeze", [f"one {OUTPUT}", "second axis"], ["column"]),
        helper.make_node("Add", ["column", "offsets"], [OUTPUT]),
    ]
    return finish_graph(nodes, constants, INPUT, width, versions, outputs=len(offsets))


def _renamed(content: bytes, before: str) -> tuple[Any, dict[str, int], bool]:
    """A finished model's graph with something put before each name but the input's, the versions of its operators, and
    whether its score is of shape (n,).
    """
    import onnx

    model = onnx.load_from_string(content)
    of_one = len(model.graph.output[0].type.tensor_type.shape.dim) == 1
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = [name if name in ("", INPUT) else before + name for name in side]
    for each in model.graph.initializer:
        each.name = before + each.name
    return model.graph, versions_of(model), of_one


def constant_score(values: Sequence[float], width: int) -> bytes:
    """A model that gives the same for every row: `features` float32 (n, width) to `score` float32 (n,) or (n, k)."""
    from onnx import TensorProto, helper

    node, tensor = helper.make_node, helper.make_tensor
    nodes = [node("Shape", ["x"], ["rows"], start=0, end=1)]
    constants = [tensor("values", TensorProto.FLOAT, [1, len(values)] if len(values) > 1 else [1], list(values))]
    if len(values) > 1:
        nodes.append(node("Concat", ["rows", "outputs"], ["shape"], axis=0))
        constants.append(tensor("outputs", TensorProto.INT64, [1], [len(values)]))
    nodes.append(node("Expand", ["values", "shape" if len(values) > 1 else "rows"], ["score"]))
    return finish_graph(nodes, constants, "x", width, {"": 17}, outputs=len(values))


def _infinite_as_missing(nodes: list[Any], given: str, fresh: _Names) -> tuple[list[Any], str]:
    """Put `x + (x - x)` in front, which is x where x is finite and NaN elsewhere; and the input's new name."""
    from onnx import helper

    raw, nought = fresh("raw"), fresh("nought")
    front = [helper.make_node("Sub", [raw, raw], [nought]), helper.make_node("Add", [raw, nought], [given])]
    return front + nodes, raw


class _Names:
    """Names that a converter's graph does not use yet."""

    def __init__(self, model: Any) -> None:
        graph = model.graph
        self._taken = {name for node in graph.node for side in (node.input, node.output) for name in side}
        self._taken |= {each.name for each in (*graph.initializer, *graph.input, *graph.output)}

    def __call__(self, wanted: str) -> str:
        name = wanted
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def versions_of(model: Any) -> dict[str, int]:
    """The versions of the operators that a model uses, by domain."""
    versions: dict[str, int] = {"": 13}
    for each in model.opset_import:
        versions[each.domain] = max(each.version, versions.get(each.domain, 0))
    return versions
