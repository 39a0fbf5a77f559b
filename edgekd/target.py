"""Targets: one YAML profile each, naming format, precisions, budgets and device."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from edgekd.records import Format, Kind, Precision


class Budget(BaseModel):
    """Upper limits; null is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ram_bytes: int | None = Field(default=None, gt=0)
    flash_bytes: int | None = Field(default=None, gt=0)
    latency_ms: float | None = Field(default=None, gt=0)


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
