"""Reports of many origins, where each figure begins with the digit of its origin."""

from __future__ import annotations

from hypothesis import strategies as st

from edgekd.records import (
    DeviceFacts,
    Latency,
    Loss,
    MeasuredAccuracy,
    Measurement,
    Memory,
    Report,
    VsTeacher,
)

RUNGS = ("teacher-fp32", "distilled-fp32", "distilled-int8")
TARGETS = ("one", "two", "three")
PHONE = DeviceFacts(model="Imaginary 1")
OTHER_PHONE = DeviceFacts(model="Imaginary 2")
STAND_IN = DeviceFacts(model="Imaginary 1", stand_in=True)

# Digit: how it is made, what the phone says, what must stand beside each figure.
ORIGINS = {
    "1": ("estimate", None, "estimate"),
    "2": ("device", PHONE, "device"),
    "3": ("device", OTHER_PHONE, "device"),
    "4": ("device", STAND_IN, "device, STAND-IN"),
    "5": ("emulated", None, "emulated"),
    "6": ("host", None, "host"),
}


@st.composite
def mixed_reports(draw: st.DrawFn) -> Report:
    """Up to eight measurements of any rungs, targets and origins, valid or not."""
    cells = st.tuples(
        st.sampled_from(RUNGS),
        st.sampled_from(TARGETS),
        st.sampled_from(sorted(ORIGINS)),
        st.integers(1, 8),
        st.booleans(),
        st.booleans(),
    )
    measurements = [_measurement(*cell) for cell in draw(st.lists(cells, min_size=1, max_size=8))]
    losses = [
        Loss(stage="distillation", points=1.5, rung=found.rung, target=found.target)
        for found in measurements
    ]
    return Report(
        recipe="mixed",
        seeds=[0],
        environment={},
        rungs=[],
        measurements=measurements,
        losses=losses,
        facts={"cores": {"one": "cortex-a53", "two": "cortex-a76"}},
    )


def _measurement(
    rung: str, target: str, digit: str, rest: int, valid: bool, sampled: bool
) -> Measurement:
    kind, facts, _ = ORIGINS[digit]
    first = int(digit)
    holds = valid and not (facts and facts.stand_in)
    timed = kind != "emulated"
    figure = first + rest / 10
    return Measurement.model_validate(
        {
            "rung": rung,
            "target": target,
            "format": "tflite",
            "precision": "int8",
            "device": "any",
            "artifact": "any",
            "sha256": "00",
            "kind": kind,
            "valid": holds,
            "reasons": [] if holds else ["disturbed"],
            "accuracy": MeasuredAccuracy(
                value=figure / 10,
                n=first * 1000 + rest,
                sampled_from=first * 10_000 if sampled else None,
            ),
            "latency_ms": Latency(p50=figure, p90=figure, p99=figure, n=1000, warmup=1)
            if timed
            else None,
            "instructions": first * 1_000_000 + rest if kind == "emulated" else None,
            # At a clock of 1,050 MHz, which begins with the digit of estimates too.
            "cycles": round(figure * 1_050_000) if kind == "estimate" else None,
            "memory": Memory(
                peak_rss_bytes=_kibi(figure),
                ram_bytes=_kibi(figure),
                flash_bytes=_kibi(figure),
                model_bytes=_kibi(figure),
            ),
            # Of every sort, to see that each kind shows only what it may claim.
            "vs_teacher": VsTeacher(
                accuracy_retained=figure / 10,
                speedup=figure,
                instructions_ratio=figure,
                size_ratio=figure,
                memory_ratio=figure,
            ),
            "device_facts": facts,
        }
    )


def _kibi(figure: float) -> int:
    return round(figure * 1024)
