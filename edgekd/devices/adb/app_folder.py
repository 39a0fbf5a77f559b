"""An app's own folder on a phone, reached by ``run-as``: of debuggable builds only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.problems import ApplicationMissing, CommandFailed
from edgekd.devices.adb.staging import check_hash, stage


@dataclass(frozen=True)
class AppFolder:
    """The folder of one app; paths are below it.

    Attributes:
        adb: the phone.
        package: of the app.
    """

    adb: Adb
    package: str

    def run(self, *words: str) -> str:
        """Carry a command out there as the app's user; see :meth:`Adb.run`."""
        return self.adb.run("run-as", self.package, *words)

    def clear(self, path: str) -> None:
        """Remove what an earlier run left there: the first thing that is done in an app's folder.

        Raises:
            ApplicationMissing: there is no such app, or it is not debuggable.
            RunFailed: the phone was lost.
        """
        try:
            self.run("rm", "-rf", path)
        except CommandFailed as error:
            raise ApplicationMissing(
                f"the app {self.package} cannot be used: {error.what}",
                where=self.adb.serial,
                mend="install its debuggable build: edgekd android build, then adb install",
            ) from error

    def deliver(self, local: Path, inside: str) -> None:
        """Copy a file there by way of staging, and check that it arrived whole.

        Args:
            local: the file.
            inside: its path there.

        Raises:
            RunFailed: there is no room, it did not arrive whole, or the phone was lost.
        """
        staged = stage(self.adb, local, PurePosixPath(inside).name, copies=2)
        self.run("cp", staged, inside)
        self.adb.run("rm", "-f", staged)
        check_hash(self.adb, ["run-as", self.package, "sha256sum", inside], local)
