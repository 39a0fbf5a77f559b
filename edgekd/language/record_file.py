"""Records of this room in JSON files, read with suspicion."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edgekd.errors import BadInput
from edgekd.files import read_json
from edgekd.records.base import Record

R = TypeVar("R", bound=Record)


def read_record(path: Path, kind: type[R]) -> R:
    """Read a record of a kind.

    Raises:
        BadInput: missing, not JSON, or not such a record; the first wrong key is named.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{key}: {first['msg']}"[:200], where=str(path)) from error
