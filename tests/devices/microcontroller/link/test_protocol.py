"""Frames: whole ones come back, and nothing else gets through."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.devices.contract import Signature, TensorInfo
from edgekd.devices.microcontroller.link.payloads import decode_outputs, encode_inputs
from edgekd.devices.microcontroller.link.protocol import (
    MAX_PAYLOAD_BYTES,
    MAX_SKIPPED_BYTES,
    Answer,
    DamagedFrame,
    Fault,
    Frame,
    FrameType,
    Hello,
    encode_frame,
    parse_answer,
    parse_error,
    parse_fault,
    parse_hello,
    read_frame,
)
from edgekd.errors import BadInput, RunFailed

frames = st.builds(
    Frame, st.sampled_from(FrameType), st.integers(0, 2**32 - 1), st.binary(max_size=300)
)


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def tensor(
    name: bytes, shape: tuple[int, ...], size: int, kind: int = 1, scale: float = 0.5
) -> bytes:
    head = words(size, kind, len(shape), *shape) + struct.pack("<fi", scale, -3)
    return head + words(len(name)) + name


def hello_payload(*tensors: bytes, inputs: int = 1, version: int = 1) -> bytes:
    counts = words(version, 64, 4096, 1, inputs, len(tensors) - inputs)
    return counts + words(4) + b"core" + words(5) + b"image" + b"".join(tensors)


GOOD_HELLO = hello_payload(tensor(b"x", (1, 4), 4), tensor(b"y", (1, 2), 8, kind=4, scale=0.0))


@given(st.lists(frames, max_size=4), st.binary(max_size=20), st.integers(1, 7))
def test_frames_come_back_through_rubbish_and_short_reads(
    sent: list[Frame], rubbish: bytes, most: int
) -> None:
    clean = rubbish.replace(b"E", b"e")
    line = b"".join(clean + encode_frame(item.type, item.sequence, item.payload) for item in sent)
    stream = io.BytesIO(line)
    found = []
    while frame := read_frame(lambda size: stream.read(min(size, most))):
        found.append(frame)
    assert found == sent


@given(frames, st.data())
def test_a_damaged_frame_is_never_taken(frame: Frame, data: st.DataObject) -> None:
    whole = bytearray(encode_frame(frame.type, frame.sequence, frame.payload))
    bit = data.draw(st.integers(32, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedFrame):
        read_frame(io.BytesIO(whole).read)


@given(frames, st.data())
def test_a_cut_frame_is_never_taken(frame: Frame, data: st.DataObject) -> None:
    whole = encode_frame(frame.type, frame.sequence, frame.payload)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(DamagedFrame, match="cut short"):
        read_frame(io.BytesIO(cut).read)


def test_what_is_read_is_bounded() -> None:
    huge = b"EDGK" + words(FrameType.RUN_ANSWER, 1, MAX_PAYLOAD_BYTES + 1)
    with pytest.raises(DamagedFrame, match="claims"):
        read_frame(io.BytesIO(huge).read)
    asked = 0

    def endless(size: int) -> bytes:
        nonlocal asked
        asked += size
        return b"x" * size

    with pytest.raises(DamagedFrame, match="only rubbish"):
        read_frame(endless)
    assert asked <= 2 * MAX_SKIPPED_BYTES
    assert read_frame(io.BytesIO(b"").read) is None


def test_hello_is_read() -> None:
    hello = parse_hello(GOOD_HELLO)
    [image], [scores] = hello.signature.inputs, hello.signature.outputs
    assert image == TensorInfo(name="x", shape=[1, 4], dtype="int8", scale=0.5, zero_point=-3)
    assert scores == TensorInfo(name="y", shape=[1, 2], dtype="int32")
    assert (hello.core, hello.image) == ("core", "image")
    assert (hello.arena_bytes, hello.stack_limit_bytes) == (64, 4096)
    assert (hello.input_bytes, hello.output_bytes, hello.counts_cycles) == ((4,), (8,), True)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (hello_payload(tensor(b"x", (4,), 4), version=2), "version 2"),
        (hello_payload(tensor(b"x", (4,), 5)), "does not fit its shape"),
        (hello_payload(tensor(b"x", (2**31, 2**31), 0)), "does not fit its shape"),
        (hello_payload(tensor(b"x", (4,), 4, kind=9)), "unknown type"),
        (hello_payload(tensor(b"x", (1,) * 7, 1)), "unknown type or rank"),
        (hello_payload(tensor(b"x", (4,), 4, scale=float("nan"))), "no scale"),
        (hello_payload(tensor(b"x" * 2000, (4,), 4)), "too long"),
        (words(1, 64, 4096, 1, 2**31, 0) + words(0), "more inputs"),
        (GOOD_HELLO + b"x", "longer"),
    ],
)
def test_a_hello_that_does_not_hold_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(RunFailed, match=message):
        parse_hello(payload)


@given(st.binary(max_size=200))
def test_no_payload_crashes_a_parser(payload: bytes) -> None:
    hello = parse_hello(GOOD_HELLO)
    parsers: list[Callable[[bytes], object]] = [
        parse_hello,
        parse_fault,
        parse_error,
        lambda rest: parse_answer(rest, hello),
        lambda rest: parse_hello(GOOD_HELLO[: len(rest)] + rest),
    ]
    for parse in parsers:
        try:
            parse(payload)
        except RunFailed:
            continue


def test_answers_faults_and_errors_are_read() -> None:
    hello = parse_hello(GOOD_HELLO)
    assert parse_answer(words(120, 7, 1, 2), hello) == Answer(120, 7, words(1, 2))
    with pytest.raises(RunFailed, match="shorter"):
        parse_answer(words(120, 7, 1), hello)
    assert parse_fault(words(1, 2, 3, 4)) == Fault(1, 2, 3, 4)
    with pytest.raises(RunFailed, match="unknown error 77"):
        parse_error(words(77))


def test_samples_become_payloads_and_back() -> None:
    infos = [
        TensorInfo(name="a", shape=[1, 2], dtype="int8", scale=0.5, zero_point=1),
        TensorInfo(name="b", shape=[3], dtype="int16"),
    ]
    hello = Hello(
        1, "core", "image", 64, 4096, False, Signature(inputs=infos, outputs=infos), (2, 6), (2, 6)
    )
    first = np.array([[0.5, 1.0], [-1.0, 0.0]], np.float32)
    second = np.array([[1, 2, 3], [-4, 5, 6]], np.int16)
    payloads = encode_inputs(hello, [first, second])
    assert payloads[0] == struct.pack("<2b3h", 2, 3, 1, 2, 3)
    assert payloads[1] == struct.pack("<2b3h", -1, 1, -4, 5, 6)
    back = decode_outputs(hello, [Answer(0, 0, payload) for payload in payloads])
    np.testing.assert_array_equal(back[0], first)
    np.testing.assert_array_equal(back[1], second)
    with pytest.raises(BadInput, match="has 2 inputs, but 1 were given"):
        encode_inputs(hello, [first])
    with pytest.raises(BadInput, match="same number of samples"):
        encode_inputs(hello, [first, second[:1]])
    with pytest.raises(BadInput, match="at least one"):
        encode_inputs(hello, [first[:0], second[:0]])
