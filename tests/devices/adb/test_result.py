"""What a phone sends is a whole, strict, bounded result of this run, or an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from edgekd.devices.adb.problems import shown
from edgekd.devices.adb.result import (
    MAX_RESULT_BYTES,
    SCHEMA_FILE,
    json_schema,
    parse_result,
    schema_text,
)
from edgekd.errors import RunFailed

RUN = "0123456789abcdef" * 2
BASE: dict[str, Any] = {
    "schema": 1,
    "run_id": RUN,
    "pass": "latency",
    "application": "app 1",
    "engine": {"name": "litert", "version": "1.4.0", "delegate": "XNNPACK"},
    "model_sha256": "0" * 64,
    "threads": 1,
    "load_ms": {"cold": 10, "warm": 1.5},
    "latency_ms": {"p50": 2.0, "p90": None, "n": 3, "warmup": 1, "samples": [1, 2.0, 3.5]},
    "device": {"soc": "X", "cpu_features": ["asimd"], "page_bytes": 16384},
    "conditions": {"thermal_status": 0, "thermal_headroom": 0.4, "foreground": True},
}
ERROR = {"reason": "model", "message": "truncated"}
BAD: tuple[dict[str, Any], ...] = (
    {"schema": 2},
    {"schema": "1"},
    {"run_id": RUN.upper()},
    {"pass": "power"},
    {"pass": "memory"},
    {"application": "x" * 201},
    {"engine": {"name": "tensorflow"}},
    {"model_sha256": None},
    {"engine": None},
    {"threads": None},
    {"pass": None},
    {"threads": True},
    {"threads": 0},
    {"extra": 1},
    {"pass_": "latency"},
    {"error": ERROR},
    {"error": {"reason": "bad luck", "message": ""}},
    {"latency_ms": None},
    {"latency_ms": {**BASE["latency_ms"], "n": 2}},
    {"latency_ms": {**BASE["latency_ms"], "samples": [1, 2, "3"]}},
    {"latency_ms": {**BASE["latency_ms"], "samples": [1, 2, -3]}},
    {"latency_ms": {**BASE["latency_ms"], "samples": [1, 2, float("nan")]}},
    {"latency_ms": {**BASE["latency_ms"], "samples": [1, 2, float("inf")]}},
    {"conditions": {"thermal_status": 7}},
)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_whole_result() -> None:
    result = parse_result(encoded(BASE), RUN)
    assert result.latency_ms is not None
    assert result.latency_ms.samples == [1.0, 2.0, 3.5]
    assert result.load_ms is not None
    assert result.load_ms.cold == 10


@pytest.mark.parametrize("pass_", ["latency", "memory", "outputs"])
def test_an_error_with_its_reason(pass_: str) -> None:
    value = {**BASE, "pass": pass_, "error": ERROR, "latency_ms": None, "model_sha256": None}
    result = parse_result(encoded(value), RUN)
    assert result.error is not None
    assert result.error.reason == "model"


def test_an_error_need_not_repeat_what_was_wrong_in_the_intent() -> None:
    names = ("schema", "run_id", "application")
    error = {"reason": "request", "message": "there is no engine 'tensorflow'"}
    result = parse_result(encoded({**{name: BASE[name] for name in names}, "error": error}), RUN)
    assert result.error is not None
    assert (result.pass_, result.engine, result.threads) == (None, None, None)


@pytest.mark.parametrize("change", BAD, ids=str)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RunFailed, match="no whole result"):
        parse_result(encoded({**BASE, **change}), RUN)


def test_the_result_of_another_run_is_refused() -> None:
    with pytest.raises(RunFailed, match="another run"):
        parse_result(encoded(BASE), "f" * 32)


def test_what_a_shell_says_instead_is_shown() -> None:
    with pytest.raises(RunFailed, match="run-as: unknown package"):
        parse_result(b"run-as: unknown package: dev.edgekd.demo\n", RUN)


def test_what_a_phone_says_is_shown_as_one_short_line() -> None:
    hostile = "a\x1b[2J\n\u202e" * 100_000
    with pytest.raises(RunFailed) as raised:
        parse_result(encoded({**BASE, hostile: 1}), RUN)
    told = str(raised.value)
    assert len(told) < 600
    assert told.isprintable()


@given(st.text(max_size=3000))
def test_any_text_is_shown_so(text: str) -> None:
    assert shown(text).isprintable() or not shown(text)
    assert len(shown(text)) <= 200


def test_more_than_the_bound_is_not_parsed() -> None:
    with pytest.raises(RunFailed, match="larger"):
        parse_result(b" " * (MAX_RESULT_BYTES + 1), RUN)


@given(st.integers(0, len(encoded(BASE)) - 1))
def test_a_result_cut_short_is_refused(length: int) -> None:
    with pytest.raises(RunFailed, match="no whole result"):
        parse_result(encoded(BASE)[:length], RUN)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(RunFailed):
        parse_result(data, RUN)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_field_of_another_kind_is_refused(value: Any) -> None:
    with pytest.raises(RunFailed):
        parse_result(encoded({**BASE, "latency_ms": value}), RUN)


def test_the_schema_file_is_that_of_the_model() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "write edgekd.devices.adb.result.schema_text() to result.schema.json"
    )


def test_the_schema_takes_what_the_model_takes() -> None:
    Draft202012Validator.check_schema(json_schema())
    validator = Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert validator.is_valid(BASE)
    # What a schema cannot say: sums, and the link between pass and content.
    beyond = ("pass", "error", "model_sha256", "latency_ms", "engine", "threads")
    for change in BAD:
        if not set(change) & set(beyond):
            assert not validator.is_valid({**BASE, **change}), change
