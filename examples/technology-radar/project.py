"""When a quarter is over: how much will each technology be used in each of the next four?"""

from pathlib import Path

import polars as pl
import sources

from kreis import (
    BusinessMetric,
    Canary,
    Differenced,
    ErrorCost,
    Goal,
    GradientBoosting,
    Linear,
    Project,
    Risk,
    Rule,
    TimeSplit,
    Window,
)

HOURS_PER_POINT = 9.0
"""What a point of share is worth to a developer in a year, in hours: answers, libraries, colleagues are found sooner.

An assumption, to be replaced by your own measure. Choosing one technology instead of a better one costs at most what
the better one was forecast too low and the chosen one too high, so errors to either side cost the same.
"""

project = Project(
    "technology-radar",
    goal=Goal(
        question="How much will this technology be used, in per cent of all activity?",
        decision="Build the new products on the technology that helps developers most in a year.",
        metric=ErrorCost("hours per 1,000 forecasts", over=HOURS_PER_POINT, under=HOURS_PER_POINT),
        task="forecasting",
        risk=Risk.minimal(because="advises which tools to buy, decides nothing about a person"),
    ),
)

MAPPING = pl.read_csv(Path(__file__).parent / "mapping.csv")
"""Names as the sources write them, and what they are called here, reviewed by a person. Those without a technology are
left out on purpose.
"""


def called(source: str) -> pl.LazyFrame:
    """The names of one source, and the technologies that they mean."""
    return MAPPING.lazy().filter(pl.col("source") == source).select("name", "technology")


@project.source(contract="contracts/github.yaml", known_at="published_at", version=sources.version)
def github(window: Window) -> pl.LazyFrame:
    """What happens in public projects."""
    return sources.github(window)


@project.source(contract="contracts/questions.yaml", known_at="published_at", version=sources.version)
def questions(window: Window) -> pl.LazyFrame:
    """What is asked."""
    return sources.questions(window)


@project.source(contract="contracts/ads.yaml", known_at="published_at", version=sources.version)
def ads(window: Window) -> pl.LazyFrame:
    """Whom firms look for."""
    return sources.ads(window)


@project.source(contract="contracts/tags.yaml", known_at="published_at", version=sources.version)
def tags(window: Window) -> pl.LazyFrame:
    """What is asked about beside the languages."""
    return sources.tags(window)


@project.source(contract="contracts/postings.yaml", known_at="published_at", version=sources.version)
def postings(window: Window) -> pl.LazyFrame:
    """How many people are looked for at all."""
    return sources.postings(window)


@project.table(layer="silver")
def use(github: pl.LazyFrame) -> pl.LazyFrame:
    """Each technology's share of a quarter's events, in per cent, averaged over the kinds of events."""
    share = 100 * pl.col("count") / pl.col("count").sum().over("kind", "year", "quarter")
    of_kind = github.with_columns(share=share, kinds=pl.col("kind").n_unique().over("year", "quarter"))
    named = of_kind.join(called("github"), on="name").filter(pl.col("technology").is_not_null())
    return (
        named.sort("kind", "name")
        .group_by("technology", quarter=sources.quarter_start(), maintain_order=True)
        .agg(share=pl.col("share").sum() / pl.col("kinds").first(), published_at=pl.col("published_at").max())
    )


@project.table(layer="silver")
def unmapped(github: pl.LazyFrame) -> pl.LazyFrame:
    """Names that nobody has reviewed, with their share of the last quarter: the report lists them."""
    share = 100 * pl.col("count") / pl.col("count").sum().over("kind", "year", "quarter")
    last = github.with_columns(share=share, began=sources.quarter_start()).filter(
        pl.col("began") == pl.col("began").max()
    )
    unknown = last.join(called("github"), on="name", how="anti")
    return unknown.group_by("name").agg(share=pl.col("share").sum() / len(sources.KINDS)).sort("share", descending=True)


@project.table(layer="silver")
def asked(questions: pl.LazyFrame, use: pl.LazyFrame) -> pl.LazyFrame:
    """How much more is asked about a technology than it is used: its share of a quarter's questions, less its share of
    the events; and by how much it rose within a year.
    """
    named = questions.join(called("questions").rename({"name": "TagName"}), on="TagName")
    by = named.group_by("technology", quarter=pl.col("m").dt.truncate("1q")).agg(
        pl.col("questions").sum(), pl.col("published_at").max()
    )
    shares = by.with_columns(asked=100 * pl.col("questions") / pl.col("questions").sum().over("quarter"))
    known = shares.join(use, on=["technology", "quarter"], suffix="_of_use").sort("technology", "quarter")
    ahead = known.with_columns(
        ahead=pl.col("asked") - pl.col("share"), rose=pl.col("asked") - pl.col("asked").shift(4).over("technology")
    )
    moment = pl.max_horizontal("published_at", "published_at_of_use")
    return ahead.select("technology", "quarter", "ahead", "rose", published_at=moment)


@project.table(layer="silver")
def advertised(ads: pl.LazyFrame) -> pl.LazyFrame:
    """In how many of a year's advertisements each technology is named, in per cent; for the report."""
    words = MAPPING.filter(pl.col("source") == "ads")
    text = pl.col("text").str.to_lowercase()
    found = [
        text.str.contains(rf"(^|[^\w+#]){name.replace('+', '[+]')}($|[^\w+#])").alias(f"{technology} {place}")
        for place, (name, technology) in enumerate(words.select("name", "technology").iter_rows())
    ]
    year = pl.col("month").str.slice(0, 4)
    counted = ads.select(year.alias("year"), *found).group_by("year").agg(pl.all().mean() * 100)
    long = counted.unpivot(index="year", variable_name="technology", value_name="share")
    named = long.with_columns(pl.col("technology").str.extract(r"^(\S+)"))
    return named.group_by("year", "technology").agg(pl.col("share").max()).sort("year", "technology")


share = project.series(
    "share", table=use, key="technology", time="quarter", value="share", known_at="published_at", every="1q",
    horizons=[1, 2, 3, 4], season=4, lags=2, delay="20d",
)  # fmt: skip
project.feature_view(
    "asked",
    entity="technology",
    table=asked,
    event_time="quarter",
    known_at="published_at",
    features={"ahead": pl.col("ahead"), "rose": pl.col("rose")},
    ttl="200d",
)

project.split(TimeSplit(test="1461d"))
project.candidate("last value", Rule(share.last_value), baseline=True)
project.candidate("drift", Rule(share.drift_line), baseline=True)
project.candidate("linear", Differenced(Linear(), against=share.last_value))
project.candidate(
    "gbdt", Differenced(GradientBoosting(trees=80, leaves=7, learning_rate=0.05), against=share.last_value)
)

project.release(Canary(steps=[0.5, 1.0], hold="30d", margin="25%"), fallback="last value")
project.monitor(BusinessMetric(), sends_back_to="collection")
