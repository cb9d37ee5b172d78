"""The radar's report, for whoever decides: `python report.py` writes `report.html`, one page that needs nothing else.

It reads what the last circle left: the rows (technology, origin, horizon) with what was known then, and the model in
service. Where no model was shown to beat the plain answers, none is in service, and the better plain answer forecasts.

What may happen is drawn from what happened: the errors of one past origin, of all technologies at once, times a normal
number (the wild bootstrap: Liu 1988), so that technologies rise and fall together as they did. Origins whose errors the
model has not learned from are used, those of the test part.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import polars as pl

import kreis

HERE = Path(__file__).parent
AHEAD, BEST, DRAWS, LEVEL = 4, 3, 4_000, 0.9
KEPT = HERE / "reports"
"""What each report said, for the next one to say what changed, and for `score_later.py`."""


def main() -> None:
    """Write the page, and keep what it says."""
    opened = kreis.open_project(HERE)
    found = radar(opened)
    before = earlier(found["origin"])
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{found['origin'][:10]}.json").write_text(json.dumps(found, indent=1))
    (HERE / "report.html").write_text(page(found, before), encoding="utf-8")
    chosen = found["technologies"][0]
    said = f"{chosen['name']}: among the best {BEST} with {_chance(chosen['among_best'])}"
    sys.stdout.write(f"{said}, expected regret {chosen['regret']:.1f} hours a developer and year; see report.html\n")


def radar(opened: Any) -> dict[str, Any]:
    """All that the page says, as plain data."""
    project, last = opened.project, pl.col("share__last")
    onward = last + pl.col("share__trend").fill_nan(0).fill_null(0) * pl.col("horizon")
    frame = opened.training_frame(only_known=False).with_columns(last.alias("last value"), onward.alias("drift"))
    in_service = opened.release is not None
    if in_service:
        frame = frame.with_columns(opened.score(frame).cast(pl.Float64).alias("model"))
    now = frame["origin"].max()
    judged = frame.filter(pl.col("share").is_not_null(), pl.col("origin") > now - _reach(project)).sort("origin")
    errors = {
        name: (judged[name] - judged["share"]).abs().mean()
        for name in ("last value", "drift", "model")
        if name in frame.columns
    }
    method = "model" if in_service else min(errors, key=errors.get)
    rng = np.random.default_rng(7)
    forecast = frame.filter(pl.col("origin") == now).sort("technology", "horizon")
    draws = {ahead: _draws(judged, forecast, method, ahead, rng) for ahead in range(1, AHEAD + 1)}
    names = forecast.filter(pl.col("horizon") == AHEAD)["technology"].to_list()
    worth = _hours(project) * draws[AHEAD]
    regret = worth.max(axis=1, keepdims=True) - worth
    place = (-worth).argsort(axis=1).argsort(axis=1)
    areas = _areas()
    technologies = [
        {
            "name": name,
            "area": areas.get(name, ""),
            "last": float(forecast.filter(pl.col("technology") == name)["share__last"][0]),
            "ahead": [_interval(draws[ahead][:, at]) for ahead in range(1, AHEAD + 1)],
            "among_best": float((place[:, at] < BEST).mean()),
            "rued": float((place[:, at] > 0).mean()),
            "best_of_area": 0.0,
            "regret": float(regret[:, at].mean()),
            "regret_interval": _regret_interval(judged, forecast, method, project, at),
        }
        for at, name in enumerate(names)
    ]
    for at, each in enumerate(technologies):
        rivals = [place_ for place_, other in enumerate(technologies) if other["area"] == each["area"]]
        each["best_of_area"] = float((worth[:, rivals].argmax(axis=1) == rivals.index(at)).mean())
    technologies.sort(key=lambda each: each["regret"])
    history = frame.filter(pl.col("horizon") == 1).select("technology", "origin", "share__last").sort("origin")
    return {
        "origin": f"{now:%Y-%m-%d}",
        "method": {"model": "the model in service", "last value": "the last value", "drift": "the drift line"}[method],
        "in_service": in_service,
        "errors": errors,
        "held": _held(judged, method),
        "past_regret": _past_regret(judged, method, project),
        "origins": judged["origin"].n_unique(),
        "technologies": technologies,
        "history": [[name, f"{at:%Y-%m-%d}", value] for name, at, value in history.iter_rows()],
        "unmapped": opened.table("unmapped").head(12).rows(),
        "hours_per_point": _hours(project),
    }


def _reach(project: Any) -> timedelta:
    """How far back the test part begins."""
    from kreis.durations import parse_duration

    return parse_duration(project.split_declaration.test) + project.spine_declaration.horizon


def _hours(project: Any) -> float:
    return float(project.goal.metric.over)


def _areas() -> dict[str, str]:
    mapped = pl.read_csv(HERE / "mapping.csv").filter(pl.col("source") == "github", pl.col("technology").is_not_null())
    return dict(mapped.select("technology", "area").iter_rows())


def _errors(judged: pl.DataFrame, names: list[str], method: str, ahead: int) -> np.ndarray:
    """Past errors of one horizon, shape (origins, technologies); 0 where a technology was not there yet."""
    rows = judged.filter(pl.col("horizon") == ahead).with_columns(error=pl.col("share") - pl.col(method))
    wide = rows.pivot(on="technology", index="origin", values="error").sort("origin")
    columns = [
        wide[name].fill_null(0.0).to_numpy() if name in wide.columns else np.zeros(wide.height) for name in names
    ]
    return np.column_stack(columns)


def _draws(
    judged: pl.DataFrame, forecast: pl.DataFrame, method: str, ahead: int, rng: np.random.Generator
) -> np.ndarray:
    """What may happen: shares in per cent, shape (draws, technologies)."""
    rows = forecast.filter(pl.col("horizon") == ahead)
    errors = _errors(judged, rows["technology"].to_list(), method, ahead)
    picked = errors[rng.integers(0, len(errors), DRAWS)] * rng.normal(size=(DRAWS, 1))
    return np.maximum(rows[method].to_numpy() + picked, 0.0)


def _interval(values: np.ndarray) -> list[float]:
    tail = (1 - LEVEL) / 2
    return [float(np.quantile(values, tail)), float(np.median(values)), float(np.quantile(values, 1 - tail))]


def _regret_interval(judged: pl.DataFrame, forecast: pl.DataFrame, method: str, project: Any, at: int) -> list[float]:
    """How far the expected regret may be off because the past origins are few: origins are drawn a year at a time,
    since forecasts of a year overlap (Künsch 1989).
    """
    rows = forecast.filter(pl.col("horizon") == AHEAD)
    errors = _errors(judged, rows["technology"].to_list(), method, AHEAD)
    rng, said = np.random.default_rng(8), rows[method].to_numpy()
    found = []
    for _ in range(200):
        starts = rng.integers(0, max(len(errors) - AHEAD, 0) + 1, -(-len(errors) // AHEAD))
        some = errors[np.minimum(starts[:, None] + np.arange(AHEAD), len(errors) - 1).ravel()]
        worth = np.maximum(said + some[rng.integers(0, len(some), 300)] * rng.normal(size=(300, 1)), 0.0)
        found.append(float((worth.max(axis=1) - worth[:, at]).mean()))
    return [_hours(project) * float(np.quantile(found, each)) for each in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]


def _past_regret(judged: pl.DataFrame, method: str, project: Any) -> dict[str, list[float]]:
    """What the choices of past quarters cost after four more, in hours: mean and worst, for each way to choose."""
    rows = judged.filter(pl.col("horizon") == AHEAD)
    found = {}
    for name in dict.fromkeys((method, "last value", "drift")):
        best = pl.col("share").max() - pl.col("share").last()
        chosen = rows.sort("origin", name).group_by("origin", maintain_order=True).agg(regret=_hours(project) * best)
        found[name] = [float(chosen["regret"].mean()), float(chosen["regret"].max())]
    return found


def _held(judged: pl.DataFrame, method: str) -> float:
    """How often what happened lay in the interval made from the other origins."""
    inside = []
    for ahead in range(1, AHEAD + 1):
        names = sorted(judged["technology"].unique())
        errors = _errors(judged, names, method, ahead)
        for left in range(len(errors)):
            spread = np.sqrt((np.delete(errors, left, axis=0) ** 2).mean(axis=0))
            known = spread > 0
            inside += (np.abs(errors[left]) <= 1.645 * spread)[known].tolist()
    return float(np.mean(inside))


def earlier(origin: str) -> dict[str, Any] | None:
    """What the report of the last circle before this one said."""
    found = sorted(each for each in KEPT.glob("*.json") if each.stem < origin[:10]) if KEPT.is_dir() else []
    return json.loads(found[-1].read_text()) if found else None


def changes(found: dict[str, Any], before: dict[str, Any] | None) -> list[str]:
    """What is otherwise than the last circle said, in sentences."""
    if before is None:
        return ["This is the first report."]
    now, then = ({each["name"]: each for each in one["technologies"]} for one in (found, before))
    first, was = found["technologies"][0]["name"], before["technologies"][0]["name"]
    said = [f"The choice is {first}, as before." if first == was else f"The choice is {first}; it was {was}."]
    if found["method"] != before["method"]:
        said.append(f"The forecast comes from {found['method']}; it came from {before['method']}.")
    said += [f"{name} is new on the radar." for name in sorted(now.keys() - then.keys())]
    said += [f"{name} is no longer there." for name in sorted(then.keys() - now.keys())]
    both = sorted(now.keys() & then.keys())
    passed = round((np.datetime64(found["origin"]) - np.datetime64(before["origin"])).astype(int) / 91.3)
    if 1 <= passed <= AHEAD:
        forecast = {name: then[name]["ahead"][passed - 1] for name in both}
        for name in sorted(both, key=lambda name: -abs(now[name]["last"] - forecast[name][1]))[:3]:
            (low, middle, high), came = forecast[name], now[name]["last"]
            where = "inside" if low <= came <= high else "outside"
            said.append(f"{name} came to {came:.2f}%; the report before forecast {middle:.2f}%, {where} its interval.")
    for name in both:
        moved = now[name]["among_best"] - then[name]["among_best"]
        if abs(moved) >= 0.05:
            chances = f"from {_chance(then[name]['among_best'])} to {_chance(now[name]['among_best'])}"
            said.append(f"The chance of {name} to be among the best {BEST} went {chances}.")
    return said


def page(found: dict[str, Any], before: dict[str, Any] | None) -> str:
    """The page, as HTML."""
    chosen, second = found["technologies"][:2]
    low, high = chosen["regret_interval"]
    share = chosen["ahead"][-1]
    none = "No model was shown to be better than the plain answers, so none is in service: the forecast is"
    filled = {
        "ORIGIN": found["origin"],
        "CHOSEN": escape(chosen["name"]),
        "AMONG": _chance(chosen["among_best"]),
        "RUED": _chance(chosen["rued"]),
        "BEST": BEST,
        "SHARE": f"{share[1]:.1f}% of all activity ({share[0]:.1f} to {share[2]:.1f})",
        "REGRET": f"{chosen['regret']:.1f} hours a developer and year ({low:.1f} to {high:.1f})",
        "SECOND": f"{escape(second['name'])}, the second choice, it would be {second['regret']:.1f}",
        "CHANGES": "".join(f"<li>{escape(each)}</li>" for each in changes(found, before)),
        "LINES": _lines_chart(found),
        "BARS": _bars_chart(found),
        "LEVEL": f"{LEVEL:.0%}",
        "ROWS": "".join(map(_row, found["technologies"])),
        "MODEL": f"{'The forecast comes from' if found['in_service'] else none} {found['method']}",
        "ORIGINS": found["origins"],
        "ERRORS": ", ".join(f"{name} {error:.3f}" for name, error in found["errors"].items()),
        "HELD": f"{found['held']:.0%}",
        "PAST": "; ".join(
            f"{name} {one:.1f} ({worst:.1f} at worst)" for name, (one, worst) in found["past_regret"].items()
        ),
        "HOURS": f"{found['hours_per_point']:g}",
        "UNMAPPED": ", ".join(f"{escape(name)} ({part:.2f}%)" for name, part in found["unmapped"]) or "none",
    }
    return Template((HERE / "report_page.html").read_text(encoding="utf-8")).substitute(filled)


def _chance(share: float) -> str:
    """A probability in words that does not say more than so many draws can."""
    return "over 99%" if share > 0.99 else "under 1%" if share < 0.01 else f"{share:.0%}"


def _row(each: dict[str, Any]) -> str:
    low, middle, high = each["ahead"][-1]
    cells = [
        escape(each["name"]),
        escape(each["area"]),
        f"{each['last']:.2f}",
        f"{middle:.2f} ({low:.2f} to {high:.2f})",
        _chance(each["among_best"]),
        _chance(each["best_of_area"]),
        f"{each['regret']:.1f} ({each['regret_interval'][0]:.1f} to {each['regret_interval'][1]:.1f})",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _lines_chart(found: dict[str, Any]) -> str:
    shown = [each["name"] for each in sorted(found["technologies"], key=lambda each: -each["last"])[:7]]
    past = [{"technology": n, "at": at, "share": v} for n, at, v in found["history"] if n in shown]
    ahead = []
    for each in found["technologies"]:
        if each["name"] in shown:
            start = np.datetime64(found["origin"])
            ahead.append(
                {
                    "technology": each["name"],
                    "at": found["origin"],
                    "low": each["last"],
                    "share": each["last"],
                    "high": each["last"],
                }
            )
            for quarter, (low, middle, high) in enumerate(each["ahead"], 1):
                at = str(start + np.timedelta64(91 * quarter, "D"))
                ahead.append({"technology": each["name"], "at": at, "low": low, "share": middle, "high": high})
    x = {"field": "at", "type": "temporal", "title": None}
    colour = {"field": "technology", "type": "nominal", "sort": shown, "title": None}
    y = {"field": "share", "type": "quantitative", "title": "share of activity, %"}
    layers = [
        {"data": {"values": past}, "mark": {"type": "line"}, "encoding": {"x": x, "y": y, "color": colour}},
        {
            "data": {"values": ahead},
            "mark": {"type": "line", "strokeDash": [4, 3]},
            "encoding": {"x": x, "y": y, "color": colour},
        },
        {
            "data": {"values": ahead},
            "mark": {"type": "area", "opacity": 0.18},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
    ]
    return _svg({"width": 760, "height": 320, "layer": layers})


def _bars_chart(found: dict[str, Any]) -> str:
    values = [
        {"technology": each["name"], "probability": each["among_best"]}
        for each in sorted(found["technologies"], key=lambda each: -each["among_best"])[:8]
    ]
    encoding = {
        "y": {"field": "technology", "type": "nominal", "sort": None, "title": None},
        "x": {
            "field": "probability", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": "%"},
            "title": f"probability of being among the best {BEST} after four quarters",
        },
    }  # fmt: skip
    bars = {"mark": {"type": "bar", "color": "#2563a8"}, "encoding": encoding}
    label = {**encoding, "text": {"field": "probability", "type": "quantitative", "format": ".0%"}}
    text = {"mark": {"type": "text", "align": "left", "dx": 4}, "encoding": label}
    return _svg({"width": 700, "height": 220, "data": {"values": values}, "layer": [bars, text]})


def _svg(spec: dict[str, Any]) -> str:
    import vl_convert

    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    return str(vl_convert.vegalite_to_svg({"$schema": schema, **spec}))


if __name__ == "__main__":
    main()
