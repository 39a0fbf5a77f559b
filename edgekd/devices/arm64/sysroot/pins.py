"""Which packages a sysroot is made of, each pinned by version and content."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgekd.catalog import shipped
from edgekd.yaml_document import read_document, validate

PYTHON = "3.11"
_SHA256 = r"^[0-9a-f]{64}$"


class DebianPin(BaseModel):
    """One Debian package of arm64: its version, and the sha256 of the ``.deb``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+:~-]*$")
    sha256: str = Field(pattern=_SHA256)


class WheelPin(BaseModel):
    """One wheel for CPython 3.11: its version, platform tag, and the sha256 of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+!]*$")
    platform: str = Field(pattern=r"^[a-z0-9_]+_aarch64$")
    sha256: str = Field(pattern=_SHA256)


class Pins(BaseModel):
    """``packages.yaml``.

    Attributes:
        debian: packages that every sysroot holds: a C library and Python.
        wheels: by the name of the distribution.
        runtimes: the wheels of each runtime.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    debian: dict[str, DebianPin] = Field(min_length=1)
    wheels: dict[str, WheelPin]
    runtimes: dict[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _complete(self) -> Pins:
        wanted = {name for names in self.runtimes.values() for name in names}
        if not wanted <= self.wheels.keys():
            raise ValueError(
                f"no wheel is pinned for {', '.join(sorted(wanted - set(self.wheels)))}"
            )
        return self


def read_pins(path: Path) -> Pins:
    """Read a file of pins.

    Raises:
        BadInput: it is missing or does not hold.
    """
    return validate(read_document(path), Pins)


@cache
def shipped_pins() -> Pins:
    """The pins that come with edgekd."""
    return read_pins(shipped("targets") / "arm64" / "packages.yaml")
