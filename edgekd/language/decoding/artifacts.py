"""Finds an exported language model: in its own folder, or in that of a run."""

from __future__ import annotations

from pathlib import Path

from edgekd.errors import BadInput
from edgekd.files import read_json
from edgekd.language.decoding.bundle_file import LANGUAGE_FILE

_UNAVAILABLE = "unavailable.json"
_LONGEST_REASON = 200


def find_artifact(path: Path, target: str | None = None) -> Path:
    """The folder of an artifact, and so of its ``language.json``.

    Args:
        path: that folder itself, or ``RUN/RUNG``: a rung in the folder of a run.
        target: that it was exported for; ``None``: the first in the order of the alphabet.

    Raises:
        BadInput: there is none; what there is instead is told.
    """
    if (path / LANGUAGE_FILE).is_file():
        return path
    run, rung = path.parent, path.name
    found = {
        file.parent.parent.name: file.parent
        for file in sorted(run.glob(f"artifacts/*/*/{LANGUAGE_FILE}"))
        if file.parent.name == rung
    }
    if not found or (target is not None and target not in found):
        raise _not_found(path, target, sorted(found))
    return found[target or next(iter(found))]


def _not_found(path: Path, target: str | None, targets: list[str]) -> BadInput:
    run, rung = path.parent, path.name
    if target is not None:
        if (reason := _reason(run / "artifacts" / target / rung)) is not None:
            return BadInput(f"{rung} was not exported for {target}: {reason}", where=str(run))
        if targets:
            return BadInput(
                f"{rung} was not exported for {target}",
                where=str(run),
                mend=f"give one of {', '.join(targets)}",
            )
    for folder in (path, run):
        rungs = sorted({file.parent.name for file in folder.glob(f"artifacts/*/*/{LANGUAGE_FILE}")})
        if rungs:
            return BadInput(
                "is no language model of this run" if folder == run else "is a run, not a rung",
                where=str(path),
                mend=f"give {folder}/ and one of {', '.join(rungs)}",
            )
    return BadInput(
        "holds no exported language model",
        where=str(path),
        mend="give RUN/RUNG of a run, or a folder with a language.json",
    )


def _reason(folder: Path) -> str | None:
    """Why an artifact could not be made, where that is on file."""
    if not (folder / _UNAVAILABLE).is_file():
        return None
    said = read_json(folder / _UNAVAILABLE)
    reason = said.get("reason") if isinstance(said, dict) else None
    return str(reason or "no reason is given")[:_LONGEST_REASON]
