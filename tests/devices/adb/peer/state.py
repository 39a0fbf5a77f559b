"""The state of the phone that the stand-in plays: plain data that a test reads and sets."""

from __future__ import annotations

import copy
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

APPLICATION = "org.edgekd.benchmark"


@dataclass
class Battery:
    """Attributes: ``plugged`` is ``usb``, ``ac``, ``wireless``, or empty: it is discharging."""

    percent: int = 80
    celsius: float = 29.0
    plugged: str = "usb"


@dataclass
class Package:
    """An installed app: one that is not debuggable refuses ``run-as``."""

    debuggable: bool = True
    version: str = "1.0"


def _properties() -> dict[str, str]:
    return {
        "ro.edgekd.stand_in": "1",
        "ro.product.manufacturer": "edgekd",
        "ro.product.brand": "edgekd",
        "ro.product.name": "stand_in",
        "ro.product.model": "Stand-in",
        "ro.product.device": "stand_in",
        "ro.product.cpu.abi": "arm64-v8a",
        "ro.product.cpu.abilist": "arm64-v8a",
        "ro.soc.manufacturer": "QEMU",
        "ro.soc.model": "cortex-a76",
        "ro.hardware": "qemu",
        "ro.board.platform": "qemu",
        "ro.build.version.release": "14",
        "ro.build.version.sdk": "34",
        "ro.build.type": "user",
        "ro.debuggable": "0",
        "sys.boot_completed": "1",
    }


def _settings() -> dict[str, dict[str, str]]:
    return {
        "global": {"stay_on_while_plugged_in": "0", "low_power": "0"},
        "system": {"screen_brightness_mode": "1", "screen_off_timeout": "60000"},
        "secure": {},
    }


@dataclass
class PhoneState:
    """What the phone is like now.

    Attributes:
        properties: what ``getprop`` shows.
        settings: of each namespace.
        thermal_status: 0 (none) to 6 (shutdown); null: it has no such service.
        battery: see there.
        screen_on: whether the display is on.
        fixed_performance: whether that mode is set.
        has_fixed_performance: whether the phone has it at all.
        governors: of each frequency policy.
        cpu_features: as ``/proc/cpuinfo`` lists them.
        page_bytes: what ``getconf PAGESIZE`` answers.
        free_bytes: what could be written if the user and the apps had no files.
        reported_free_bytes: what ``df`` says instead of the truth.
        packages: the apps that are installed.
    """

    properties: dict[str, str] = field(default_factory=_properties)
    settings: dict[str, dict[str, str]] = field(default_factory=_settings)
    thermal_status: int | None = 0
    battery: Battery = field(default_factory=Battery)
    screen_on: bool = True
    fixed_performance: bool = False
    has_fixed_performance: bool = True
    governors: dict[str, str] = field(default_factory=lambda: {"policy0": "schedutil"})
    cpu_features: str = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimddp"
    page_bytes: int = 4096
    free_bytes: int = 8 * 1024**3
    reported_free_bytes: int | None = None
    packages: dict[str, Package] = field(default_factory=lambda: {APPLICATION: Package()})

    def left_set(self) -> dict[str, Any]:
        """A copy of what a measurement may set and must restore."""
        names = ("settings", "fixed_performance", "governors")
        return copy.deepcopy({name: asdict(self)[name] for name in names})


class Log:
    """The phone's log; a reader can wait for more."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._more = threading.Condition()
        self._ended = False

    def write(self, tag: str, message: str) -> None:
        with self._more:
            self._lines.append((tag, message))
            self._more.notify_all()

    def clear(self) -> None:
        with self._more:
            self._lines.clear()

    def lines(self) -> list[tuple[str, str]]:
        """Tag and message of each line."""
        with self._more:
            return list(self._lines)

    def end(self) -> None:
        """Wake all who wait, for good."""
        with self._more:
            self._ended = True
            self._more.notify_all()

    def wake(self) -> None:
        with self._more:
            self._more.notify_all()

    def wait_for_more(self, known: int, enough: threading.Event) -> bool:
        """Wait until there are more than ``known`` lines; false: there will be none."""

        def done() -> bool:
            return self._ended or enough.is_set() or len(self._lines) > known

        with self._more:
            self._more.wait_for(done)
            return len(self._lines) > known and not (self._ended or enough.is_set())
