"""``bundle.json``: written beside an artifact, and read again."""

from __future__ import annotations

from pathlib import Path

from edgekd.export.contract import Bundle
from edgekd.files import read_json, write_json

BUNDLE_FILE = "bundle.json"


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write a bundle beside its artifact.

    Raises:
        RunFailed: the folder cannot be written.
    """
    write_json(folder / BUNDLE_FILE, bundle.model_dump(mode="json", by_alias=True))


def read_bundle(folder: Path) -> Bundle | None:
    """The bundle of an exported artifact; ``None`` where there is none.

    Raises:
        BadInput: the file is no JSON, or too large.
        ValidationError: it is no bundle.
    """
    path = folder / BUNDLE_FILE
    return Bundle.model_validate(read_json(path)) if path.exists() else None
