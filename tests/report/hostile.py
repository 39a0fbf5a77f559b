"""Reports whose every string is chosen by hypothesis, markup and control characters included."""

from __future__ import annotations

from hypothesis import strategies as st

from edgekd.records import (
    Latency,
    Loss,
    MeasuredAccuracy,
    Measurement,
    Memory,
    Parity,
    ParityStep,
    Preflight,
    Report,
    Rung,
    RungAccuracy,
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
    accuracy = RungAccuracy(metric=text, value=0.9, ci95=(0.8, 0.95), n=10, per_seed=[0.9])
    return Report(
        recipe=text,
        seeds=[0],
        environment={"date": other, text: other, "nested": {other: [text, {other: None}]}},
        rungs=[Rung(name=text, precision="fp32", parameters=1, macs=1, bytes=1, accuracy=accuracy)],
        measurements=[
            _measurement(text, other, valid=True),
            _measurement(other, text, valid=False),
        ],
        unavailable=[
            UnavailableCell(rung=other, target=text, format="c", precision="int4", reason=text)
        ],
        verdict=Verdict(
            distillation_worth_it=False, gain=-0.01, ci95=(-0.02, 0), why=text, teacher_labels=other
        ),
        losses=[Loss(stage=other, points=1.5, rung=text, target=other)],
        facts={text: {other: [1.5, True, None]}},
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
