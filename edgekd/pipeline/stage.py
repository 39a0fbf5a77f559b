"""One stage of a run: parameters and the folders of other stages in, a folder of its own out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import edgekd
from edgekd import __version__
from edgekd.files import digest, files_below, sha256_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Stage:
    """What is done, on what.

    Attributes:
        name: also the stage's folder inside the run folder; no stage lies inside another.
        action: ``package.module:function``, called with a ``StageContext`` in a worker process.
        parameters: JSON-able.
        needs: names of the stages whose folders it reads.
        after: names of stages that must have gone well before, though nothing of them is read.
        reads: files outside the run folder, name to content hash.
        locations: where those files are; the path itself is not part of the key, so that a moved
            checkout redoes nothing.
        packages: distributions whose version changes the result.
        alone: it measures time, so nothing else may run beside it.
        distributed: under ``accelerate launch``, every process takes part.
        aliases: what the action calls a needed stage, to that stage's name, where they differ:
            where several variants of a stage lie in one run folder.
        threads: that its action computes with; a fixed number, so that a result depends neither on
            the machine nor on how many stages run at the same time.
    """

    name: str
    action: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = field(default=(), kw_only=True)
    reads: Mapping[str, str] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    alone: bool = False
    distributed: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1

    def key(self, outputs_of: Callable[[str], str]) -> str:
        """The hash of everything that the stage reads: it is redone when this changes."""
        return digest(
            {
                "action": self.action,
                "parameters": dict(self.parameters),
                "needs": {name: outputs_of(name) for name in self.needs},
                "reads": dict(self.reads),
                "packages": {name: package_version(name) for name in self.packages},
                "edgekd": __version__,
                "code": _code_digest(),
            }
        )


@dataclass(frozen=True)
class StageContext:
    """What an action is given.

    Attributes:
        run: the run folder; only folders of needed stages may be read.
        out: an empty folder to write into; it becomes the stage's folder when the action returns.
        parameters: of the stage.
        locations: of the stage.
        progress: to be called with (done, total).
        aliases: of the stage.
    """

    run: Path
    out: Path
    parameters: Mapping[str, Any]
    locations: Mapping[str, str]
    progress: Progress
    aliases: Mapping[str, str] = field(default_factory=dict)

    def folder(self, stage: str) -> Path:
        """The folder of a needed stage."""
        return self.run / self.aliases.get(stage, stage)


# Python, the kernels and plugins in C, and tables that code reads.
_CODE = (".py", ".h", ".c", ".yaml")


@cache
def _code_digest() -> str:
    """The hash of edgekd's own code, but for the rooms that only show what was found."""
    package = Path(edgekd.__file__).resolve().parent
    return digest(
        {
            str(path.relative_to(package)): sha256_of(path)
            for path in files_below(package)
            if path.suffix in _CODE
            and path.relative_to(package).parts[0] not in ("cli", "report", "models", "targets")
        }
    )


def perform(action: str, context: StageContext) -> None:
    """Import an action and call it."""
    module, _, function = action.partition(":")
    getattr(importlib.import_module(module), function)(context)


def package_version(name: str) -> str | None:
    """Version of an installed distribution, or ``None``."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
