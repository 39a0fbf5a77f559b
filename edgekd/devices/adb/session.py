"""One phone for one measurement: chosen, locked against other processes, and held steady."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from edgekd.devices.adb.attempts import attempt
from edgekd.devices.adb.client import Adb, choose_serial
from edgekd.devices.adb.facts import Identity, read_identity
from edgekd.devices.adb.lock import locked, phone_folder
from edgekd.devices.adb.runner import Runner
from edgekd.devices.adb.settings import Steady, held_steady
from edgekd.errors import BadInput, RunFailed
from edgekd.target import Android, Target

_MARKER = "settings.json"


@dataclass(frozen=True)
class Session:
    """A phone that only this process uses.

    Attributes:
        adb: the phone.
        identity: what it is.
        steady: what was set on it.
    """

    adb: Adb
    identity: Identity
    steady: Steady


@contextmanager
def open_session(
    android: Android, call_seconds: float, sleep: Callable[[float], None], problems: list[str]
) -> Iterator[Session]:
    """Use the phone of a target; its settings are put back in the end.

    Args:
        android: how to measure.
        call_seconds: the longest that a short command may take.
        sleep: waits so many seconds.
        problems: is given what could not be put back, also where the block ends by an error.

    Raises:
        RunFailed: it cannot be reached, another process uses it, or the cache cannot be written.
        BadInput: several phones are connected, and the target does not say which.
        NoAdb: there is no ``adb``.
    """
    serial = choose_serial(next(iter(android.serials), None), call_seconds)
    adb = Adb(serial, call_seconds)
    marker = phone_folder(serial) / _MARKER
    with locked(serial), held_steady(adb, marker, sleep, problems) as steady:
        yield Session(adb, attempt(partial(read_identity, adb), adb, sleep), steady)


@contextmanager
def removed_after(
    runner: Runner, adb: Adb, sleep: Callable[[float], None], problems: list[str]
) -> Iterator[None]:
    """What a runner places on the phone goes in the end; what cannot go is told."""
    try:
        yield
    finally:
        try:
            attempt(runner.remove, adb, sleep)
        except RunFailed as error:
            problems.append(
                f"its files are not removed yet ({error}); the next measurement on it does so first"
            )


def android_of(target: Target) -> Android:
    """How to measure.

    Raises:
        BadInput: the target does not say, or names several phones where one is measured.
    """
    if target.android is None:
        raise BadInput("the target has no section android", where=target.name)
    if len(target.android.serials) > 1:
        raise BadInput(
            f"the target names {len(target.android.serials)} phones",
            where=target.name,
            mend="give each a target of its own",
        )
    return target.android
