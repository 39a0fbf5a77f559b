"""What a sweep goes over: recipe keys with values, or with ranges to search.

Values may be named in a YAML file, ``key=@file.yaml``, a mapping of name to value: long ones, such
as lists of signals, are then shown by their names.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edgekd.errors import BadInput
from edgekd.yaml_document import read_document

MAX_POINTS = 10_000
_NUMBER = r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; whole ones where both ends are whole."""

    low: float
    high: float
    log: bool

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}{':log' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """One value of a key, and what it is called; the value itself where nothing else is said."""

    label: Any
    value: Any


Space = dict[str, list[Choice] | Range]


def shown(space: Space) -> dict[str, Any]:
    """Keys with the names of their values, or their range in words."""
    return {
        key: [choice.label for choice in values] if isinstance(values, list) else str(values)
        for key, values in space.items()
    }


def choices(values: Sequence[Any]) -> list[Choice]:
    """Values without names."""
    return [Choice(value, value) for value in values]


def parse_space(texts: Sequence[str]) -> Space:
    """Read ``key=1,2,4`` (values) and ``key=0.001..0.1:log`` (a range).

    A value may be any YAML; one with a comma stands in brackets or braces.

    Raises:
        BadInput: not of this form, a key stands twice, or a range is empty.
    """
    space: Space = {}
    for text in texts:
        key, separator, value = text.partition("=")
        where = f"--over {text}"
        if not separator or not key or not value:
            raise BadInput("is not KEY=VALUE,VALUE or KEY=LOW..HIGH", where=where)
        if key in space:
            raise BadInput(f"{key} stands twice", where=where)
        space[key] = _range(value, where) or _choices(value, where)
    if not space:
        raise BadInput("nothing to sweep over", mend="give --over KEY=VALUE,VALUE")
    return space


def grid_points(space: Space) -> list[dict[str, Choice]]:
    """Every combination of the values.

    Raises:
        BadInput: a range, which has no end of values, or too many combinations.
    """
    for key, values in space.items():
        if isinstance(values, Range):
            raise BadInput(
                f"{key}={values} is a range", where="--over", mend="give values, or --search TRIALS"
            )
    lists = [values for values in space.values() if isinstance(values, list)]
    count = 1
    for values in lists:
        count *= len(values)
    if count > MAX_POINTS:
        raise BadInput(f"makes {count} settings, more than {MAX_POINTS}", where="--over")
    return [dict(zip(space, point, strict=True)) for point in itertools.product(*lists)]


def _range(value: str, where: str) -> Range | None:
    found = _RANGE.fullmatch(value)
    if found is None:
        return None
    low, high = yaml.safe_load(found[1]), yaml.safe_load(found[2])
    low, high = (float(end) if isinstance(end, str) else end for end in (low, high))
    if not low < high or (found[3] and low <= 0):
        raise BadInput("the range is empty, or a log range begins at 0 or below", where=where)
    return Range(low, high, bool(found[3]))


def _choices(value: str, where: str) -> list[Choice]:
    if value.startswith("@"):
        named = read_document(Path(value[1:])).value
        if not named:
            raise BadInput("the file holds no values", where=where)
        return [Choice(str(name), one) for name, one in named.items()]
    try:
        values = yaml.safe_load(f"[{value}]")
    except yaml.YAMLError as error:
        raise BadInput("the values are not YAML", where=where) from error
    if any(values.count(one) > 1 for one in values):
        raise BadInput("a value stands twice", where=where)
    return choices(values)
