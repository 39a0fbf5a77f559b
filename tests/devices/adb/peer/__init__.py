"""A stand-in for a phone, for tests: it speaks the protocol of ``adbd`` on loopback.

It is no phone: nothing measured on it is a figure of one, and it says so by the property
``ro.edgekd.stand_in``.
"""

from __future__ import annotations

from tests.devices.adb.peer import application, faults
from tests.devices.adb.peer.faults import Gate
from tests.devices.adb.peer.phone import Phone
from tests.devices.adb.peer.state import APPLICATION, Battery, Package, PhoneState

__all__ = [
    "APPLICATION",
    "Battery",
    "Gate",
    "Package",
    "Phone",
    "PhoneState",
    "application",
    "faults",
]
