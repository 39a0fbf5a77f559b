"""Bundles that the app's package carries: in the project's assets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekd.android.bundles import CheckedBundle
from edgekd.android.project import bundles_folder
from edgekd.errors import BadInput, RunFailed
from edgekd.files import content_bytes
from edgekd.report.units import size

# Google Play takes packages of 200 MB; the runtimes are in it too.
MAX_ASSETS_BYTES = 150 * 1024**2

State = Literal["new", "replaced", "was there"]


@dataclass(frozen=True)
class Carried:
    """One bundle in the assets.

    Attributes:
        name: of its folder.
        size: bytes of its files.
        state: what was done with it.
    """

    name: str
    size: int
    state: State


def export_bundles(bundles: Sequence[CheckedBundle], project: Path) -> list[Carried]:
    """Copy bundles into the assets, each instead of the former of its name.

    Args:
        bundles: checked.
        project: of the app.

    Returns:
        All that lie there now, by name.

    Raises:
        BadInput: together with those that stay they are too much for a package.
        RunFailed: the folder cannot be read or written; what lay there stays.
    """
    folder = bundles_folder(project)
    chosen = {bundle.name for bundle in bundles}
    former = _sizes(folder)
    staying = {name: count for name, count in former.items() if name not in chosen}
    total = sum(staying.values()) + sum(bundle.size for bundle in bundles)
    if total > MAX_ASSETS_BYTES:
        raise BadInput(
            f"the app would carry {size(total)} of bundles, and may {size(MAX_ASSETS_BYTES)}",
            where=str(folder),
            mend="choose fewer, delete some there, or edgekd push the large ones",
        )
    for bundle in bundles:
        _place(bundle, folder)
    carried = [Carried(name, count, "was there") for name, count in staying.items()]
    for bundle in bundles:
        state: State = "replaced" if bundle.name in former else "new"
        carried.append(Carried(bundle.name, bundle.size, state))
    return sorted(carried, key=lambda one: one.name)


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each bundle that lies there."""
    try:
        # What begins with a dot was left half done; the packager leaves it out.
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
        return {path.name: content_bytes(path) for path in found if path.is_dir()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RunFailed(
            f"cannot be read: {error.strerror}", where=str(folder), mend="make it a readable folder"
        ) from error


def _place(bundle: CheckedBundle, folder: Path) -> None:
    place = folder / bundle.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as temporary:
            new, former = Path(temporary) / "new", Path(temporary) / "former"
            new.mkdir()
            for file in bundle.files:
                shutil.copyfile(file, new / file.name)
            try:
                if place.exists():
                    place.rename(former)
                new.rename(place)
            except BaseException:
                # Also after Ctrl-C: what stays in the temporary folder is removed with it.
                if former.exists() and not place.exists():
                    former.rename(place)
                raise
    except OSError as error:
        raise RunFailed(
            f"{bundle.name} cannot be copied: {error.strerror}",
            where=str(folder),
            mend="free some space, or make it writable",
        ) from error
