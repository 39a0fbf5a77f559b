"""Builds, finds and removes tool environments."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.files import cache_folder, digest
from edgekd.tool_environments.child import run_child

REQUIREMENTS = Path(__file__).parent / "requirements"
_BUILD_SECONDS = 1800.0
_PIP_OPTIONS = (
    *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
    *("--no-input", "--disable-pip-version-check", "--quiet", "--progress-bar", "off"),
)
# Settings that would send packages elsewhere, or ask for others; those that name an index, a proxy
# or certificates stay.
_UNWANTED = (
    *("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"),
    *("PIP_REQUIREMENT", "PIP_CONSTRAINT", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN"),
)


@dataclass(frozen=True)
class ToolEnvironment:
    """One tool's virtual environment; see :func:`find_tool`.

    Attributes:
        name: of the tool.
        requirements: a pip requirements file: exact versions, a hash for each file.
    """

    name: str
    requirements: Path

    @cached_property
    def folder(self) -> Path:
        """Where it is kept: other requirements, or another Python, make another folder."""
        key = digest([self.requirements.read_text(encoding="utf-8"), _tag(), sys.base_prefix])
        return _tools() / f"{self.name}-{key[:16]}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Whether it is built."""
        return self.folder.is_dir()

    def build(self) -> None:
        """Build it, unless it is there; of several processes one builds and the others wait.

        It is built in a temporary folder and renamed, so one that is there is whole.

        Raises:
            MissingPackage: edgekd's own environment has no pip.
            RunFailed: pip failed or took too long, or the cache cannot be written.
        """
        if self.ready:
            return
        if find_spec("pip") is None:
            raise MissingPackage("pip is not installed", mend=f"{sys.executable} -m ensurepip")
        with _cache_errors(), self._locked():
            if not self.ready:
                self._clear_scratch()
                self._build()

    def remove(self) -> int:
        """Remove it, with those of earlier requirements; how many there were.

        Raises:
            RunFailed: the cache cannot be written.
        """
        if not _tools().is_dir():
            return 0
        with _cache_errors(), self._locked():
            pattern = re.compile(rf"{re.escape(self.name)}-[0-9a-f]{{16}}")
            found = [path for path in _tools().iterdir() if pattern.fullmatch(path.name)]
            for path in found:
                # Under its own name it must be whole at any moment.
                path.rename(self._new_scratch() / path.name)
            self._clear_scratch()
            return len(found)

    def _build(self) -> None:
        scratch = self._new_scratch()
        try:
            environment = scratch / self.folder.name
            venv.EnvBuilder(with_pip=False, symlinks=True).create(environment)
            _install(environment / "bin" / "python", self.requirements, self.name)
            environment.rename(self.folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _new_scratch(self) -> Path:
        # A new one each time: what a killed build left running may still write into the old one.
        return Path(tempfile.mkdtemp(dir=_tools(), prefix=f".{self.name}-scratch-"))

    def _clear_scratch(self) -> None:
        """Remove what killed builds left behind."""
        for path in _tools().glob(f".{self.name}-scratch-*"):
            shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        _tools().mkdir(parents=True, exist_ok=True)
        with (_tools() / f".{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def tool_names() -> list[str]:
    """The tools that edgekd has requirements for, on any platform."""
    return sorted({path.name.partition(".")[0] for path in REQUIREMENTS.glob("*.txt")})


def find_tool(name: str) -> ToolEnvironment:
    """A tool's environment for this Python on this platform, built or not.

    Raises:
        BadInput: there is no such tool, or its files are not pinned for this platform.
    """
    if name not in tool_names():
        raise BadInput(f"there is no tool {name!r}", mend=f"known: {', '.join(tool_names())}")
    path = REQUIREMENTS / f"{name}.{_tag()}.txt"
    if not path.is_file():
        pinned = [other.name.split(".")[1] for other in REQUIREMENTS.glob(f"{name}.*.txt")]
        raise BadInput(
            f"the tool {name} cannot be set up for {_tag()}",
            mend=f"run edgekd with one of: {', '.join(sorted(pinned))}",
        )
    return ToolEnvironment(name, path)


def _install(python: Path, requirements: Path, name: str) -> None:
    command = [sys.executable, "-P", "-m", "pip", "--python", str(python), "install"]
    kept = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
    ended = run_child(
        [*command, *_PIP_OPTIONS, "--requirement", str(requirements)],
        environment={**kept, "PIP_USER": "0"},
        folder=requirements.parent,
        seconds=_BUILD_SECONDS,
    )
    if not ended.well:
        said = ended.first_line("ERROR:")
        raise RunFailed(
            f"the tool {name} could not be installed: pip {ended.how}: {said}",
            mend=f"a package index with the very files of {requirements.name} must be in reach",
        )


def _tools() -> Path:
    return cache_folder() / "tools"


def _tag() -> str:
    """Interpreter and platform, as in ``cp311-linux-x86_64``."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{version}-{platform.system().lower()}-{platform.machine()}"


@contextmanager
def _cache_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFailed(
            f"cannot be written: {error.strerror}",
            where=str(_tools()),
            mend="free some space or set XDG_CACHE_HOME to another folder",
        ) from error
