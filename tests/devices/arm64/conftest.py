"""The emulated phones of the tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgekd.devices.arm64.sysroot import build_sysroot
from edgekd.target import Arm64, Target
from tests.devices.conftest import FORMATS


def phone(runtime: str, core: str = "cortex-a76") -> Target:
    """The target of one runtime on one emulated core."""
    return Target(
        name=f"phone-{core.removeprefix('cortex-')}-{runtime}",
        description="for tests",
        format=FORMATS[runtime],
        precisions=("fp32",),
        device="qemu-arm64",
        runtime=runtime,
        kind="emulated",
        arm64=Arm64(core=core),
    )


@pytest.fixture(scope="session")
def ready_phone() -> Callable[..., Target]:
    """Makes a target whose sysroot is there."""

    def make(runtime: str, core: str = "cortex-a76") -> Target:
        build_sysroot(runtime, core)
        return phone(runtime, core)

    return make
