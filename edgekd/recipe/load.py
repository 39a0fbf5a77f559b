"""Reads a recipe from YAML, with overrides from the command line."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from edgekd.errors import BadInput
from edgekd.recipe.language import LANGUAGE_TASK, LanguageRecipe
from edgekd.recipe.recipe import Recipe
from edgekd.yaml_document import Document, KeyPath, dotted, read_document, validate


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read the recipe of a classifier and lay ``key.path=value`` overrides over it.

    Raises:
        BadInput: with file, line and key of the first thing that is wrong; or it is the recipe of
            a language model.
    """
    recipe = load_any_recipe(path, overrides)
    if isinstance(recipe, LanguageRecipe):
        raise BadInput(
            "is the recipe of a language model",
            where=str(path),
            mend="edgekd run, distill, quantize and export take it",
        )
    return recipe


def load_any_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe | LanguageRecipe:
    """Read a recipe file and lay ``key.path=value`` overrides over it.

    Raises:
        BadInput: with file, line and key of the first thing that is wrong.
    """
    document = read_document(path)
    paths: list[KeyPath] = []
    for override in overrides:
        document, key = _override(document, override)
        paths.append(key)
    if document.value.get("task") == LANGUAGE_TASK:
        return validate(document, LanguageRecipe, paths)
    return validate(document, Recipe, paths)


def _override(document: Document, text: str) -> tuple[Document, KeyPath]:
    key_text, separator, value_text = text.partition("=")
    key: KeyPath = tuple(key_text.split("."))
    if not separator or not all(key):
        raise BadInput("is not KEY.PATH=VALUE", where=f"--set {text}")
    try:
        value = yaml.safe_load(value_text)
    except yaml.YAMLError as error:
        raise BadInput("the value is not YAML", where=f"--set {text}") from error
    root = copy.deepcopy(document.value)
    current: dict[str, Any] = root
    for part in key[:-1]:
        below = current.setdefault(str(part), {})
        if below is None:
            below = current[str(part)] = {}
        if not isinstance(below, dict):
            raise BadInput(f"{part!r} holds no keys", where=f"--set {dotted(key)}")
        current = below
    current[str(key[-1])] = value
    return replace(document, value=root), key
