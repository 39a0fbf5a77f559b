"""Where fetched pieces are kept; each is whole or absent, whoever is killed when."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from edgekd.files import SCRATCH, cache_folder, digest, sync_folder
from tools.android.bullseye import fetch_bullseye
from tools.android.npm import fetch_npm
from tools.android.pins import Pins, shipped_pins

# Raised when pieces are laid out in another way.
_LAYOUT = 1


class PieceCache:
    """The pieces in one folder.

    Args:
        folder: it need not exist yet.
        pins: what they are.
    """

    def __init__(self, folder: Path, pins: Pins) -> None:
        """Nothing is read or written yet."""
        self.folder = folder
        self._pins = pins

    def folder_of(self, name: str) -> Path:
        """Where a piece is kept; another folder when it is pinned otherwise.

        Args:
            name: of the piece in the pins.
        """
        key = digest([_LAYOUT, self._pins.fetched[name].model_dump()])
        return self.folder / f"{name}-{key[:16]}"

    def holds(self, name: str) -> bool:
        """Whether all files of a piece are there."""
        folder = self.folder_of(name)
        return all((folder / file).is_file() for file in self._pins.fetched[name].files.values())

    def fetch(self, name: str) -> None:
        """Get a piece; to be called within :func:`edgekd.files.writing_alone`.

        Raises:
            MissingPackage: what fetches it is not installed.
            RunFailed: it cannot be had, or is not what was pinned.
        """
        place = self.folder_of(name)
        # A new one each time: what a killed run left running may still write into the old one.
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix=SCRATCH))
        try:
            made, downloads = scratch / "made", scratch / "downloads"
            made.mkdir()
            downloads.mkdir()
            if name in self._pins.npm:
                fetch_npm(self._pins.npm[name], made, downloads)
            else:
                fetch_bullseye(self._pins.bullseye[name], made, downloads)
            if place.exists():
                place.rename(scratch / "damaged")
            made.rename(place)
            sync_folder(place.parent)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def shipped_pieces() -> PieceCache:
    """The pieces of this checkout's pins, in the user's cache."""
    return PieceCache(cache_folder() / "android", shipped_pins())
