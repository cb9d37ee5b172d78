"""Real tables as a new user meets them: the command that begins, and the lines that are edited then."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DATA", "TABLES", "RealTable"]

ROOT = Path(__file__).parents[2]
# Links resolved, as `kreis init` writes a path down.
DATA = Path(os.environ.get("KREIS_TEST_DATA", ROOT.parent / "shared" / "data")).resolve()


@dataclass(frozen=True)
class RealTable:
    """A table, what is asked of it, and what its user changes in the project that `kreis init` writes."""

    name: str
    file: str
    predict: str
    test: str = ""
    options: tuple[str, ...] = ()
    edits: dict[str, str] = field(default_factory=dict)
    """In project.py: what stands there, and what takes its place."""
    leaks: tuple[str, ...] = ()
    """Columns that must be named as likely leaks."""
    headline: str = "auc"
    """The metric that is compared with a plain script's."""
    at_least: float = 0.0
    at_most: float = 1.0
    """Between which ends it comes out."""
    beside_script: bool = True
    """Whether `benchmarks/tables.py` sets it beside a plain script."""

    @property
    def path(self) -> Path:
        """The file."""
        return DATA / self.file

    @property
    def lines(self) -> int:
        """How many lines are edited: those that are new or changed."""
        return sum(max(1, len([line for line in new.splitlines() if line.strip()])) for new in self.edits.values())


NO_DOTS = """test=read_table("{test}").with_columns(pl.col("income").str.strip_chars_end(".")),"""

TABLES = [
    RealTable(
        "adult",
        "adult_census/adult_train.csv.gz",
        "income",
        test="adult_census/adult_test.csv.gz",
        edits={
            # In the second file a full stop stands behind the outcome.
            '    test="{test}",\n': "    " + NO_DOTS + "\n",
            "from kreis import (\n": "import polars as pl\n\nfrom kreis import (\n    read_table,\n",
        },
        at_least=0.92,
        at_most=0.93,
    ),
    RealTable(
        "bank", "bank_marketing/bank_additional_full.csv.gz", "y", leaks=("duration",), at_least=0.78, at_most=0.82
    ),
    RealTable("telco", "telco_churn/telco_customer_churn.csv.gz", "Churn", at_least=0.8),
    RealTable(
        "bikes",
        "bike_sharing/bike_rental_hourly.csv.gz",
        "cnt",
        leaks=("casual", "registered"),
        headline="mean_absolute_error",
        at_most=90.0,
    ),
    RealTable(
        # As it is judged elsewhere: by rows drawn by chance, whose day others of the same day tell.
        "bikes-at-random",
        "bike_sharing/bike_rental_hourly.csv.gz",
        "cnt",
        edits={
            '    time="dteday",\n': "",
            'TimeSplit(test="146d")': "RandomSplit(test=0.2)",
            "    TimeSplit,\n": "    RandomSplit,\n",
        },
        leaks=("casual", "registered"),
        headline="r_squared",
        at_least=0.93,
        at_most=0.96,
        beside_script=False,
    ),
    RealTable(
        "taxi",
        "nyc_taxi_sample/taxis.csv",
        "fare",
        # One who waits for a taxi knows neither; a fare that was told too low angers three times as much.
        edits={
            "    leave_out=[\n": '    leave_out=[\n        "tip", "tolls",\n',
            "over=1.0, under=1.0": "over=1.0, under=3.0",
        },
        leaks=("total", "dropoff"),
        headline="value",
        at_least=-5.0,
    ),
    RealTable(
        "elec2",
        "electricity_elec2/elec2.parquet",
        "class",
        # The price now is known: what is asked is whether it will rise above its day's mean.
        edits={'"nswprice",': ""},
        leaks=("nswprice",),
        at_least=0.85,
    ),
    RealTable(
        "fraud",
        "card_fraud_simulated/transactions.parquet",
        "TX_FRAUD",
        leaks=("TX_FRAUD_SCENARIO",),
        at_least=0.6,
    ),
    RealTable("spam", "sms_spam/spam_collection.csv", "column_1", at_least=0.97),
    RealTable(
        "banking77",
        "banking77/train.csv",
        "category",
        test="banking77/test.csv",
        headline="accuracy",
        at_least=0.86,
        at_most=0.9,
    ),
    RealTable(
        "tickets",
        "support_tickets_multilang/tickets_multi_lang_truncated.csv.gz",
        "type",
        # The answer is written after the ticket has been sorted, and so are its tags.
        edits={
            "    leave_out=[\n": "    leave_out=[\n        "
            + ", ".join(f'"{name}"' for name in ("answer", "queue", *(f"tag_{n}" for n in range(1, 10))))
            + ",\n",
            # A fifth of so few rows leaves the gates undecided.
            "from kreis import (\n": "from kreis import (\n    RandomSplit,\n",
            "# A new model first": "project.split(RandomSplit(test=0.35))\n\n# A new model first",
        },
        headline="accuracy",
        at_least=0.5,
    ),
]
