"""What a phone says of itself before and while it is measured."""

from __future__ import annotations

from pydantic import Field

from edgekd.records.base import Record


class DeviceFacts(Record):
    """A phone and its state at the time of a measurement. Null: it does not tell.

    Attributes:
        manufacturer: as the build properties say it.
        model: likewise.
        soc: name of the chip.
        android_version: ``14``.
        api_level: ``34``.
        abi: ``arm64-v8a``.
        cpu_features: as ``/proc/cpuinfo`` lists them, ``asimddp`` and so on.
        page_bytes: size of a memory page.
        governor: of each frequency policy.
        thermal_status: highest seen, 0 (none) to 6 (shutdown); Android's ``PowerManager``.
        thermal_headroom: largest forecast that the app saw; 1.0 is severe throttling.
        battery_percent: lowest seen.
        battery_celsius: highest seen.
        charging: whether it was on power all the time.
        fixed_performance: whether the device held its clocks steady for the measurement.
        application: name and version of what ran the model there.
        runtime_version: of the runtime in it, as that tells itself.
        delegate: what that runtime really used.
        stand_in: set where the peer is no phone but a stand-in for one.
    """

    manufacturer: str | None = None
    model: str | None = None
    soc: str | None = None
    android_version: str | None = None
    api_level: int | None = None
    abi: str | None = None
    cpu_features: list[str] = Field(default_factory=list)
    page_bytes: int | None = None
    governor: dict[str, str] = Field(default_factory=dict)
    thermal_status: int | None = Field(default=None, ge=0, le=6)
    thermal_headroom: float | None = Field(default=None, ge=0)
    battery_percent: int | None = Field(default=None, ge=0, le=100)
    battery_celsius: float | None = None
    charging: bool | None = None
    fixed_performance: bool = False
    application: str | None = None
    runtime_version: str | None = None
    delegate: str | None = None
    stand_in: bool = False
