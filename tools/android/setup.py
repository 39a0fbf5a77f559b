"""Fetches and installs every piece, one after the other, and tells what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgekd.debian import install_packages, may_install
from edgekd.errors import EdgekdError
from edgekd.files import writing_alone
from tools.android.pieces import PieceCache
from tools.android.pins import Pins
from tools.android.system import is_installed

COMMAND = "python -m tools.android"


@dataclass(frozen=True)
class Missing:
    """Something that this machine lacks, and how to get it."""

    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what} is missing ({self.mend})"


class Setup:
    """All that the pins name, on this machine.

    Args:
        pins: what is wanted.
        pieces: where the fetched part of it is kept.
        say: is told what is begun, one line each.
    """

    def __init__(self, pins: Pins, pieces: PieceCache, say: Callable[[str], None]) -> None:
        """Nothing is looked at yet."""
        self._pins = pins
        self._pieces = pieces
        self._say = say

    def missing(self) -> dict[str, Missing]:
        """All that is not there, by its name in the pins; nothing is fetched."""
        fetched = {
            name: Missing(f"{pin.package} {pin.version}", f"run {COMMAND}")
            for name, pin in self._pins.fetched.items()
            if not self._pieces.holds(name)
        }
        installed = {
            name: Missing(brings, f"apt-get install {name}")
            for name, brings in self._pins.system.items()
            if not is_installed(brings)
        }
        return fetched | installed

    def set_up(self) -> list[Missing]:
        """Get all that is not there; what is still missing, and why.

        Raises:
            RunFailed: the cache cannot be written.
        """
        if not self.missing():
            return []
        with writing_alone(self._pieces.folder):
            # Another process may have done it while this one waited.
            refused = self._install()
            reasons = self._fetch()
        return [
            Missing(
                one.what, reasons.get(name) or (refused and f"{one.mend}: {refused}") or one.mend
            )
            for name, one in self.missing().items()
        ]

    def _install(self) -> str:
        """Install Debian's packages; why not, where that failed."""
        missing = self.missing()
        packages = [name for name in self._pins.system if name in missing]
        if any(name in missing for name in self._pins.npm) and not is_installed("npm"):
            packages.append("npm")
        if not packages:
            return ""
        if not may_install():
            return "neither root nor sudo without a password, or no apt-get"
        self._say(f"installing {' '.join(packages)}")
        return install_packages(packages)

    def _fetch(self) -> dict[str, str]:
        """Fetch what is not there; of each that failed, why."""
        reasons = {}
        for name, pin in self._pins.fetched.items():
            if self._pieces.holds(name):
                continue
            self._say(f"fetching {pin.package} {pin.version}")
            try:
                self._pieces.fetch(name)
            except EdgekdError as error:
                reasons[name] = str(error)
        return reasons
