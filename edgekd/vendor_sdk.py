"""Whether the SDK that only a vendor hands out is installed."""

from __future__ import annotations

import os
from importlib.machinery import PathFinder
from pathlib import Path

from edgekd.target import VendorSdk


def missing_sdk(sdk: VendorSdk) -> str | None:
    """What of the vendor's SDK is missing here, in one line; ``None`` where nothing is.

    Nothing of the vendor's is imported: importing ExecuTorch's QNN backend without its SDK starts
    to download it.
    """
    needs = f"needs the vendor's SDK {sdk.name}"
    if sdk.variable is not None:
        folder = os.environ.get(sdk.variable, "")
        if not folder:
            return f"{needs}: {sdk.variable} is not set to its folder (see {sdk.where})"
        if not Path(folder).is_dir():
            return f"{needs}: {sdk.variable} names no folder: {folder} (see {sdk.where})"
    if not _importable(sdk.module):
        return f"{needs}: its package {sdk.module} is not installed (see {sdk.where})"
    return None


def _importable(module: str) -> bool:
    """Whether it could be imported; unlike ``find_spec`` this imports no package above it."""
    places: list[str] | None = None
    for part in module.split("."):
        # By its last name alone: a dotted one is looked up in the package above it.
        found = PathFinder.find_spec(part, places)
        if found is None:
            return False
        places = list(found.submodule_search_locations or ())
    return True
