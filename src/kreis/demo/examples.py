"""Writes an example project into a folder. Nothing is overwritten."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from kreis.errors import ProjectError

__all__ = ["EXAMPLES", "write_example"]

EXAMPLES = ("flights", "handbook", "minimal")
_CARRIED = {".py", ".yaml", ".toml", ".md", ".csv", ".jsonl"}


def write_example(name: str, folder: Path) -> list[Path]:
    """Copy an example's files.

    Args:
        name: One of `EXAMPLES`.
        folder: Where to; created if missing.

    Returns:
        The files written, in order.

    Raises:
        ProjectError: no such example, or one of its files is there already.
    """
    if name not in EXAMPLES:
        raise ProjectError.unknown_name("example", name, EXAMPLES)
    source = _source_of(name)
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix in _CARRIED)
    files = [path for path in files if ".kreis" not in path.parts and "__pycache__" not in path.parts]
    targets = [folder / path.relative_to(source) for path in files]
    for target in targets:
        if target.exists():
            raise ProjectError(
                f"{target} is there already", where=str(folder), hint="choose another folder; nothing was written"
            )
    for path, target in zip(files, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return targets


def _source_of(name: str) -> Path:
    """The example's folder: inside the installed package, or beside `src` in a checkout."""
    installed = Path(str(resources.files("kreis"))) / "demo" / name
    if installed.is_dir():
        return installed
    checkout = Path(__file__).resolve().parents[3] / "examples" / name
    if checkout.is_dir():
        return checkout
    raise ProjectError(f"the example {name!r} is not installed", where=str(installed), hint="reinstall kreis")
