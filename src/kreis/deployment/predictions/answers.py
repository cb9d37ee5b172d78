"""What the service answered and what really happened, as a source: logged predictions with their outcomes.

A row is an outcome of a prediction, known when the outcome was. An outcome that is sent again, otherwise and later, is
a correction. Predictions whose outcome is not known yet give no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from kreis.collection.sources import Window
from kreis.deployment.predictions.frames import OUTCOMES, PREDICTIONS

if TYPE_CHECKING:
    from kreis.lake.store import Lake

__all__ = ["COLUMNS", "Answers"]

COLUMNS: Mapping[str, str] = {
    "prediction": "string",
    "reference": "string",
    "asked_at": "timestamp",
    "model": "string",
    "score": "number",
    "decision": "boolean",
    "outcome": "number",
    "known_at": "timestamp",
}
"""The columns that every source of answers has, and their logical types; keys and fields come after them."""
_TYPES = {"datetime": "timestamp"}
"""Field types of a request whose logical type has another name."""


@dataclass(frozen=True)
class Answers:
    """Reads answers with outcomes from the lake."""

    keys: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    """Names of request fields and their types."""
    decision: str = "boolean"
    """The logical type of a decision."""

    def contract(self, name: str) -> dict[str, Any]:
        """What such a source promises, as a document of the Open Data Contract Standard."""
        types = {**COLUMNS, "decision": self.decision, **dict.fromkeys(self.keys, "string")}
        types |= {field: _TYPES.get(kind, kind) for field, kind in self.fields}
        properties = [
            {"name": column, "logicalType": kind, "required": column in ("asked_at", "outcome", "known_at")}
            for column, kind in types.items()
        ]
        properties[0] |= {"primaryKey": True}
        table = {
            "name": name,
            "properties": properties,
            "customProperties": [{"property": "kreis.empty", "value": "allow"}],
        }
        head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": f"kreis-{name}", "version": "1.0.0"}
        return {**head, "schema": [table]}

    def read(self, lake: Lake, window: Window) -> pl.LazyFrame:
        """The outcomes that became known in a window, each with the answer that it belongs to.

        Raises:
            StoreError: the lake cannot be read.
        """
        if lake.latest(PREDICTIONS) is None or lake.latest(OUTCOMES) is None:
            return pl.LazyFrame(schema=dict.fromkeys(self._columns(), pl.String))
        end = window.until + timedelta(microseconds=1)
        known = lake.scan(OUTCOMES, known_since=window.after, known_before=end).filter(window.contains("known_at"))
        asked = lake.scan(PREDICTIONS)
        by_id = known.filter(pl.col("prediction").is_not_null()).drop("reference")
        by_reference = known.filter(pl.col("prediction").is_null(), pl.col("reference").is_not_null())
        joined = pl.concat(
            [
                asked.join(by_id, left_on="id", right_on="prediction", how="inner", maintain_order="right"),
                asked.join(by_reference.drop("prediction"), on="reference", how="inner", maintain_order="right"),
            ]
        )
        # Of two outcomes of one moment the one that was sent last counts, as it does in monitoring.
        last = joined.unique(["id", "known_at"], keep="last", maintain_order=True)
        return last.rename({"id": "prediction", "at": "asked_at"}).select(
            *COLUMNS, *(_part("keys", key) for key in self.keys), *(_part("fields", field) for field, _ in self.fields)
        )

    def _columns(self) -> list[str]:
        return [*COLUMNS, *self.keys, *(field for field, _ in self.fields)]


def _part(column: str, name: str) -> pl.Expr:
    """A value of a column of JSON, as text: the contract says what it is."""
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return pl.col(column).str.json_path_match(f"$['{quoted}']").alias(name)
