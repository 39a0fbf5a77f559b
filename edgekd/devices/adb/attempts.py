"""Once more: a phone that was lost often shows again after a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from edgekd.devices.adb.client import Adb
from edgekd.errors import RunFailed

# The same twice in a row would come a third time.
ATTEMPTS = 2
# A cable that is put back shows again after a few seconds.
RETURN_SECONDS = 20
_RETURN_STEP_SECONDS = 2
_Found = TypeVar("_Found")


def attempt(work: Callable[[], _Found], adb: Adb, sleep: Callable[[float], None]) -> _Found:
    """Do something on a phone once more where it fails.

    Raises:
        RunFailed: it failed twice.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except RunFailed:
            if not comes_back(adb, sleep):
                raise
    return work()


def comes_back(adb: Adb, sleep: Callable[[float], None]) -> bool:
    """Whether a phone is there, or is so after a little while.

    Args:
        adb: the phone.
        sleep: waits so many seconds.
    """
    for waited in range(0, RETURN_SECONDS, _RETURN_STEP_SECONDS):
        if waited:
            sleep(_RETURN_STEP_SECONDS)
        with suppress(RunFailed):
            adb.check()
            return True
    return False
