"""The two kinds of ladder, of classifiers and of language models, behind the same few functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekd.catalog import find_recipe, find_targets, recipe_name
from edgekd.data import find_source
from edgekd.devices.adb.phones import each_phone
from edgekd.errors import BadInput
from edgekd.pipeline.language.plan import language_stages
from edgekd.pipeline.language.setup import LanguageSetup
from edgekd.pipeline.parts import Until
from edgekd.pipeline.plan import plan_stages
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.stage import Stage
from edgekd.recipe import load_any_recipe, load_recipe
from edgekd.recipe.language import LanguageRecipe
from edgekd.records import Report
from edgekd.target import Target

AnySetup = Setup | LanguageSetup


def plan_run(
    recipe: str,
    *,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    targets: Sequence[str] | None = None,
) -> Setup:
    """Read and check everything that can be checked before anything is computed.

    Raises:
        BadInput: the recipe, a target or the data is wrong, or it is that of a language model.
        MissingPackage: a package that this plan needs is not installed.
    """
    path = find_recipe(recipe)
    loaded = load_recipe(path, overrides)
    if seeds:
        loaded = loaded.model_copy(update={"seeds": list(seeds)})
    find_source(loaded.data.source)
    found = _targets(targets or loaded.targets)
    setup = Setup(loaded, recipe_name(path), path.resolve().parent, found)
    setup.data_hash  # noqa: B018  (reads the source: a missing file is told now)
    return setup


def plan_ladder(
    recipe: str,
    *,
    overrides: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    targets: Sequence[str] | None = None,
) -> AnySetup:
    """As :func:`plan_run`, of a classifier or of a language model.

    Raises:
        BadInput: the recipe, a target or the data is wrong.
        MissingPackage: a package that this plan needs is not installed.
    """
    path = find_recipe(recipe)
    loaded = load_any_recipe(path, overrides)
    if not isinstance(loaded, LanguageRecipe):
        return plan_run(recipe, overrides=overrides, seeds=seeds, targets=targets)
    if seeds:
        if len(seeds) > 1:
            raise BadInput("a language model is trained with one seed", where="--seed")
        loaded = loaded.model_copy(update={"seeds": list(seeds)})
    found = _targets(targets or loaded.targets)
    setup = LanguageSetup(loaded, recipe_name(path), path.resolve().parent, found)
    # A missing file is told now.
    setup.data_hash, setup.teacher, setup.tokenizer, setup.sequences  # noqa: B018
    return setup


def stages_of(setup: AnySetup, until: Until = "bench") -> list[Stage]:
    """Every stage up to and including a part of the ladder; needs come first."""
    if isinstance(setup, LanguageSetup):
        return language_stages(setup, until)
    return plan_stages(setup, until)


def assemble(setup: AnySetup, path: Path, environment: dict[str, Any]) -> Report:
    """Read every record of a finished run and lay them side by side."""
    if isinstance(setup, LanguageSetup):
        from edgekd.pipeline.language.assemble import assemble_language_report

        return assemble_language_report(setup, path, environment)
    from edgekd.pipeline.assemble import assemble_report

    return assemble_report(setup, path, environment)


def _targets(names: Sequence[str]) -> list[Target]:
    found = [phone for target in find_targets(names) for phone in each_phone(target)]
    if len({target.name for target in found}) != len(found):
        raise BadInput("a target stands twice", where="--targets")
    return found
