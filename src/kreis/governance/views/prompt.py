"""A prompt: its versions, which models use each, and what changed from one to the next; or the list of all prompts."""

from __future__ import annotations

import difflib
from datetime import datetime

import msgspec

from kreis.deployment.manifest import decode_manifest
from kreis.errors import ProjectError
from kreis.generative.pipeline import Pipeline
from kreis.generative.prompts.prompt import Prompt
from kreis.governance.views.release import project_of
from kreis.ledger import models
from kreis.workspace import Workspace

__all__ = ["PromptVersion", "PromptView", "PromptsView", "prompt_view"]


class PromptVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as models have it."""

    digest: str
    models: list[int]
    """Versions of the models that use it, the newest first."""
    since: datetime
    """When the first of them was registered."""
    prompt: Prompt
    changes: list[str]
    """What changed in its text since the version before, as lines of a unified diff; of the first, nothing."""


class PromptView(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt by name."""

    name: str
    versions: list[PromptVersion]
    """The newest first."""


class PromptsView(msgspec.Struct, frozen=True, kw_only=True):
    """All prompts of registered models."""

    prompts: list[PromptView]


def prompt_view(workspace: Workspace, name: str) -> PromptView | PromptsView:
    """A prompt by name, as registered models have it; the list of all without a name.

    Args:
        workspace: Whose models are looked at.
        name: As `project.prompt` names it; empty: all.

    Raises:
        ProjectError: no registered model has a prompt of this name.
    """
    with workspace.ledger.read() as connection:
        listed = models.list_models(connection, project_of(connection, workspace))
    found: dict[str, dict[str, PromptVersion]] = {}
    for model in reversed(listed):
        form = decode_manifest(workspace.artifacts.get(model.digest), where=f"package {model.digest[:12]}").model
        if not isinstance(form, Pipeline) or form.prompt is None:
            continue
        versions = found.setdefault(form.prompt.name, {})
        known = versions.get(form.prompt.digest)
        if known is None:
            before = next(reversed(versions.values())).prompt if versions else None
            versions[form.prompt.digest] = PromptVersion(
                digest=form.prompt.digest,
                models=[model.version],
                since=model.at,
                prompt=form.prompt,
                changes=[] if before is None else _changes(before, form.prompt),
            )
        else:
            known.models.insert(0, model.version)
    views = {each: PromptView(name=each, versions=list(reversed(found[each].values()))) for each in sorted(found)}
    if not name:
        return PromptsView(prompts=list(views.values()))
    if name not in views:
        raise ProjectError.unknown_name("prompt", name, views, where=str(workspace.folder))
    return views[name]


def _changes(before: Prompt, after: Prompt) -> list[str]:
    lines = difflib.unified_diff(_lines(before), _lines(after), before.digest[:12], after.digest[:12], lineterm="")
    return list(lines)


def _lines(prompt: Prompt) -> list[str]:
    """Its file, and below it what else it says."""
    rest = msgspec.structs.replace(prompt, text="", examples=())
    said = msgspec.json.format(msgspec.json.encode(rest), indent=1).decode().splitlines()
    examples = [f"example: {each.question} → {each.answer}" for each in prompt.examples]
    return [*prompt.text.splitlines(), *said, *examples]
