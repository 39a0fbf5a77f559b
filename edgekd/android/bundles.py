"""Bundles as the demo app takes them: each checked here, before anything is copied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgekd.errors import BadInput
from edgekd.export.bundle_file import BUNDLE_FILE, read_bundle
from edgekd.export.contract import Bundle
from edgekd.files import read_json, sha256_of
from edgekd.report.units import clean

# The formats that the app has an engine for.
FORMATS = ("tflite", "executorch", "onnx")
MAX_RECORD_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UNAVAILABLE = "unavailable.json"
_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class CheckedBundle:
    """A bundle that is whole.

    Attributes:
        folder: where it lies.
        name: of its folder in the app: recipe, rung and format.
        files: all that belongs to it, ``bundle.json`` first.
        size: bytes of all files.
    """

    folder: Path
    name: str
    files: tuple[Path, ...]
    size: int


def check_bundles(folders: Sequence[Path]) -> list[CheckedBundle]:
    """Check bundles that will lie side by side.

    Raises:
        BadInput: one is not whole or not for the app, or two have the same name.
    """
    found: dict[str, CheckedBundle] = {}
    for folder in folders:
        bundle = check_bundle(folder)
        if bundle.name in found:
            raise BadInput(
                f"is called {bundle.name} like {found[bundle.name].folder}",
                where=str(folder),
                mend="give only one of them",
            )
        found[bundle.name] = bundle
    return list(found.values())


def check_bundle(folder: Path) -> CheckedBundle:
    """Check one bundle: its record, its names, sizes and hashes.

    Args:
        folder: with ``bundle.json``, as a run leaves it in ``artifacts/TARGET/RUNG``.

    Raises:
        BadInput: there is none, a file is missing, another one or outside the folder, or the app
            has no engine for its format.
    """
    record = folder / BUNDLE_FILE
    try:
        found = record.is_file()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(folder)) from error
    if not found:
        raise _no_bundle(folder)
    if record.stat().st_size > MAX_RECORD_BYTES:
        raise BadInput(f"is larger than {MAX_RECORD_BYTES} bytes", where=str(record))
    bundle = _parsed(folder)
    if bundle.format not in FORMATS:
        raise BadInput(f"the app runs {', '.join(FORMATS)}, not {bundle.format}", where=str(record))
    name = f"{bundle.name}-{bundle.rung}-{bundle.format}"
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name[:100]!r} cannot be the name of a folder in the app",
            where=str(record),
            mend="use only letters, digits, dots, dashes and underscores",
        )
    files = [record, *(_checked_file(folder, *part) for part in _parts(bundle))]
    if len({file.name for file in files}) < len(files):
        raise BadInput("names one file twice", where=str(record))
    sizes = [file.stat().st_size for file in files]
    if sizes[1] != bundle.bytes:
        raise BadInput(
            f"has {sizes[1]} bytes, and {BUNDLE_FILE} says {bundle.bytes}", where=str(files[1])
        )
    return CheckedBundle(folder, name, tuple(files), sum(sizes))


def _parts(bundle: Bundle) -> list[tuple[str, str, str | None]]:
    """Key, file name and hash of each file that a bundle names, the model first."""
    parts: list[tuple[str, str, str | None]] = [("model", bundle.model, bundle.sha256)]
    if bundle.golden is not None:
        parts.append(("golden", bundle.golden, bundle.golden_sha256))
    text = None if bundle.preprocessing is None else bundle.preprocessing.text
    if text is not None:
        parts.append(("tokenizer", text.tokenizer, text.tokenizer_sha256))
    return parts


def _parsed(folder: Path) -> Bundle:
    try:
        bundle = read_bundle(folder)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"{clean(key)[:80]}: {first['msg']}",
            where=str(folder / BUNDLE_FILE),
            mend="export the model again",
        ) from error
    if bundle is None:
        raise _no_bundle(folder)
    return bundle


def _no_bundle(folder: Path) -> BadInput:
    if (folder / _UNAVAILABLE).is_file():
        said = read_json(folder / _UNAVAILABLE)
        reason = said.get("reason") if isinstance(said, dict) else None
        told = clean(str(reason or "no reason is given"))[:_MOST_CHARACTERS]
        return BadInput(f"was not exported: {told}", where=str(folder))
    inside = sorted(folder.glob(f"artifacts/*/*/{BUNDLE_FILE}")) if folder.is_dir() else []
    if inside:
        return BadInput(
            f"is a run folder with {len(inside)} bundles",
            where=str(folder),
            mend=f"give some of them: {inside[0].parent} …",
        )
    return BadInput(
        f"holds no {BUNDLE_FILE}",
        where=str(folder),
        mend="give artifacts/TARGET/RUNG of a run",
    )


def _checked_file(folder: Path, key: str, name: str, sha256: str | None) -> Path:
    """A file of the bundle, which lies in its folder and is the one that was exported."""
    path = folder / name
    if not _NAME.fullmatch(name) or path.resolve().parent != folder.resolve():
        raise BadInput(f"{key}: {name[:100]!r} is no file of this folder", where=str(folder))
    if not path.is_file():
        raise BadInput(f"{key}: {name} is missing", where=str(folder), mend="export it again")
    try:
        found = sha256_of(path)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    if found != sha256:
        raise BadInput(
            f"is not the {key} that {BUNDLE_FILE} names: its SHA-256 differs",
            where=str(path),
            mend="export it again",
        )
    return path
