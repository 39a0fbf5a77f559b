"""The one CPU that a guest sees: ``/proc/cpuinfo`` and ``/sys`` files that match QEMU's core.

Without them the runtimes read the host's own, find x86 features or more CPUs than one, and crash
or choose kernels by chance. Format: Linux, ``arch/arm64/kernel/cpuinfo.c`` and
``Documentation/ABI/testing/sysfs-devices-system-cpu``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from edgekd.catalog import shipped
from edgekd.errors import BadInput
from edgekd.yaml_document import read_document, validate


class Core(BaseModel):
    """One core of ``cores.yaml``.

    Attributes:
        midr: MIDR_EL1: implementer in bits 31 to 24, variant 23 to 20, part 15 to 4, revision 3
            to 0.
        features: Linux's names of its hardware capabilities, in the order of their bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    midr: int = Field(ge=0, lt=2**32)
    features: tuple[str, ...] = Field(min_length=1)


class _Cores(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: dict[str, Core]


def known_cores() -> list[str]:
    """Names of the cores that can be emulated, as QEMU calls them."""
    return sorted(_cores())


def find_core(name: str) -> Core:
    """The core of that name.

    Raises:
        BadInput: it is not known; ``max`` never is: QEMU 7.2 computes wrong int8 results on it.
    """
    if name not in _cores():
        raise BadInput(f"there is no core {name!r}", mend=f"known: {', '.join(known_cores())}")
    return _cores()[name]


def cpu_files(core: Core) -> dict[str, str]:
    """Path below the root and text of each file."""
    system = "sys/devices/system/cpu"
    lists = {f"{system}/{name}": "0\n" for name in ("possible", "present", "online", "kernel_max")}
    topology = {
        f"{system}/cpu0/topology/{name}": "0\n"
        for name in (
            *("physical_package_id", "core_id", "cluster_cpus_list", "core_cpus_list"),
            *("core_siblings_list", "thread_siblings_list", "package_cpus_list"),
        )
    }
    return {
        "proc/cpuinfo": _cpuinfo(core),
        **lists,
        **topology,
        f"{system}/cpu0/regs/identification/midr_el1": f"{core.midr:#018x}\n",
    }


def write_cpu_files(core: Core, root: Path) -> None:
    """Write them below a root."""
    for name, text in cpu_files(core).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


def _cpuinfo(core: Core) -> str:
    return (
        "processor\t: 0\n"
        "BogoMIPS\t: 100.00\n"
        f"Features\t: {' '.join(core.features)}\n"
        f"CPU implementer\t: {core.midr >> 24:#04x}\n"
        "CPU architecture: 8\n"
        f"CPU variant\t: {core.midr >> 20 & 0xF:#x}\n"
        f"CPU part\t: {core.midr >> 4 & 0xFFF:#05x}\n"
        f"CPU revision\t: {core.midr & 0xF}\n"
        "\n"
    )


@cache
def _cores() -> dict[str, Core]:
    return validate(read_document(shipped("targets") / "arm64" / "cores.yaml"), _Cores).cores
