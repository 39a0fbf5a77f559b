"""Several settings of one recipe in one run folder: what they share is computed once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgekd.files import digest
from edgekd.pipeline.search.space import Choice
from edgekd.pipeline.stage import Stage

Values = Mapping[str, Any]


@dataclass
class SharedStages:
    """Stages of several plans laid into each other.

    Two plans share a stage where it does the same with the same inputs; where it differs, the later
    one lies under ``points/<setting>/``. So a sweep over the temperature trains the teacher once,
    and one over the augmentation asks it once for each augmentation.
    """

    stages: list[Stage] = field(default_factory=list)
    _variants: dict[str, list[Stage]] = field(default_factory=dict)

    def add(self, plan: Sequence[Stage], values: Values) -> dict[str, str]:
        """Lay a plan into the others.

        Args:
            plan: stages, needs first.
            values: the setting that it belongs to.

        Returns:
            The plan's name of each of its stages, to the name that it has here.
        """
        names: dict[str, str] = {}
        for stage in plan:
            aliases = {need: names[need] for need in stage.needs if names[need] != need}
            needs = tuple(names[need] for need in stage.needs)
            after = tuple(names[name] for name in stage.after)
            placed = replace(stage, needs=needs, after=after, aliases=aliases)
            names[stage.name] = self._place(stage.name, placed, values)
        return names

    def _place(self, own_name: str, stage: Stage, values: Values) -> str:
        known = self._variants.setdefault(own_name, [])
        for other in known:
            if replace(stage, name=other.name, after=other.after) == other:
                return other.name
        if known:
            stage = replace(stage, name=f"points/{setting_id(values)}/{own_name}")
        known.append(stage)
        self.stages.append(stage)
        return stage.name


def setting_id(values: Values) -> str:
    """A short name of a setting, the same in every run."""
    return digest(dict(values))[:12]


def labels_of(point: Mapping[str, Choice]) -> dict[str, Any]:
    """What the values of a setting are called."""
    return {key: choice.label for key, choice in point.items()}


def values_of(point: Mapping[str, Choice]) -> dict[str, Any]:
    """The values of a setting."""
    return {key: choice.value for key, choice in point.items()}


def overrides_of(values: Values) -> list[str]:
    """A setting as ``key=value`` overrides of a recipe."""
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


def needed_for(stages: Sequence[Stage], wanted: Sequence[str]) -> list[Stage]:
    """The named stages and all that they need, in the order given."""
    by_name = {stage.name: stage for stage in stages}
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [*by_name[name].needs, *by_name[name].after]
    return [stage for stage in stages if stage.name in found]
