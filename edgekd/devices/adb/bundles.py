"""Bundles for the demo app: placed whole in its folder, or not at all.

Like the files of a measurement they go through ``/data/local/tmp`` and from there, by ``run-as``,
into the app's own folder: first beside its bundles, and when all of them arrived whole, by a
rename to where the app looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.problems import ApplicationMissing, CommandFailed, DeviceGone
from edgekd.devices.adb.staging import STAGING, check_hash, clear_staging, stage
from edgekd.errors import RunFailed

# Both inside the app's folder, on one file system.
BUNDLES = "files/bundles"
_INCOMING = "files/incoming-bundle"
_NEW, _FORMER = f"{_INCOMING}/new", f"{_INCOMING}/former"


def place_bundle(adb: Adb, application: str, name: str, files: Sequence[Path]) -> str:
    """Copy files to the phone as one of the app's bundles, instead of the former of that name.

    Args:
        adb: the phone.
        application: package of the app, a debuggable build.
        name: of the bundle's folder there.
        files: what it holds; their names are kept.

    Returns:
        The bundle's folder, below the app's own.

    Raises:
        ApplicationMissing: there is no such app, or it is not debuggable.
        RunFailed: there is no room, a file did not arrive whole, or the phone was lost. The app
            has the former bundle then, or for a phone lost between two renames none. Nothing is
            left in staging, unless the phone is gone: the next call removes it first.
    """
    app = _App(adb, application)
    try:
        app.open()
        clear_staging(adb)
        for file in files:
            app.deliver(file)
        app.swap(name)
        app.clear()
    except RunFailed as error:
        with suppress(RunFailed):
            app.clear()
        raise _mended(error) from error
    return f"{BUNDLES}/{name}"


def _mended(error: RunFailed) -> RunFailed:
    """The same, with what the user can do here."""
    if "No space left" in error.what:
        return RunFailed(error.what, where=error.where, mend="free some space on it")
    if isinstance(error, DeviceGone):
        return DeviceGone(error.what, where=error.where, mend="plug it in and push again")
    return error


class _App:
    def __init__(self, adb: Adb, package: str) -> None:
        self._adb, self._package = adb, package

    def _run(self, *words: str) -> str:
        return self._adb.run("run-as", self._package, *words)

    def open(self) -> None:
        try:
            self._run("rm", "-rf", _INCOMING)
            self._run("mkdir", "-p", BUNDLES, _NEW)
        except CommandFailed as error:
            raise ApplicationMissing(
                f"the app {self._package} cannot be used: {error.what}",
                where=self._adb.serial,
                mend="install its debuggable build: edgekd android build, then adb install",
            ) from error

    def deliver(self, file: Path) -> None:
        staged = stage(self._adb, file, file.name, copies=2)
        inside = f"{_NEW}/{file.name}"
        self._run("cp", staged, inside)
        self._adb.run("rm", "-f", staged)
        check_hash(self._adb, ["run-as", self._package, "sha256sum", inside], file)

    def swap(self, name: str) -> None:
        place = f"{BUNDLES}/{name}"
        # A folder cannot be renamed onto another: the former one is out of the way for a moment.
        had = name in self._run("ls", "-1", BUNDLES).splitlines()
        if had:
            self._run("mv", place, _FORMER)
        try:
            self._run("mv", _NEW, place)
        except RunFailed:
            if had:
                with suppress(RunFailed):
                    self._run("mv", _FORMER, place)
            raise

    def clear(self) -> None:
        self._adb.run("rm", "-rf", STAGING)
        self._run("rm", "-rf", _INCOMING)
