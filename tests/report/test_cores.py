"""Instructions are held against each other inside one core only."""

from __future__ import annotations

import pytest

from edgekd.report.cores import cores_note, families, family_of

from .firmware_sample import firmware_report
from .phone_sample import CORES, phone_report


@pytest.mark.parametrize(
    ("target", "family"),
    [
        ("cortex-m4-speed", "cortex-m4"),
        ("cortex-m4", "cortex-m4"),
        ("cortex-m33", "cortex-m33"),
        ("cortex-m4-speed-large", "cortex-m4"),
        ("other", "other"),
    ],
)
def test_a_variant_belongs_to_the_target_whose_name_it_extends(target: str, family: str) -> None:
    targets = {"cortex-m3", "cortex-m4", "cortex-m4-speed", target}

    assert family_of(target, targets) == family


def test_a_recorded_core_joins_the_targets_that_have_it() -> None:
    family = families(phone_report())

    assert {target: family[target] for target in CORES} == CORES
    assert family["host-litert"] == "host-litert"


@pytest.mark.parametrize("recorded", [None, "cortex-a76", {"cortex-m4": 7}, ["cortex-m4"]])
def test_without_a_recorded_core_only_variants_belong_together(recorded: object) -> None:
    report = firmware_report().model_copy(update={"facts": {"cores": recorded}})

    family = families(report)

    assert family["cortex-m4-speed"] == family["cortex-m4"] == "cortex-m4"
    assert family["ethos-u55-128"] == "ethos-u55-128"


def test_targets_of_several_cores_are_named_core_by_core() -> None:
    (note,) = cores_note(CORES, CORES)

    assert note.endswith(
        "Here: cortex-a53: phone-a53-litert; cortex-a76: phone-a76-litert, phone-a76-onnx."
    )
    assert cores_note(["phone-a76-litert", "phone-a76-onnx"], CORES) == []
