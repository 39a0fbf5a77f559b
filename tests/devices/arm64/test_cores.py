from __future__ import annotations

import pytest

from edgekd.catalog import all_targets
from edgekd.devices.arm64.cores import core_of
from edgekd.errors import BadInput
from tests.devices.arm64.conftest import phone


def test_max_is_refused_with_the_reason() -> None:
    with pytest.raises(BadInput, match=r"SME wrong.*without an error.*cortex-a76"):
        core_of(phone("litert", "max"))


def test_a_core_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadInput, match="no core 'cortex-m4'"):
        core_of(phone("litert", "cortex-m4"))


def test_a_target_without_a_core_is_refused() -> None:
    with pytest.raises(BadInput, match="section arm64"):
        core_of(phone("litert").model_copy(update={"arm64": None}))


def test_every_shipped_phone_has_a_core() -> None:
    phones = [name for name in all_targets() if name.startswith("phone-")]
    assert len(phones) >= 6
    for name in phones:
        assert core_of(all_targets()[name]) in ("cortex-a53", "cortex-a76")
