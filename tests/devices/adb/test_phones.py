"""Several phones in one target are a queue, and each gives a record of its own."""

from __future__ import annotations

import pytest

from edgekd.catalog import find_targets
from edgekd.devices.adb.phones import each_phone
from edgekd.errors import BadInput
from edgekd.target import Target


def target(*serials: str) -> Target:
    [found] = find_targets(["android-arm64-litert"])
    assert found.android is not None
    android = found.android.model_copy(update={"serials": serials})
    return found.model_copy(update={"android": android})


@pytest.mark.parametrize("serials", [(), ("R58M1",)])
def test_one_phone_is_the_target_itself(serials: tuple[str, ...]) -> None:
    assert each_phone(target(*serials)) == [target(*serials)]


def test_other_targets_stay_as_they_are() -> None:
    [host] = find_targets(["host-litert"])
    assert each_phone(host) == [host]


def test_each_phone_has_its_target() -> None:
    queue = each_phone(target("R58M1", "192.168.0.7:5555"))
    assert [one.name for one in queue] == [
        "android-arm64-litert-r58m1",
        "android-arm64-litert-192-168-0-7-5555",
    ]
    assert [one.android.serials for one in queue if one.android] == [
        ("R58M1",),
        ("192.168.0.7:5555",),
    ]
    for one in queue:
        assert Target.model_validate(one.model_dump()) == one


def test_a_phone_named_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="named twice"):
        each_phone(target("a", "a"))
