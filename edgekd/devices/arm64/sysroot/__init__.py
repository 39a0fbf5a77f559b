"""What an emulated ARM64 program sees as its file system: libraries, a runtime, one CPU.

It is built from package registries alone and kept in ``$XDG_CACHE_HOME/edgekd/arm64``.
"""

from edgekd.devices.arm64.sysroot.cache import (
    Sysroot,
    build_sysroot,
    find_sysroot,
    remove_sysroots,
)
from edgekd.devices.arm64.sysroot.cores import known_cores
from edgekd.devices.arm64.sysroot.runner import COMPILER

__all__ = [
    "COMPILER",
    "Sysroot",
    "build_sysroot",
    "find_sysroot",
    "known_cores",
    "remove_sysroots",
]
