"""Targets: one YAML profile each, naming format, precisions, budgets and device."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from edgekd.records import Format, Kind, Precision

# What the app can ask a runtime for; the first is its default.
DELEGATES = {"onnx": ("cpu", "xnnpack", "nnapi"), "litert": ("xnnpack", "cpu", "gpu")}


class Budget(BaseModel):
    """Upper limits; null is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ram_bytes: int | None = Field(default=None, gt=0)
    flash_bytes: int | None = Field(default=None, gt=0)
    latency_ms: float | None = Field(default=None, gt=0)


class Microcontroller(BaseModel):
    """What a microcontroller is, for the generator of C, the compiler and the emulator.

    Attributes:
        core: as its manual calls it, ``cortex-m4``; names the table of instruction timings.
        instructions: which kernels may be generated: ``plain`` C99, ``dsp`` (the Armv7E-M and
            Armv8-M DSP extension), ``mve`` (the M-profile vector extension, integer).
        toolchain: prefix of the cross compiler, ``arm-none-eabi``.
        flags: of the compiler, for this core.
        board: folder under ``targets/boards`` with its memory map and start-up code.
        flash: ``size`` stores each weight once, ``speed`` may store it wider where that is faster.
        stack_bytes: reserved for one inference and the few frames above it; part of the RAM.
        clock_hz: of a typical part; used only where cycles are turned into time, in an estimate.
        port: serial port of a real board, for the device ``serial``.
        baud_rate: of the port.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    instructions: Literal["plain", "dsp", "mve"]
    toolchain: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    flags: tuple[str, ...]
    board: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    flash: Literal["size", "speed"] = "size"
    stack_bytes: int = Field(default=4096, ge=1024, multiple_of=8)
    clock_hz: int | None = Field(default=None, gt=0)
    port: str | None = None
    baud_rate: int = Field(default=115200, gt=0)


class Arm64(BaseModel):
    """An ARM64 core under emulation, for the device ``qemu-arm64``.

    Attributes:
        core: as QEMU calls it, ``cortex-a76``; decides which vector instructions there are.
        accuracy_samples: at most so many test samples are run, chosen by the run's seed; null: all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    accuracy_samples: int | None = Field(default=None, gt=0)


class Android(BaseModel):
    """How a phone is measured over adb.

    Attributes:
        application: package of the benchmark app that runs the model; null where the format is
            ``c``, which becomes a program of its own.
        delegate: what the app asks the engine for, and the result must then have used; null: what
            the engine does by itself. ``onnx``: ``cpu``, ``xnnpack`` or ``nnapi``; ``litert``:
            ``xnnpack``, ``cpu`` or ``gpu``; for ``executorch`` the exporter decided.
        serials: of the devices to use, as ``adb devices`` lists them; none: the one that is there.
        iterations: timed inferences of one repetition.
        warmup: inferences dropped before them.
        repetitions: how often the app is started afresh.
        cool_down_seconds: how long a hot device may take to cool before a repetition is invalid.
        lowest_battery_percent: below it, a repetition is invalid unless the device is charging.
        accuracy_samples: at most so many test samples are run, chosen by the run's seed; null: all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    application: str | None = Field(default=None, pattern=r"^[a-zA-Z]\w*(\.[a-zA-Z]\w*)+$")
    delegate: str | None = None
    serials: tuple[str, ...] = ()
    iterations: int = Field(default=1000, ge=1, le=1_000_000)
    warmup: int = Field(default=50, ge=1, le=100_000)
    repetitions: int = Field(default=3, ge=1, le=100)
    cool_down_seconds: int = Field(default=300, ge=0, le=3600)
    lowest_battery_percent: int = Field(default=20, ge=0, le=100)
    accuracy_samples: int | None = Field(default=None, gt=0)


class VendorSdk(BaseModel):
    """What only a vendor hands out, and how to see that it is installed.

    Attributes:
        name: what the vendor calls it.
        module: import name of its Python part, which the exporter needs.
        variable: environment variable that names its folder; null: it needs none.
        where: where the vendor explains how to get it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    module: str
    variable: str | None = None
    where: str


class Target(BaseModel):
    """One hardware target.

    Attributes:
        name: the file's name without its ending.
        description: one line for ``edgekd targets``.
        format: the artifact's format.
        precisions: what this target can be asked for, in the ladder's order.
        device: the module under ``edgekd.devices`` that runs the artifact.
        runtime: the runtime that loads it.
        kind: what its figures may claim.
        threads: threads of one inference.
        budget: limits that the report checks.
        packages: import names that must be installed.
        microcontroller: the part, where the format is ``c``.
        arm64: the core, where the device is ``qemu-arm64``.
        android: how to measure, where the device is ``adb``.
        sdk: the vendor's SDK, where exporting needs one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = ""
    format: Format
    precisions: tuple[Precision, ...] = Field(min_length=1)
    device: str
    runtime: str
    kind: Kind
    threads: int = Field(default=1, ge=1, le=64)
    budget: Budget = Budget()
    packages: tuple[str, ...] = ()
    microcontroller: Microcontroller | None = None
    arm64: Arm64 | None = None
    android: Android | None = None
    sdk: VendorSdk | None = None

    @field_validator("android")
    @classmethod
    def _has_the_delegate(cls, android: Android | None, info: ValidationInfo) -> Android | None:
        asked, runtime = android and android.delegate, info.data.get("runtime", "")
        known = DELEGATES.get(runtime, ())
        if asked is not None and asked not in known:
            choice = f"takes one of {', '.join(known)}" if known else "takes none: export decides"
            raise ValueError(f"delegate: {runtime} {choice}, not {asked!r}")
        return android

    @property
    def accuracy_samples(self) -> int | None:
        """How many test samples are run at most; ``None``: all of them."""
        part = self.arm64 or self.android
        return part.accuracy_samples if part else None
