"""The core that a target asks for, and why some are refused."""

from __future__ import annotations

from edgekd.devices.arm64.sysroot import known_cores
from edgekd.errors import BadInput
from edgekd.target import Target

_MAX = (
    "QEMU's core 'max' is refused: QEMU 7.2 emulates its matrix extension SME wrong, so that int8 "
    "models compute wrong outputs without an error, and what 'max' is changes from version to "
    "version"
)


def core_of(target: Target) -> str:
    """The core of a target, as QEMU calls it.

    Raises:
        BadInput: it names none, one that is not known, or ``max``.
    """
    known = f"known: {', '.join(known_cores())}"
    if target.arm64 is None:
        raise BadInput("has no section arm64 that names a core", where=target.name, mend=known)
    core = target.arm64.core
    if core == "max":
        raise BadInput(_MAX, where=target.name, mend=f"name a core; {known}")
    if core not in known_cores():
        raise BadInput(f"there is no core {core!r} to emulate", where=target.name, mend=known)
    return core
