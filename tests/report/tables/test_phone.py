"""What a phone says of itself is shown as it said it."""

from __future__ import annotations

import pytest

from edgekd.records import DeviceFacts, Report
from edgekd.report.key_figures import key_figures
from edgekd.report.origin import Origin, phone_name
from edgekd.report.summary import TargetSection, target_sections
from edgekd.report.tables.ladder import targets_tables
from edgekd.report.tables.phone import phone_table, state_note, state_table
from edgekd.report.tables.target import performance_table

from ..phone_sample import NO_INT4, PHONE, THROTTLED, on_phone
from ..phone_sample import phone_report as build


@pytest.fixture(scope="module")
def phones() -> Report:
    """Host, emulated cores, a phone, a stand-in."""
    return build()


def _section(report: Report, target: str) -> TargetSection:
    return next(section for section in target_sections(report) if section.target == target)


def test_a_phone_has_its_facts(phones: Report) -> None:
    rows = {row.cells[0]: row.cells[1] for row in phone_table(_section(phones, ANDROID)).rows}

    assert rows == {
        "Maker": "Testmaker",
        "Model": "Imaginary 1",
        "Chip": "Unreal 900",
        "Android": "14 (API level 34)",
        "ABI": "arm64-v8a",
        "CPU features": "fp, asimd, aes, asimddp, i8mm",
        "Memory page": "4.00 KiB",
        "App": "edgekd-demo 1.0",
        "Runtime": "2.3.4",
        "Delegate": "xnnpack",
    }


ANDROID = "android-arm64-litert"


def test_its_state_stands_beside_every_rung(phones: Report) -> None:
    table = state_table(_section(phones, ANDROID))
    rows = {row.cells[0]: row for row in table.rows}

    assert [column.heading for column in table.columns] == [
        *("Rung", "Status", "Headroom", "Battery", "Charge", "Plugged in"),
        *("Governor", "Fixed performance"),
    ]
    assert rows["distilled-int8"].cells[1:] == [
        *("0 (none)", "0.42", "31.4 °C", "81%", "yes"),
        *("schedutil (policy0, policy4); performance (policy7)", "yes"),
    ]
    assert rows["distilled-int8-qat"].cells[1:4] == ["2 (moderate)", "0.42", "41.9 °C"]
    assert rows["distilled-int8-qat"].state == "invalid"
    assert "0 none, 1 light" in state_note(_section(phones, ANDROID))


def test_what_a_phone_does_not_tell_is_left_out() -> None:
    silent = build()
    measurements = [
        found.model_copy(update={"device_facts": DeviceFacts()})
        for found in silent.measurements
        if found.target == ANDROID
    ]
    section = _section(silent.model_copy(update={"measurements": measurements}), ANDROID)

    assert phone_table(section).rows == []
    assert state_table(section).rows == []
    assert state_note(section) == ""


def test_load_times_and_billed_memory_are_shown_where_a_phone_tells_them(phones: Report) -> None:
    told = {"Load, ms: Cold", "Load, ms: Warm", "Memory: PSS"}
    for section in target_sections(phones):
        table = performance_table(section)
        shown = {f"{column.group}: {column.heading}" for column in table.columns} & told
        phone = section.kind == "device"
        stand_in = section.origin is not None and section.origin.stand_in
        assert shown == (told if phone and not stand_in else {"Memory: PSS"} if phone else set())

    table = performance_table(_section(phones, ANDROID))
    headings = [column.heading for column in table.columns]
    teacher = table.rows[0].cells
    assert float(teacher[headings.index("Cold")]) > float(teacher[headings.index("Warm")]) > 0
    assert teacher[headings.index("PSS")] == "49.6 MiB"


def test_nothing_is_said_of_phones_where_there_is_none(phones: Report) -> None:
    for target in ("host-litert", "phone-a76-litert"):
        section = _section(phones, target)
        assert phone_table(section).rows == state_table(section).rows == []


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (PHONE, "Testmaker Imaginary 1 (Unreal 900)"),
        (DeviceFacts(manufacturer="Acme", model="acme Ten"), "acme Ten"),
        (DeviceFacts(model="Ten"), "Ten"),
        (DeviceFacts(soc="Chip"), "Chip"),
        (DeviceFacts(), ""),
    ],
)
def test_a_phone_is_named_without_saying_things_twice(facts: DeviceFacts, name: str) -> None:
    assert phone_name(facts) == name


def test_two_phones_never_share_a_section() -> None:
    report = build()
    other = PHONE.model_copy(update={"model": "Imaginary 2"})
    rung = report.rungs[-1]
    both = report.model_copy(
        update={"measurements": [on_phone(rung, ANDROID, PHONE), on_phone(rung, ANDROID, other)]}
    )

    sections = [section for section in target_sections(both) if section.target == ANDROID]

    assert [section.phone for section in sections] == [
        "Testmaker Imaginary 1 (Unreal 900)",
        "Testmaker Imaginary 2 (Unreal 900)",
    ]
    assert len(targets_tables(both)) == 2


def test_what_a_stand_in_said_is_no_key_figure(phones: Report) -> None:
    measured = [found for found in phones.measurements if found.target == "android-arm64-onnx"]
    alone = phones.model_copy(update={"measurements": measured})

    assert [figure.label for figure in key_figures(alone)] == ["Student parameters"]
    assert _section(alone, "android-arm64-onnx").origin == Origin(
        "device", stand_in=True, phone="edgekd stand-in"
    )


def test_a_throttled_rung_gives_its_reason_and_no_ratio(phones: Report) -> None:
    table = performance_table(_section(phones, ANDROID))
    headings = [f"{column.group}: {column.heading}" for column in table.columns]
    rows = {row.cells[0]: row for row in table.rows}
    throttled = dict(zip(headings, rows["distilled-int8-qat"].cells, strict=True))

    assert rows["distilled-int8-qat"].state == "invalid"
    assert rows["distilled-int8-qat"].note == THROTTLED
    assert throttled["Latency, ms: Speed-up"] == "\N{EN DASH}"
    assert rows["distilled-int4"].note == NO_INT4
    assert not [found for found in key_figures(phones) if "qat on android" in found.note]


def test_a_sample_of_the_test_set_is_in_sight(phones: Report) -> None:
    table = performance_table(_section(phones, ANDROID))
    index = [column.heading for column in table.columns].index("Samples")
    assert table.rows[0].cells[index] == "200 of 1,000"

    (ladder,) = [table for table in targets_tables(phones) if table.made == "device"]
    assert ladder.rows[0].cells[1] == "99.30% on 200 of 1,000"
    assert any("on a part of the test samples" in note for note in ladder.notes)
    (best,) = [figure for figure in key_figures(phones) if "android" in figure.note]
    assert "on 200 of 1,000 test samples" in best.note


def test_instructions_of_two_cores_come_with_a_warning(phones: Report) -> None:
    (emulated,) = [table for table in targets_tables(phones) if table.made == "emulated"]

    assert "cortex-a53: phone-a53-litert; cortex-a76: phone-a76-litert" in emulated.notes[0]
    labels = [figure.label for figure in key_figures(phones)]
    assert [label for label in labels if "instructions" in label] == [
        "Fewest instructions, cortex-a53",
        "Fewest instructions, cortex-a76",
    ]
