"""Ways of running an artifact, found by the name that a target's profile gives."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from edgekd.errors import BadInput

if TYPE_CHECKING:
    from edgekd.devices.contract import Device

_DEVICES = {
    "adb": ("edgekd.devices.adb.device", "AdbDevice"),
    "host": ("edgekd.devices.host", "HostDevice"),
    "qemu-arm64": ("edgekd.devices.arm64.device", "QemuArm64Device"),
    "qemu-cortex-m": ("edgekd.devices.microcontroller.device", "QemuDevice"),
    "serial": ("edgekd.devices.microcontroller.serial", "SerialDevice"),
    "vela": ("edgekd.devices.vela", "VelaDevice"),
    "not-run": ("edgekd.devices.not_run", "NotRunDevice"),
}


def find_device(name: str) -> Device:
    """The device of this name, imported only now.

    Raises:
        BadInput: there is no such device.
    """
    if name not in _DEVICES:
        raise BadInput(f"there is no device {name!r}", mend=f"known: {', '.join(_DEVICES)}")
    module, kind = _DEVICES[name]
    return cast("Device", getattr(importlib.import_module(module), kind)())
