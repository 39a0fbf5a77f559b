"""A tool of one tiny package, made on the spot and installed by the real pip from a folder."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from edgekd.tool_environments import ToolEnvironment

NAME = "small"


def write_wheel(folder: Path, version: str = "1.0") -> str:
    """Write ``smalltool-VERSION``, whose ``VERSION`` is its version; its sha256."""
    path = folder / f"smalltool-{version}-py3-none-any.whl"
    about = f"smalltool-{version}.dist-info"
    content = {
        "smalltool.py": f"VERSION = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: smalltool\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in content)
        archive.writestr(f"{about}/RECORD", record + f"{about}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def small_tool(folder: Path, version: str = "1.0", sha256: str | None = None) -> ToolEnvironment:
    """The tool, not built; ``folder`` holds its wheel and its requirements."""
    found = write_wheel(folder, version)
    path = folder / f"small-{version}.txt"
    path.write_text(f"smalltool=={version} --hash=sha256:{sha256 or found}\n", encoding="utf-8")
    return ToolEnvironment(NAME, path)


def use_only(patch: pytest.MonkeyPatch, wheels: Path, cache: Path) -> None:
    """Have pip look into one folder alone, and edgekd keep its tools in another."""
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(wheels))
    patch.setenv("XDG_CACHE_HOME", str(cache))
