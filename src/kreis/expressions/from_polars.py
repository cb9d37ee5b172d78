"""From a Polars expression to kreis's own tree: what is not on the allow-list is refused, with a way out."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import polars as pl

from kreis.errors import ProjectError
from kreis.expressions.checking import has_column, infer, validate
from kreis.expressions.operations import OPERATIONS
from kreis.expressions.readers import find_zone
from kreis.expressions.refusals import refusal
from kreis.expressions.rows import constant
from kreis.expressions.tree import Aggregate, Call, Column, Expression, Literal

__all__ = ["from_polars"]

Options: TypeAlias = dict[str, Any]

_WRITTEN: Final = {written: name for name, operation in OPERATIONS.items() for written in operation.written}
"""The operation behind each name in Polars' JSON."""
_AGGREGATES: Final = {"Sum": "sum", "Mean": "mean", "Last": "last"}
_FAMILIES: Final = ("Boolean", "TemporalExpr", "StringExpr", "ListExpr")
_CASTS: Final = {"Float64": "number", "Int64": "integer", "Boolean": "boolean"}
_INTEGERS: Final = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")


def from_polars(expr: pl.Expr, *, where: str) -> Expression:
    """Translate a Polars expression into kreis's tree. Names given by `alias` are left out, constants folded.

    Values are those that Polars gives each row alone, but in 64 bits throughout: where Polars would wrap
    (`dt.hour() * 60` is an Int8 there, so 23 hours are 100 minutes), the tree does not.

    Args:
        expr: an expression over columns; nothing is evaluated on data.
        where: what it stands in, for messages.

    Raises:
        ProjectError: an operation is not on the allow-list, or is given a kind of value that it does not take.
    """
    if not isinstance(expr, pl.Expr):
        raise ProjectError(
            f"a Polars expression is needed, not {type(expr).__name__}", where=where, hint='write pl.col("name")…'
        )
    try:
        document = json.loads(expr.meta.serialize(format="json"))
        expression = _Reader(where).read(document)
    except (pl.exceptions.PolarsError, RecursionError, ValueError) as error:
        raise ProjectError(f"the expression cannot be read: {error}", where=where, hint="simplify it") from error
    validate(expression, where=where)
    infer(expression, {}, where=where)
    return expression


class _Reader:
    """Reads the JSON that Polars 2.1 writes of an expression. What it does not know, it refuses."""

    def __init__(self, where: str) -> None:
        self._where = where

    def read(self, node: Any) -> Expression:
        if node == "Len":
            return Aggregate("len")
        if not isinstance(node, dict) or len(node) != 1:
            raise self._refuse(str(node))
        ((tag, body),) = node.items()
        readers: dict[str, Callable[[Any], Expression]] = {
            "Column": Column,
            "Alias": lambda body: self.read(body[0]),
            "RenameAlias": lambda body: self.read(body["expr"]),
            "Literal": self._literal,
            "BinaryExpr": self._binary,
            "Ternary": self._ternary,
            "Cast": self._cast,
            "Agg": self._aggregate,
            "Function": self._function,
        }
        if tag not in readers:
            raise self._refuse(tag)
        return readers[tag](body)

    def _refuse(self, operation: str) -> ProjectError:
        return refusal(operation, self._where)

    def _error(self, message: str, hint: str) -> ProjectError:
        return ProjectError(message, where=self._where, hint=hint)

    def _literal(self, body: Any) -> Literal:
        ((form, inner),) = body.items()
        if form not in ("Dyn", "Scalar") or not isinstance(inner, dict):
            raise self._refuse(f"Literal.{form}")
        ((kind, value),) = inner.items()
        if kind == "Null":
            return Literal(None)
        if kind in ("Float", "Float64"):
            if value is None:
                raise self._error("NaN and infinity are not constants", "write pl.lit(None) for missing")
            return Literal(float(value))
        if kind in ("Int", *_INTEGERS):
            return Literal(int(value))
        if kind in ("String", "Boolean"):
            return Literal(value)
        raise self._refuse(f"Literal.{kind}")

    def _fold(self, call: Call) -> Expression:
        """A call on constants alone becomes a constant, so options can be read off it."""
        if has_column(call):
            return call
        validate(call, where=self._where)
        infer(call, {}, where=self._where)
        value = constant(call)
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(f"{call.operation} of constants gives {value}", "write pl.lit(None) for missing")
        return Literal(value)

    def _binary(self, body: Any) -> Expression:
        operation = _WRITTEN.get(body["op"])
        if operation is None:
            raise self._refuse(body["op"])
        return self._fold(Call(operation, (self.read(body["left"]), self.read(body["right"]))))

    def _ternary(self, body: Any) -> Expression:
        parts = [self.read(body[name]) for name in ("predicate", "truthy", "falsy")]
        return self._fold(Call("when", tuple(parts)))

    def _cast(self, body: Any) -> Expression:
        dtype = body["dtype"].get("Literal") if isinstance(body["dtype"], dict) else body["dtype"]
        name = dtype if isinstance(dtype, str) else next(iter(dtype), "?") if isinstance(dtype, dict) else str(dtype)
        if name == "Categorical":
            return self._fold(Call("category", (self.read(body["expr"]),)))
        if name == "String":
            return self._fold(Call("text", (self.read(body["expr"]),)))
        if name not in _CASTS:
            raise self._error(
                f"a cast to {name} is not on the allow-list",
                "kreis computes in 64 bits: cast to pl.Float64, pl.Int64 or pl.Boolean, a text to pl.Categorical or"
                " pl.String, or convert in a silver table",
            )
        if body["options"] == "Overflowing":
            raise self._error("a cast that wraps around is not on the allow-list", "leave wrap_numerical out")
        return self._fold(Call("cast", (self.read(body["expr"]),), {"to": _CASTS[name]}))

    def _aggregate(self, body: Any) -> Expression:
        ((tag, inner),) = body.items()
        if tag in ("Min", "Max"):
            if inner["propagate_nans"]:
                raise self._refuse(f"{tag} with propagate_nans")
            return self._over_rows(tag.lower(), inner["input"])
        if tag == "Count":
            return self._over_rows("len" if inner["include_nulls"] else "count", inner["input"])
        if tag == "Std":
            if inner[1] != 1:
                raise self._error(f"std with ddof={inner[1]} is not on the allow-list", "leave ddof at 1")
            return self._over_rows("std", inner[0])
        if tag in _AGGREGATES:
            return self._over_rows(_AGGREGATES[tag], inner)
        raise self._refuse(tag)

    def _over_rows(self, operation: str, node: Any) -> Aggregate:
        """`x.filter(p).mean()` is the mean of `when(p).then(x)`: aggregates leave nulls out."""
        if not (isinstance(node, dict) and "Filter" in node):
            return Aggregate(operation) if operation == "len" else Aggregate(operation, self.read(node))
        if operation == "last":
            raise self._error("last() of filtered rows is not on the allow-list", "filter the rows in a silver table")
        argument, predicate = self.read(node["Filter"]["input"]), self.read(node["Filter"]["by"])
        if operation == "len":
            return Aggregate("count", Call("when", (predicate, Literal(1), Literal(None))))
        return Aggregate(operation, Call("when", (predicate, argument, Literal(None))))

    def _function(self, body: Any) -> Expression:
        function = body["function"]
        if isinstance(function, str):
            name, options = function, None
        else:
            ((family, inner),) = function.items()
            if isinstance(inner, dict) and len(inner) == 1 and family in _FAMILIES:
                ((member, options),) = inner.items()
                name = f"{family}.{member}"
            elif isinstance(inner, str):
                name, options = f"{family}.{inner}", None
            else:
                name, options = family, inner
        inputs = body["input"]
        operation = _WRITTEN.get(name)
        if operation is None:
            raise self._refuse(name)
        if operation in _CALLS:
            return self._fold(_CALLS[operation](self, operation, inputs, options))
        rest = list(inputs)
        chosen = _OPTIONS[operation](self, rest, options) if operation in _OPTIONS else {}
        return self._fold(Call(operation, tuple(self.read(each) for each in rest), chosen))

    # The options of an operation; what they are read from is taken out of the inputs

    def _constant(self, node: Any, what: str, hint: str) -> Any:
        read = self.read(node)
        if not isinstance(read, Literal):
            raise self._error(f"{what} must be a constant", hint)
        return read.value

    def power(self, inputs: list[Any], _: Any) -> Options:
        exponent = self._constant(inputs.pop(1), "an exponent", "write (exponent * base.log()).exp()")
        if isinstance(exponent, int) and not isinstance(exponent, bool) and not 0 <= exponent <= 64:
            raise self._error(f"an exponent of {exponent} is not on the allow-list", f"write {float(exponent)}")
        return {"exponent": exponent}

    def log(self, inputs: list[Any], _: Any) -> Options:
        return {"base": self._constant(inputs.pop(1), "the base of log()", "divide one log() by the other")}

    def clip(self, inputs: list[Any], options: Any) -> Options:
        names = [name for name, has in (("lower", "has_min"), ("upper", "has_max")) if options[has]]
        hint = "write pl.min_horizontal or pl.max_horizontal for a bound that varies"
        bounds = {name: self._constant(inputs.pop(1), f"the {name} bound of clip()", hint) for name in names}
        return {name: each for name, each in bounds.items() if each is not None}

    def round(self, _: list[Any], options: Any) -> Options:
        modes = {"HalfToEven": "half_to_even", "HalfAwayFromZero": "half_away_from_zero"}
        if options["mode"] not in modes:
            raise self._refuse(f"Round {options['mode']}")
        return {"decimals": options["decimals"], "mode": modes[options["mode"]]}

    def is_between(self, _: list[Any], options: Any) -> Options:
        return {"closed": options["closed"].lower()}

    def convert_time_zone(self, _: list[Any], options: Any) -> Options:
        try:
            find_zone(options["inner"])
        except ProjectError as error:
            raise self._error(error.message, error.hint or "") from error
        return {"zone": options["inner"]}

    def total(self, _: list[Any], options: Any) -> Options:
        if options["fractional"]:
            raise self._error("fractional totals are not on the allow-list", "divide total_seconds() by 60 or 3600")
        return {}

    def search(self, inputs: list[Any], options: Any) -> Options:
        if options is not None and not options["literal"]:
            raise self._error(
                "str.contains with a regular expression is not on the allow-list",
                "write literal=True, or compute it in a silver table",
            )
        return {"text": self._constant(inputs.pop(1), "what is searched for", "compute it in a silver table")}

    # Operations whose arguments are not simply the inputs

    def is_in(self, operation: str, inputs: list[Any], options: Any) -> Call:
        if options["nulls_equal"]:
            raise self._error("is_in with nulls_equal is not on the allow-list", "write … | column.is_null()")
        values = self._list(inputs[1])
        return Call(operation, (self.read(inputs[0]), *(Literal(each) for each in values if each is not None)))

    def chain(self, operation: str, inputs: list[Any], _: Any) -> Call:
        """all_horizontal and any_horizontal, of two at a time."""
        result = Call(operation, (self.read(inputs[0]), self.read(inputs[1] if len(inputs) > 1 else inputs[0])))
        for node in inputs[2:]:
            result = Call(operation, (result, self.read(node)))
        return result

    def split(self, operation: str, inputs: list[Any], _: Any) -> Call:
        """The length of a text's parts, or whether one is among them."""
        function = inputs[0].get("Function", {}) if isinstance(inputs[0], dict) else {}
        if function.get("function") != {"StringExpr": {"Split": False}}:
            raise self._error(
                "a list is not on the allow-list, but for the parts of a text",
                'write pl.col("tags").str.split("|").list.contains("new"), or .list.len()',
            )
        text, by = function["input"]
        options = {"by": self._constant(by, "what a text is split by", "compute it in a silver table")}
        if operation == "split_contains":
            options["item"] = self._constant(inputs[1], "what is looked for", "compute it in a silver table")
        return Call(operation, (self.read(text),), options)

    def _list(self, node: Any) -> list[Any]:
        """The values of a constant list. Only a literal is handed back to Polars to decode."""
        ((tag, body),) = node.items()
        form = next(iter(body)) if tag == "Literal" and isinstance(body, dict) else ""
        if form not in ("Scalar", "Series"):
            raise self._error("is_in takes a list of constants", 'write pl.col("x").is_in(["a", "b"])')
        literal = pl.Expr.deserialize(io.BytesIO(json.dumps(node).encode()), format="json")
        found = pl.select(literal.alias("values"))["values"].to_list()
        values: list[Any] = found[0] if form == "Scalar" and found and isinstance(found[0], list) else found
        if not all(each is None or isinstance(each, bool | int | float | str) for each in values):
            raise self._error("is_in takes booleans, numbers or texts", "compare moments with < and >")
        return values


_OPTIONS: Final[dict[str, Callable[[_Reader, list[Any], Any], Options]]] = {
    "power": _Reader.power,
    "log": _Reader.log,
    "clip": _Reader.clip,
    "round": _Reader.round,
    "is_between": _Reader.is_between,
    "convert_time_zone": _Reader.convert_time_zone,
    **dict.fromkeys(("starts_with", "ends_with", "contains"), _Reader.search),
    **dict.fromkeys(("total_days", "total_hours", "total_minutes", "total_seconds"), _Reader.total),
}
_CALLS: Final[dict[str, Callable[[_Reader, str, list[Any], Any], Call]]] = {
    "and": _Reader.chain,
    "or": _Reader.chain,
    "is_in": _Reader.is_in,
    "split_len": _Reader.split,
    "split_contains": _Reader.split,
}
