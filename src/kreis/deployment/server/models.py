"""A release as the service holds it: opened, loaded and warmed up, before it answers anything."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from msgspec import UNSET, UnsetType

from kreis.deployment.explaining import explainer_for, lacks_reasons
from kreis.deployment.manifest import Inputs
from kreis.deployment.packages import Package
from kreis.deployment.predictions.records import Several
from kreis.deployment.routing import Router, unit_of
from kreis.deployment.server.door import Door
from kreis.deployment.server.messages import Ask, Refusal
from kreis.errors import KreisError, RefusalError
from kreis.expressions.rows import compile_row
from kreis.ledger.records import Release
from kreis.models.answer_parts.kinds import adapting_part
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.opened import OpenedParts
from kreis.models.answer_parts.reasons import FeatureReasons
from kreis.models.explanations.along_path import AlongPath
from kreis.models.explanations.explainer import Explainer
from kreis.models.scoring import Matrix, Texts
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.online.store import OnlinePlace, OnlineStore
from kreis.preparation.views import FeatureView, RequestView
from kreis.tasks.decisions import Raw
from kreis.tasks.outcomes import Sent

__all__ = ["LoadedModel", "LoadedRelease"]

NAN = math.nan
_LOG = logging.getLogger("kreis.service")


class LoadedModel:
    """A package, ready to score."""

    def __init__(self, package: Package, version: int, stored: Callable[[list[FeatureView]], OnlineFeatures] | None):
        """Load and warm up.

        Args:
            package: opened, so verified.
            version: the model's number in the project.
            stored: opens the online features of some views; None where there is no store.

        Raises:
            RefusalError: ONNX Runtime refuses it, or it does not take the features that it names.
        """
        manifest = package.manifest
        self.digest = package.digest
        self.version = version
        self.manifest = manifest
        self.decide: Callable[[Any], bool | float] = manifest.decision.one
        self.within = manifest.decision.within
        """The key or field that names the rows among which each is decided; None where each is decided by itself."""
        self.names = manifest.decision.names
        """What each number of a raw output is about; empty where it is one number."""
        self.as_it_is = not self.names and manifest.outcomes.as_it_is
        """Whether an answer shows raw output and decision as they are."""
        self.scorer = package.scorer(threads=1)
        reads = getattr(self.scorer, "texts", 0)
        opened = partial(OpenedParts, manifest.parts, package.files.__getitem__, manifest.features)
        self.parts = opened() if manifest.parts else None
        """What goes with its answers; None where nothing does."""
        self.levels: Levels | None = None
        """At which its coverage is said; None: as it was fitted."""
        self.texts = list(manifest.text_fields.values()) if reads else []
        """The fields that it reads as texts, in the order in which it takes them."""
        self._plain = not (self.names or self.texts)
        self.features = {name: place for place, name in enumerate(manifest.features)}
        views = [view for view in manifest.views if any(name in self.features for name in view.feature_names)]
        self._stored = stored(views) if stored is not None and views else None
        self._stored_places = self._places([name for view in views for name in view.feature_names])
        self._requests = [each for each in map(self._request, manifest.request_views) if each is not None]
        self._empty = [NAN] * len(self.features)
        self._warm_up()
        self.explanation = package.explanation
        """The sum that tells the reasons of its answers; None where none is kept."""

    def at_levels(self, levels: Levels | None) -> LoadedModel:
        """The same model, with its coverage said at other levels (None: as it was fitted)."""
        adapts = adapting_part(self.manifest.parts)
        if levels == self.levels or self.parts is None or adapts is None:
            return self
        moved = copy.copy(self)
        moved.levels = levels
        moved.parts = self.parts.with_part(adapts.name, adapts if levels is None else adapts.at_levels(levels))
        return moved

    @cached_property
    def explainer(self) -> Explainer | AlongPath | None:
        """What tells the reasons of its answers, prepared when it is first asked for; None where they have none."""
        if lacks_reasons(self.manifest) is not None:
            return None
        return explainer_for(self.manifest, self.explanation, lambda: self.scorer)

    @property
    def immutable(self) -> list[str]:
        """Features, or fields, that nobody can change."""
        return [name for part in self.manifest.parts if isinstance(part, FeatureReasons) for name in part.immutable]

    def values(
        self,
        keys: Mapping[str, str],
        fields: Mapping[str, Any],
        given: Mapping[str, float | None],
        at_us: int,
        *,
        stored: bool = True,
    ) -> list[float]:
        """The features in the manifest's order, as floats; NaN where missing.

        Args:
            keys: entity to key.
            fields: what the request brought.
            given: features by full name, which replace the others.
            at_us: the moment, microseconds since 1970 UTC.
            stored: whether to look into the online store at all.

        Raises:
            StoreError: the online store does not answer.
            TypeError: a field is of the wrong type.
            ValueError: a field has a value that its type does not allow.
        """
        values = self._empty.copy()
        if len(given) < len(values):
            if stored and self._stored is not None:
                vector = self._stored.vector(keys, at_us)
                for source, target in self._stored_places:
                    values[target] = vector[source]
            for compute, row, places in self._requests:
                computed = compute({**row, **fields})
                for source, target in places:
                    values[target] = computed[source]
        if given:
            features = self.features
            for name, value in given.items():
                place = features.get(name)
                if place is not None:
                    values[place] = NAN if value is None else value
        return values

    def score_one(self, values: list[float], fields: Mapping[str, Any]) -> Raw:
        """The raw output of one row: its features, and what the request brought.

        Raises:
            RefusalError: the model's answer is not a number.
        """
        if not self._plain:
            return self.score_many(np.array([values], dtype=np.float32), [fields])[0]
        score = float(self.scorer.score(np.array([values], dtype=np.float32))[0])
        if score - score != 0.0:  # NaN or infinite
            raise RefusalError("the model's score is not a number", where=f"model {self.digest[:12]}")
        return score

    def score_many(self, matrix: Matrix, fields: Sequence[Mapping[str, Any]]) -> list[Raw]:
        """The raw outputs of several rows: their features, and what each request brought.

        Raises:
            RefusalError: one of the model's answers is not a number.
        """
        scores = self.scorer.score(matrix, self._texts(fields))
        if not np.isfinite(scores).all():
            raise RefusalError("a score of the model is not a number", where=f"model {self.digest[:12]}")
        listed: list[Raw] = scores.tolist()
        return listed

    def recorded(self, score: Raw) -> float | Several:
        """A raw output as the log has it."""
        if not isinstance(score, list):
            return score
        kept = self.manifest.decision.kept(np.array([score]))
        return Several(float(kept[0]), score)

    def shown(
        self, logged: float | Several, decision: bool | float
    ) -> tuple[float, Sent, dict[str, float] | UnsetType]:
        """As an answer has them: the number that monitoring looks at, the decision, and all numbers by name."""
        said = self.manifest.outcomes.shown(decision)
        if isinstance(logged, Several):
            return logged.kept, said, dict(zip(self.names, logged.all, strict=True))
        return logged, said, UNSET

    def _texts(self, fields: Sequence[Mapping[str, Any]]) -> Texts | None:
        if not self.texts:
            return None
        said = [[each.get(name) for name in self.texts] for each in fields]
        return np.array([[text if isinstance(text, str) else "" for text in row] for row in said], dtype=np.object_)

    def _places(self, provided: list[str]) -> list[tuple[int, int]]:
        return [(source, self.features[name]) for source, name in enumerate(provided) if name in self.features]

    def _request(
        self, view: RequestView
    ) -> tuple[Callable[[Mapping[str, Any]], list[float]], dict[str, None], Any] | None:
        """A request view's function, its fields as a row of nothing, and where its features go."""
        wanted = {f"{view.name}__{name}": expression for name, expression in view.features.items()}
        wanted = {name: expression for name, expression in wanted.items() if name in self.features}
        if not wanted:
            return None
        return compile_row(wanted, view.fields), dict.fromkeys(view.fields), self._places(list(wanted))

    def _warm_up(self) -> None:
        rows = np.zeros((4, len(self.features)), dtype=np.float32)
        rows[1] = np.nan
        for count in (1, 4, 1):
            scores = self.scorer.score(rows[:count], self._texts([{}] * count))
            if scores.shape != ((count, len(self.names)) if self.names else (count,)):
                raise RefusalError(f"scores of shape {scores.shape}", where=f"model {self.digest[:12]}")


class LoadedRelease:
    """A release with all of its models loaded. Never changed: the service swaps one for the next."""

    def __init__(self, release: Release, models: Mapping[str, LoadedModel], accepted: Sequence[Inputs] = ()) -> None:
        """Put together.

        Args:
            release: What the pointer says.
            models: All that it names, by digest.
            accepted: What may be sent beyond what these models' projects declare, and is ignored.
        """
        self.release = release
        self.id = release.id
        self.number = release.number
        self.router = Router(release)
        self.models = dict(models)
        self.only = self.models[self.router.models[0]] if len(self.router.models) == 1 else None
        self.within = self.models[self.router.models[0]].within
        """As the models have it: rows that are decided among each other are answered by one model."""
        self.shadows = [self.models[digest] for digest in self.router.shadows]
        self.fallback = self.models[release.fallback] if release.fallback else None
        live = [self.models[digest] for digest in self.router.models]
        self.outcomes = live[0].manifest.outcomes
        """What an outcome may be."""
        ordered = sorted(self.models.values(), key=lambda model: model.version)
        self.door = Door([each.manifest for each in ordered], [each.manifest for each in live], accepted)
        self.extras = {} if len(live) == 1 else {each.digest: _extras(each, live) for each in self.models.values()}
        """By model: the other live models, with the features that they take and it does not."""
        self.extras = {digest: extras for digest, extras in self.extras.items() if extras}

    def choose(self, row: Ask) -> LoadedModel:
        """The model that answers a row."""
        if self.only is not None:
            return self.only
        unit = unit_of(row.reference, row.keys, row.fields) if self.within is None else "g" + self.group_of(row)
        return self.models[self.router.choose(unit)]

    def group_of(self, row: Ask) -> str:
        """What names the rows among which a row is decided.

        Raises:
            Refusal: the request does not say.
        """
        within = self.within or ""
        group = row.keys.get(within, row.fields.get(within))
        if group is None:
            raise Refusal("missing", f"{within!r} is missing: it says which rows are ranked among each other")
        return str(group)

    def extra(self, model: LoadedModel, row: Ask, at_us: int) -> dict[str, float | None]:
        """What other live models would have taken for this row and `model` does not: a canary compares whole rows.

        A feature that cannot be had now (a store that does not answer) is left out, and so the row is not whole.
        """
        found: dict[str, float | None] = {}
        for other, places in self.extras.get(model.digest, ()):
            try:
                values = other.values(row.keys, row.fields, row.features, at_us)
            except (KreisError, TypeError, ValueError) as error:
                _LOG.warning("the log lacks features of model %s: %s", other.digest[:12], error)
                continue
            for name, place in places:
                value = values[place]
                found[name] = None if value != value else value
        return found


def _extras(model: LoadedModel, live: Sequence[LoadedModel]) -> list[tuple[LoadedModel, list[tuple[str, int]]]]:
    lacking = [
        (other, [(name, place) for name, place in other.features.items() if name not in model.features])
        for other in live
    ]
    return [(other, places) for other, places in lacking if places]


def open_store(place: OnlinePlace) -> Callable[[list[FeatureView]], OnlineFeatures]:
    """What gives the online features of some views, from one shared store that is opened when first needed.

    All of its bytes are looked at before it is opened. The returned function raises StoreError: there is no store
    yet, it was not fed with these views, or (CorruptionError) it is damaged.
    """
    opened: list[OnlineStore] = []

    def features(views: list[FeatureView]) -> OnlineFeatures:
        if not opened:
            opened.append(place.open(readonly=True, checked=True))
        return OnlineFeatures(opened[0], views)

    return features
