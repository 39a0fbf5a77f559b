"""Files that come inside installed packages, found without importing the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from edgekd.errors import BadInput, MissingPackage


def packaged_file(package: str, relative: str) -> Path:
    """The path of a data file inside an installed package.

    Raises:
        MissingPackage: the package is not installed.
        BadInput: this version of the package does not carry the file.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(
            f"the package {package} is not installed",
            where="data.source",
            mend='pip install "edgekd[data]"',
        )
    path = Path(spec.submodule_search_locations[0]) / relative
    if not path.is_file():
        raise BadInput(f"this version of {package} does not carry {relative}", where="data.source")
    return path
