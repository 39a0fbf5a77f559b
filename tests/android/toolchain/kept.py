"""What is built once: kept by the content of all that it is made from, built by one process."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

from edgekd.files import digest, sha256_of
from tests.conftest import ROOT

KEPT = ROOT / ".cache" / "tests" / "android"
_OLD_ONES = 3


class BuildFailed(AssertionError):
    """A compiler refused its sources; the message is what it said."""


def keep(name: str, key: object, build: Callable[[Path], None]) -> Path:
    """The file or folder that a build makes, from an earlier build where nothing has changed.

    A build that raises :class:`BuildFailed` is kept too, so that no other test tries it again.

    Args:
        name: of the file or folder; ``core.jar``.
        key: JSON-able, all that it is made from.
        build: makes it under the path that it is given, which does not exist.

    Raises:
        BuildFailed: now or before.
    """
    stem, dot, suffix = name.partition(".")
    made = KEPT / f"{stem}-{digest([name, key])[:16]}{dot}{suffix}"
    KEPT.mkdir(parents=True, exist_ok=True)
    failed = made.with_name(f"{made.name}.failed")
    with FileLock(KEPT / f"{name}.lock"):
        if failed.is_file():
            raise BuildFailed(failed.read_text(encoding="utf-8"))
        if not made.exists():
            _make(made, failed, build)
            name_of_any = rf"{re.escape(stem)}-[0-9a-f]{{16}}{re.escape(dot + suffix)}(\.failed)?"
            _forget(re.compile(name_of_any))
    return made


def content_of(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """The sha256 of each file by its path below a folder, or by its name where it is elsewhere."""
    return {
        str(file.relative_to(root)) if file.is_relative_to(root) else file.name: sha256_of(file)
        for file in files
    }


def _make(made: Path, failed: Path, build: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=KEPT, prefix=".scratch-") as scratch:
        unfinished = Path(scratch) / made.name
        try:
            build(unfinished)
        except BuildFailed as error:
            text = Path(scratch) / failed.name
            text.write_text(str(error), encoding="utf-8")
            text.rename(failed)
            raise
        unfinished.rename(made)


def _forget(same_name: re.Pattern[str]) -> None:
    """Remove the oldest builds of a name."""
    builds = [path for path in KEPT.iterdir() if same_name.fullmatch(path.name)]
    builds.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in builds[1 + _OLD_ONES :]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
