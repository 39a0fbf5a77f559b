"""Tables on standard output show what each kind of figure may claim, and keep kinds apart."""

from __future__ import annotations

import pytest

from edgekd.cli.tables import print_measurements, print_report
from edgekd.report.cores import CORES_NOTE
from tests.report.firmware_sample import (
    INT8,
    INVALID,
    NO_WAIT_STATES,
    NOT_RUN_REASON,
    QAT,
    TIMING_TABLE,
    emulated,
    estimated,
    firmware_report,
)
from tests.report.language_sample import language_report
from tests.report.phone_sample import phone_report
from tests.report.sample import sample_report

HOST_HEADINGS = "target rung kind accuracy agreement p50 ms file RAM added speed-up"


def _lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─")]


def test_a_host_alone_has_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_measurements(sample_report().measurements[:7])

    lines = _lines(capsys)
    assert (
        " ".join(lines[0]) == "target rung kind accuracy agreement p50 ms file RAM added speed-up"
    )
    assert len(lines) == 8
    assert lines[1][:2] == ["host-litert", "teacher-fp32"]


def test_kinds_have_tables_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    print_measurements(firmware_report().measurements)

    lines = [" ".join(line) for line in _lines(capsys)]
    heads = {line: lines[index + 1] for index, line in enumerate(lines) if line.endswith(":")}
    assert heads == {
        "host:": HOST_HEADINGS,
        "emulated:": "target rung kind accuracy instructions flash RAM arena stack",
        "estimate:": "target rung kind cycles estimated ms flash RAM arena file",
    }
    assert f"cortex-m4 {INT8} emulated 96.80% 579,679 37,964 B 12,880 B 8,784 B 292 B" in lines
    assert f"cortex-m4 {INT8} estimate 869,518 10.8690 - - - -" in lines
    assert f"ethos-u55-128 {INT8} estimate 89,708 - 35,696 B 22,192 B 22,192 B 53,936 B" in lines
    assert f"executorch-ethos-u55 {INT8} estimate - - - - - 12,345 B not run" in lines


def test_a_stand_in_has_a_table_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    print_measurements(phone_report().measurements)

    lines = [" ".join(line) for line in _lines(capsys)]
    heads = [line for line in lines if line.endswith(":")]
    assert heads == [
        *("host:", "emulated:", "device, Testmaker Imaginary 1 (Unreal 900):"),
        "device, STAND-IN, edgekd stand-in:",
    ]
    for line in lines:
        if line.startswith("android-arm64-onnx"):
            assert " device, STAND-IN 9" in line
        if line.startswith("android-arm64-litert"):
            assert "% on 200 of 1,000" in line
    (counted,) = [line for line in lines if line.startswith("phone-a76-litert teacher-fp32")]
    assert "emulated 99.30% 7,426,905 1.0x" in counted
    assert CORES_NOTE in lines


def test_estimates_come_with_their_model_and_assumptions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = emulated(INT8, "cortex-m4")
    second = emulated(QAT, "cortex-m4", faster=0.5)
    print_measurements([first, estimated(first), second, estimated(second)])

    printed = capsys.readouterr().out.splitlines()
    assert f"cortex-m4: estimated by {TIMING_TABLE}" in printed
    assert f"cortex-m4: assumed: {NO_WAIT_STATES}" in printed
    (extremes,) = [line for line in printed if "869509" in line]
    assert extremes.startswith(f"{INT8} on cortex-m4: assumed: between")


def test_a_reason_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    print_measurements(firmware_report().measurements)

    printed = capsys.readouterr().out.splitlines()
    assert printed.count(f"invalid: {QAT} on cortex-m4: {INVALID}") == 1
    assert f"not run: {INT8} on executorch-ethos-u55: {NOT_RUN_REASON}" in printed


def test_a_language_model_has_perplexity_and_tokens_a_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_report(language_report())

    lines = [" ".join(line) for line in _lines(capsys)]
    assert lines[0] == "rung parameters weights accuracy (torch) 95 % interval" + (
        " perplexity nats a token"
    )
    (head,) = [line for line in lines if line.startswith("target")]
    assert head == (
        "target rung kind accuracy perplexity first token ms prefill tokens/s decode tokens/s"
        " file RAM added decode speed-up"
    )
    assert (
        "host-executorch distilled-int4 host 29.60% 58.56 43.2 370 61.7"
        " 45,504,096 B 45,500,000 B 5.5x" in lines
    )
    assert not [line for line in lines if "None" in line]


def test_nothing_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_measurements([])

    assert capsys.readouterr().out == ""
