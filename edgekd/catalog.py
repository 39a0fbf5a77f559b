"""Recipes and targets by name: those that ship with edgekd, and a user's own folders or files."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from edgekd.errors import BadInput
from edgekd.target import Target
from edgekd.yaml_document import read_document, validate

TARGETS_VARIABLE = "EDGEKD_TARGETS"
MODELS_VARIABLE = "EDGEKD_MODELS"


@cache
def shipped(folder: str) -> Path:
    """``targets/`` or ``models/``: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def _folders(variable: str, name: str) -> list[Path]:
    """A user's folders (colon-separated in an environment variable) come first."""
    own = [Path(part) for part in os.environ.get(variable, "").split(os.pathsep) if part]
    return [*own, shipped(name)]


def recipe_paths() -> dict[str, Path]:
    """Every recipe that can be named, name to file."""
    found: dict[str, Path] = {}
    for folder in _folders(MODELS_VARIABLE, "models"):
        for path in sorted(folder.glob("*/recipe.yaml")):
            found.setdefault(path.parent.name, path)
    return found


def find_recipe(name: str) -> Path:
    """The recipe file for a name under ``models/`` or a path.

    Raises:
        BadInput: there is none; the nearest name is given.
    """
    known = recipe_paths()
    if name in known:
        return known[name]
    path = Path(name) / "recipe.yaml" if Path(name).is_dir() else Path(name)
    if path.is_file():
        return path
    if path.suffix in {".yaml", ".yml"} or os.sep in name:
        raise BadInput("there is no such recipe file", where=str(path))
    raise BadInput(f"there is no recipe {name!r}", mend=_suggest(name, known))


def recipe_name(path: Path) -> str:
    """What a run of this recipe is called: its folder, or its file where it has another name."""
    return path.resolve().parent.name if path.stem == "recipe" else path.stem


def all_targets() -> dict[str, Target]:
    """Every target that can be named."""
    found: dict[str, Target] = {}
    for folder in _folders(TARGETS_VARIABLE, "targets"):
        for path in sorted(folder.glob("*.yaml")):
            if path.stem not in found:
                found[path.stem] = _read_target(path)
    return found


def find_targets(names: Sequence[str]) -> list[Target]:
    """Targets by name, or by path of a YAML file of one's own.

    Raises:
        BadInput: an unknown name (the nearest is given) or a profile that does not hold.
    """
    known = all_targets()
    found: list[Target] = []
    for name in names:
        if name.endswith((".yaml", ".yml")):
            found.append(_read_target(Path(name)))
        elif name in known:
            found.append(known[name])
        else:
            raise BadInput(f"there is no target {name!r}", mend=_suggest(name, known))
    return found


def _read_target(path: Path) -> Target:
    document = read_document(path)
    document.value.setdefault("name", path.stem)
    return validate(document, Target)


def _suggest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
