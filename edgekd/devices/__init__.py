"""Ways of running an artifact, found by the name that a target's profile gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekd.errors import BadInput

if TYPE_CHECKING:
    from edgekd.devices.contract import Device

DEVICES = ("host",)


def find_device(name: str) -> Device:
    """The device of this name, imported only now.

    Raises:
        BadInput: there is no such device.
    """
    if name == "host":
        from edgekd.devices.host import HostDevice

        return HostDevice()
    raise BadInput(f"there is no device {name!r}", mend=f"known: {', '.join(DEVICES)}")
