"""Files outside the run folder that a stage reads."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from edgekd.errors import BadInput

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class Outside(NamedTuple):
    """Files outside the run folder that a stage reads.

    Attributes:
        reads: name to content hash.
        locations: name to path.
    """

    reads: dict[str, str]
    locations: dict[str, str]

    def __or__(self, other: Outside) -> Outside:
        """Both together."""
        return Outside(self.reads | other.reads, self.locations | other.locations)


def resolve(folder: Path, text: str, key: str) -> Path:
    """A path of a recipe, with ``${NAME}`` and ``${NAME:-default}`` from the environment.

    Args:
        folder: of the recipe, where relative paths start.
        text: the path.
        key: that it stands at, for the error.

    Raises:
        BadInput: a variable without a default is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1]) or match[2]
        if found is None:
            raise BadInput(f"the variable {match[1]} is not set", where=key)
        return found

    return (folder / Path(_VARIABLE.sub(value, text)).expanduser()).resolve()
