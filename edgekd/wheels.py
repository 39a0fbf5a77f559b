"""Wheels fetched by pip without being installed, each checked against its pinned content."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from edgekd.errors import MissingPackage, RunFailed
from edgekd.files import sha256_of
from edgekd.tool_environments.child import run_child

_SECONDS = 900.0
# Settings that would add other packages or platforms; those that name an index, a proxy or
# certificates stay.
_UNWANTED = (
    *("PIP_REQUIREMENT", "PIP_CONSTRAINT", "PIP_EDITABLE", "PIP_PLATFORM", "PIP_ABI"),
    *("PIP_NO_BINARY", "PIP_PRE", "PIP_PYTHON", "PIP_DRY_RUN"),
)
_OPTIONS = (
    *("--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation", "cp"),
    *("--no-input", "--disable-pip-version-check", "--quiet", "--progress-bar", "off"),
)


def fetch_wheel(
    name: str, version: str, sha256: str, folder: Path, *, python: str, platform: str
) -> Path:
    """Fetch one wheel into a folder, without what it depends on.

    Args:
        name: of the distribution.
        version: the only one that is taken.
        sha256: of the file, hexadecimal.
        folder: that it is put in; holds no wheel yet.
        python: version that the wheel is for, ``3.11``.
        platform: tag that the wheel is for; ``any`` where it holds no machine code.

    Raises:
        MissingPackage: edgekd's own environment has no pip.
        RunFailed: it cannot be had, or is not the file that was pinned.
    """
    if find_spec("pip") is None:
        raise MissingPackage("pip is not installed", mend=f"{sys.executable} -m ensurepip")
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", encoding="ascii")
    command = [sys.executable, "-m", "pip", "download", *_OPTIONS]
    command += ["--python-version", python, "--platform", platform]
    ended = run_child(
        [*command, "--requirement", str(requirements), "--dest", str(folder)],
        environment={key: value for key, value in os.environ.items() if key not in _UNWANTED},
        folder=folder,
        seconds=_SECONDS,
    )
    if not ended.well and any("DO NOT MATCH THE HASHES" in line for line in ended.lines):
        raise _other_content(name, version)
    if not ended.well:
        raise RunFailed(
            f"the wheel {name} {version} for {platform} could not be fetched",
            mend="a package index must be in reach; " + ended.first_line("ERROR:"),
        )
    [wheel] = folder.glob("*.whl")
    if sha256_of(wheel) != sha256:
        raise _other_content(name, version)
    return wheel


def _other_content(name: str, version: str) -> RunFailed:
    return RunFailed(
        f"the wheel {name} {version} has another content than the one that is pinned",
        mend="do not trust this package index, or use a newer edgekd",
    )
