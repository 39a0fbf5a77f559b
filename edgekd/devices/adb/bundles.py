"""Bundles for the demo app: placed whole in its folder, or not at all.

Like the files of a measurement they go through ``/data/local/tmp`` and from there, by ``run-as``,
into the app's own folder: first beside its bundles, and when all of them arrived whole, by a
rename to where the app looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgekd.devices.adb.app_folder import AppFolder
from edgekd.devices.adb.client import Adb
from edgekd.devices.adb.interrupts import ending_signals_raise, signals_held_back
from edgekd.devices.adb.problems import DeviceGone
from edgekd.devices.adb.staging import STAGING, clear_staging
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
            left in staging, also after Ctrl-C, unless the phone is gone: the next call removes it.
    """
    app = AppFolder(adb, application)
    with ending_signals_raise():
        try:
            app.clear(_INCOMING)
            app.run("mkdir", "-p", BUNDLES, _NEW)
            clear_staging(adb)
            for file in files:
                app.deliver(file, f"{_NEW}/{file.name}")
            # Between its renames the app has neither bundle.
            with signals_held_back():
                _swap(app, name)
                _clean(app)
        except BaseException as error:
            # Also after Ctrl-C: nobody else would remove it.
            with signals_held_back(), suppress(RunFailed):
                _clean(app)
            if isinstance(error, RunFailed):
                raise _mended(error) from error
            raise
    return f"{BUNDLES}/{name}"


def _swap(app: AppFolder, name: str) -> None:
    place = f"{BUNDLES}/{name}"
    # A folder cannot be renamed onto another: the former one is out of the way for a moment.
    had = _is_placed(app, name)
    try:
        if had:
            app.run("mv", place, _FORMER)
        app.run("mv", _NEW, place)
    except RunFailed:
        # What was done, but not answered, was done: only what is gone comes back.
        with suppress(RunFailed):
            if had and not _is_placed(app, name):
                app.run("mv", _FORMER, place)
        raise


def _is_placed(app: AppFolder, name: str) -> bool:
    return name in app.run("ls", "-1", BUNDLES).splitlines()


def _clean(app: AppFolder) -> None:
    app.adb.run("rm", "-rf", STAGING)
    app.run("rm", "-rf", _INCOMING)


def _mended(error: RunFailed) -> RunFailed:
    """The same, with what the user can do here."""
    if "No space left" in error.what:
        return RunFailed(error.what, where=error.where, mend="free some space on it")
    if isinstance(error, DeviceGone):
        return DeviceGone(error.what, where=error.where, mend="plug it in and push again")
    return error
