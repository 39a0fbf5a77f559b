"""Several phones in one target: a queue of targets, one for each phone."""

from __future__ import annotations

import re

from edgekd.errors import BadInput
from edgekd.target import Target


def each_phone(target: Target) -> list[Target]:
    """A target of its own for each phone that a target names, in that order.

    Each is called after the target and the phone's serial, and so is its record:
    ``android-arm64-litert-r58m123abc``. A target that names one phone, or none, stays as it is.

    Raises:
        BadInput: a phone is named twice.
    """
    if target.android is None or len(target.android.serials) < 2:
        return [target]
    queue = [_on(target, serial) for serial in target.android.serials]
    if len({one.name for one in queue}) < len(queue):
        raise BadInput("a phone is named twice", where=f"{target.name}: android.serials")
    return queue


def _on(target: Target, serial: str) -> Target:
    assert target.android is not None
    words = re.findall(r"[a-z0-9]+", serial.lower())
    return target.model_copy(
        update={
            "name": "-".join([target.name, *words]),
            "android": target.android.model_copy(update={"serials": (serial,)}),
        }
    )
