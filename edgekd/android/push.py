"""Bundles to the demo app of a phone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgekd.android.bundles import CheckedBundle
from edgekd.android.project import APPLICATION
from edgekd.devices.adb.bundles import place_bundle
from edgekd.devices.adb.client import Adb, choose_serial
from edgekd.devices.adb.lock import locked
from edgekd.devices.adb.problems import SeveralDevices


@dataclass(frozen=True)
class Pushed:
    """A bundle that lies on a phone.

    Attributes:
        bundle: as it lies here.
        serial: of the phone.
        place: its folder there, below the app's own.
    """

    bundle: CheckedBundle
    serial: str
    place: str


def push_bundles(bundles: Sequence[CheckedBundle], serial: str | None = None) -> Iterator[Pushed]:
    """Place bundles on a phone, one after the other.

    Args:
        bundles: checked.
        serial: of the phone; ``None``: ``$ANDROID_SERIAL``, or the only one that is connected.

    Raises:
        SeveralDevices: more than one is connected, and none is named.
        ApplicationMissing: the phone has no debuggable build of the app.
        RunFailed: no phone, no room, or the phone was lost; what was yielded before is there.
        NoAdb: there is no ``adb``.
    """
    try:
        adb = Adb(choose_serial(serial))
    except SeveralDevices as error:
        mend = "name one with --serial, or set ANDROID_SERIAL"
        raise SeveralDevices(error.what, where=error.where, mend=mend) from error
    with locked(adb.serial):
        for bundle in bundles:
            place = place_bundle(adb, APPLICATION, bundle.name, bundle.files)
            yield Pushed(bundle, adb.serial, place)
