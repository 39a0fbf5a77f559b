"""Records whose every string is chosen by hypothesis, markup and control characters included."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

from hypothesis import strategies as st

from edgekd.records import (
    ArtifactScore,
    Candidate,
    Cost,
    DeviceFacts,
    Fit,
    Generation,
    LanguageScore,
    Latency,
    Layer,
    Lead,
    Library,
    Loss,
    MeasuredAccuracy,
    Measurement,
    Memory,
    MemoryBlock,
    MemoryMap,
    Parity,
    ParityStep,
    Preflight,
    Profile,
    PromptFigures,
    Report,
    Rung,
    RungAccuracy,
    Sweep,
    SweepPoint,
    UnavailableCell,
    Verdict,
)

MARKUP = (
    '<script>alert("x")</script>',
    "</title></style></svg><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}{% raw %}",
    "a|b\\|c`d`*e*_f_[g](javascript:x)![h](i)~~j~~",
    "$\\frac{1}{2}$ $unclosed",
    "# 1. - + > line\nnext\r\n\x00\x0b\x1b[31m\ud800\u202e\ufffe",
    "fill: #fe0100; &amp; &#60; ]]> -->",
    "名前 🙂 עברית",
    "_hidden",
    "x" * 200,
    "",
)

hostile_text = st.one_of(
    st.sampled_from(MARKUP),
    st.text(st.characters(), max_size=40),
    st.text('<>&"`|$\\_*[](){}#~!', max_size=12),
)


def hostile_report(text: str, other: str) -> Report:
    """A report with a rung, a valid and an invalid measurement, and these strings everywhere."""
    accuracy = _accuracy(text)
    return Report(
        recipe=text,
        seeds=[0],
        environment={"date": other, text: other, "nested": {other: [text, {other: None}]}},
        rungs=[
            Rung(
                name=text,
                precision="fp32",
                parameters=1,
                macs=1,
                bytes=1,
                accuracy=accuracy,
                language=score(),
            )
        ],
        measurements=[
            _measurement(text, other, valid=True),
            _measurement(other, text, valid=False),
            _firmware(text, other),
            _phone(text, other),
            _answering(text, other),
        ],
        unavailable=[
            UnavailableCell(rung=other, target=text, format="c", precision="int4", reason=text)
        ],
        verdict=Verdict(
            distillation_worth_it=False, gain=-0.01, ci95=(-0.02, 0), why=text, teacher_labels=other
        ),
        losses=[Loss(stage=other, points=1.5, rung=text, target=other)],
        facts={
            text: {other: [1.5, True, None]},
            "cores": {text: other},
            "training": {
                text: {"validation_nll": [[0, 5.0], [10, 4.0]], other: text},
                other: {"validation_nll": [[0, text]]},
                f"2{other}": {"validation_nll": [[0, 5.0], [10, 4.5]]},
            },
        },
    )


def _measurement(text: str, other: str, *, valid: bool) -> Measurement:
    step = ParityStep(
        step=text, against=other, max_abs=0, sqnr_db=None, top1_agreement=1, n=1, diverged=False
    )
    return Measurement(
        rung=text,
        target=other,
        format="tflite",
        precision="fp32",
        device=text,
        artifact=other,
        sha256=text,
        kind="host",
        valid=valid,
        reasons=[text, other],
        accuracy=MeasuredAccuracy(value=0.9, n=10),
        parity=Parity(
            against=text,
            max_abs=0,
            sqnr_db=None,
            top1_agreement=1,
            n=1,
            steps=[step],
            first_divergence=other,
        ),
        latency_ms=Latency(p50=1, p90=None, p99=None, n=1, warmup=0),
        memory=Memory(model_bytes=1000),
        preflight=Preflight(
            operators={text: 1}, delegated=0, undelegated={text: 1, other: 2}, notes=[text, other]
        ),
    )


def _firmware(text: str, other: str) -> Measurement:
    block = MemoryBlock(
        name=text, kind="tensor", first=-1, last=1, offset=0, bytes=8, overlaid_on=[other]
    )
    costs = [Cost(name=text, instructions=2), Cost(name=other, instructions=1)]
    return Measurement(
        rung=text,
        target=text,
        format="c",
        precision="int8",
        device=text,
        artifact=other,
        sha256=text,
        kind="emulated",
        valid=True,
        instructions=3,
        memory=Memory(flash_bytes=10, ram_bytes=10),
        library=Library(
            layers=[Layer(name=text, kernel=other, macs=1)],
            passes=[text, other],
            memory_map=MemoryMap(
                steps=[text, other], blocks=[block], arena_bytes=8, lower_bound=8, peak_step=1
            ),
        ),
        profile=Profile(
            counted_by=other,
            layers=costs,
            functions=costs,
            flash={text: 6, f"2{other}": 4},
            ram={other: 10},
        ),
        assumptions=[text, other],
    )


def score() -> LanguageScore:
    """Of any language model."""
    return LanguageScore(
        tokens=10,
        nll=4,
        nll_ci95=(3.9, 4.1),
        perplexity=54.6,
        nll_per_byte=1,
        accuracy=0.9,
        agreement=0.5,
    )


def _answering(text: str, other: str) -> Measurement:
    figures = PromptFigures(
        prompt_tokens=4,
        answer_tokens=2,
        time_to_first_token_ms=1,
        prefill_tokens_per_second=1,
        decode_tokens_per_second=1,
        repetitions=1,
        warmup=0,
    )
    return Measurement(
        rung=other,
        target=text,
        format="onnx",
        precision="int8",
        device=text,
        artifact=other,
        sha256=text,
        kind="host",
        valid=True,
        accuracy=MeasuredAccuracy(value=0.9, n=10),
        memory=Memory(model_bytes=1000),
        generation=Generation(threads=1, by_prompt=[figures], notes=[text, other], samples=text),
        language=ArtifactScore(tokens=10, nll=1e308, torch_nll=-1e308, accuracy=0.9),
    )


def hostile_sweep(text: str, other: str, *, keys: int) -> Sweep:
    """A full grid over up to three keys, whose names and values are these strings."""
    over: dict[str, Any] = {text: [text, other], f"2{other}": [other, 1, None], f"3{text}": [text]}
    over = dict(list(over.items())[:keys])
    settings = [dict(zip(over, values, strict=True)) for values in product(*over.values())]
    points = [_point(values, text, "finished") for values in settings]
    points[-1] = _point(settings[-1], text, "stopped")
    return Sweep(
        recipe=text,
        seeds=[0],
        metric=text,
        over=over,
        environment={"date": other, text: [other, {other: text}]},
        teacher=_accuracy(text),
        control=_accuracy(other),
        points=points,
        best=0,
        lead=Lead(over=settings[-1], gain=0, ci95=(0, 0), beyond_noise=False),
        why=other,
        teacher_seconds=0,
        student_seconds=0,
    )


def hostile_fit(text: str, other: str) -> Fit:
    """A candidate that is chosen and one that is refused for these reasons."""
    chosen = Candidate(
        values={text: other, other: text},
        prune=0.5,
        precision="int8",
        parameters=1,
        macs=1,
        flash_bytes=1000,
        ram_bytes=1000,
        validation=0.9,
        accuracy=_accuracy(text),
    )
    refused = chosen.model_copy(
        update={"validation": None, "accuracy": None, "refused": [text, other]}
    )
    return Fit(
        recipe=text,
        seed=0,
        metric=other,
        environment={"date": text, other: {text: other}},
        budget={"flash_bytes": 2000, "accuracy": 0.8},
        candidates=[chosen, refused],
        chosen=0,
        binding=text,
        why=text,
    )


def _phone(text: str, other: str) -> Measurement:
    return Measurement(
        rung=other,
        target=text,
        format="onnx",
        precision="int8",
        device=text,
        artifact=other,
        sha256=text,
        kind="device",
        valid=False,
        reasons=[other],
        accuracy=MeasuredAccuracy(value=0.9, n=10, sampled_from=20),
        latency_ms=Latency(p50=1, p90=None, p99=None, n=3, warmup=0, samples=text),
        device_facts=DeviceFacts(
            manufacturer=text,
            model=other,
            soc=text,
            android_version=other,
            abi=text,
            cpu_features=[text, other],
            governor={text: other, other: text},
            stand_in=True,
        ),
    )


def _accuracy(metric: str) -> RungAccuracy:
    return RungAccuracy(metric=metric, value=0.9, ci95=(0.8, 0.95), n=10, per_seed=[0.9])


def _point(
    values: dict[str, Any], metric: str, state: Literal["finished", "stopped"]
) -> SweepPoint:
    accuracy = _accuracy(metric) if state == "finished" else None
    return SweepPoint(values=values, state=state, validation=[0.9], accuracy=accuracy)
