"""A report as a run of a language model leaves it: five rungs on two targets of the host.

Nothing here was measured: these are a test's records.
"""

from __future__ import annotations

import math

from edgekd.records import (
    ArtifactScore,
    CountedCall,
    CountedGeneration,
    FirstDifference,
    Generation,
    GreedyComparison,
    LanguageScore,
    MeasuredAccuracy,
    Measurement,
    Memory,
    Parity,
    ParityStep,
    Precision,
    PromptFigures,
    Report,
    Rung,
    RungAccuracy,
    UnavailableCell,
    Verdict,
    VsTeacher,
)

TEACHER, CONTROL, STUDENT = "teacher-fp32", "scratch-fp32", "distilled-fp32"
INT8, INT4 = "distilled-int8", "distilled-int4"
EXECUTORCH, ONNX = "host-executorch", "host-onnx"
PHONE = "phone-a76-executorch"
TEST_TOKENS, SCORED = 34_816, 512
NO_INT4 = "this format has no int4 embedding"
DIVERGES = "parity: host-onnx diverges from torch-int8"
LEFT_OUT = "a prompt of 512 tokens does not fit the cache of 256"

# name: precision, parameters, bytes, nats a token, accuracy, agreement, tokens decoded a second
_RUNGS: dict[str, tuple[Precision, int, int, float, float, float | None, float]] = {
    TEACHER: ("fp32", 134_515_008, 538_060_032, 3.35, 0.372, None, 11.2),
    CONTROL: ("fp32", 63_100_000, 252_400_000, 4.63, 0.241, 0.402, 26.4),
    STUDENT: ("fp32", 63_100_000, 252_400_000, 4.02, 0.301, 0.523, 26.4),
    INT8: ("int8", 63_100_000, 63_100_000, 4.025, 0.3, 0.521, 55.1),
    INT4: ("int4", 63_100_000, 45_500_000, 4.06, 0.296, 0.512, 61.7),
}
_CURVES = {
    TEACHER: [[0, 3.61], [30, 3.42], [60, 3.36], [120, 3.37]],
    CONTROL: [[0, 7.9], [400, 4.75], [800, 4.66], [1200, 4.81], [1600, 5.12]],
    STUDENT: [[0, 7.9], [400, 4.5], [800, 4.2], [1200, 4.08], [1600, 4.05]],
    INT4: [[0, 4.31], [100, 4.1], [200, 4.08], [300, 4.09]],
}


def language_report() -> Report:
    """INT4 not available as ONNX, one file that diverges, one length of prompt left out."""
    rungs = [_rung(name) for name in _RUNGS]
    measurements = [
        _measurement(rung, target)
        for target in (EXECUTORCH, ONNX)
        for rung in rungs
        if (rung.name, target) != (INT4, ONNX)
    ]
    return Report(
        recipe="assistant",
        seeds=[0],
        environment={"date": "2026-11-22T18:41:07+00:00", "machine": {"cores": 2}},
        rungs=rungs,
        measurements=measurements,
        unavailable=[
            UnavailableCell(rung=INT4, target=ONNX, format="onnx", precision="int4", reason=NO_INT4)
        ],
        verdict=Verdict(
            distillation_worth_it=True,
            gain=0.06,
            ci95=(0.053, 0.067),
            why="nats a token: control 4.630, student 4.020, teacher 3.350",
        ),
        facts={
            "data": {"source": "text", "tokens": {"test": TEST_TOKENS}},
            "training": {
                name: {
                    "steps": curve[-1][0] if curve else None,
                    "best_step": min(curve, key=lambda point: point[1])[0] if curve else None,
                    "validation_nll": curve,
                }
                for name in _RUNGS
                for curve in [_CURVES.get(name, [])]
            },
            "gap_closed": {"share": 0.4766, "ci95": [0.461, 0.4921]},
            "teacher_outputs": {"logits_of_each_token": 64, "bytes": 123_456_789},
        },
    )


def with_phone(report: Report) -> Report:
    """The same with an emulated phone: INT8 diverges there, and INT4 takes chunks of 32."""
    counts = {TEACHER: 2_000_000, STUDENT: 500_000, INT8: 250_000, INT4: 125_000}
    counted = []
    for rung, decode in counts.items():
        tokens, valid = 32 if rung == INT4 else 16, rung != INT8
        prefill = round(decode * 0.6) * tokens
        counted.append(
            Measurement(
                rung=rung,
                target=PHONE,
                format="executorch",
                precision=_RUNGS[rung][0],
                device="qemu-arm64",
                artifact=f"artifacts/{PHONE}/{rung}/model",
                sha256="57" * 32,
                kind="emulated",
                valid=valid,
                reasons=[] if valid else [DIVERGES],
                parity=_parity(PHONE, diverged=not valid),
                instructions=decode,
                memory=Memory(ram_bytes=_RUNGS[rung][2], model_bytes=_RUNGS[rung][2]),
                counted=CountedGeneration(
                    prefill=CountedCall(tokens=tokens, position=0, instructions=prefill),
                    decode=CountedCall(tokens=1, position=16, instructions=decode),
                ),
                vs_teacher=VsTeacher(
                    instructions_ratio=counts[TEACHER] / decode if valid else None
                ),
            )
        )
    return report.model_copy(update={"measurements": [*report.measurements, *counted]})


def _rung(name: str) -> Rung:
    precision, parameters, size, nll, accuracy, agreement, _ = _RUNGS[name]
    return Rung(
        name=name,
        precision=precision,
        parameters=parameters,
        macs=None,
        bytes=size,
        accuracy=RungAccuracy(
            metric="next-token",
            value=accuracy,
            ci95=(accuracy - 0.01, accuracy + 0.01),
            n=TEST_TOKENS,
            per_seed=[accuracy],
        ),
        language=LanguageScore(
            tokens=TEST_TOKENS,
            nll=nll,
            nll_ci95=(nll - 0.03, nll + 0.03),
            perplexity=math.exp(nll),
            nll_per_byte=nll / 3.1,
            accuracy=accuracy,
            agreement=agreement,
        ),
    )


def _measurement(rung: Rung, target: str) -> Measurement:
    assert rung.bytes
    assert rung.language
    teacher = _RUNGS[TEACHER]
    speed = _RUNGS[rung.name][-1] * (1.0 if target == EXECUTORCH else 0.8)
    valid = (rung.name, target) != (INT8, ONNX)
    quantized = rung.precision != "fp32"
    ratios = VsTeacher(
        accuracy_retained=rung.language.accuracy / teacher[4],
        speedup=_RUNGS[rung.name][-1] / teacher[-1],
        size_ratio=teacher[2] / rung.bytes,
        memory_ratio=teacher[2] / rung.bytes,
    )
    return Measurement(
        rung=rung.name,
        target=target,
        format="executorch" if target == EXECUTORCH else "onnx",
        precision=rung.precision,
        device="host",
        artifact=f"artifacts/{target}/{rung.name}/model",
        sha256="56" * 32,
        kind="host",
        valid=valid,
        reasons=[] if valid else [DIVERGES],
        accuracy=MeasuredAccuracy(value=rung.language.accuracy, n=SCORED),
        parity=_parity(target, diverged=not valid),
        memory=Memory(
            peak_rss_bytes=rung.bytes * 2, ram_bytes=rung.bytes, model_bytes=rung.bytes + 4096
        ),
        vs_teacher=ratios if valid else VsTeacher(),
        seed=0,
        generation=Generation(
            threads=1,
            by_prompt=[_figures(16, speed), _figures(128, speed * 0.9)],
            notes=[LEFT_OUT],
        ),
        language=ArtifactScore(
            tokens=SCORED,
            nll=rung.language.nll + (0.01 if quantized else 0.0),
            torch_nll=rung.language.nll,
            accuracy=rung.language.accuracy,
            greedy=_greedy(quantized, diverged=not valid),
        ),
    )


def _figures(prompt: int, speed: float) -> PromptFigures:
    return PromptFigures(
        prompt_tokens=prompt,
        answer_tokens=32,
        time_to_first_token_ms=prompt * 1000 / (speed * 6),
        prefill_tokens_per_second=speed * 6,
        decode_tokens_per_second=speed,
        repetitions=5,
        warmup=1,
    )


def _greedy(quantized: bool, *, diverged: bool) -> list[GreedyComparison]:
    same = GreedyComparison(prompt_tokens=16, tokens=200, equal=1.0, usual_difference=0.0)
    if not quantized:
        return [same]
    first = FirstDifference(
        step=43,
        token=7,
        reference_token=9,
        margin=0.02,
        reference_margin=0.0123,
        preference=1.23 if diverged else 0.0123,
        usual_difference=0.021,
        explanation="divergence" if diverged else "tie",
    )
    other = GreedyComparison(
        prompt_tokens=16, tokens=100, equal=0.94, usual_difference=0.021, first_difference=first
    )
    return [same, other]


def _parity(target: str, *, diverged: bool) -> Parity:
    step = ParityStep(
        step=target,
        against="torch",
        max_abs=0.04,
        sqnr_db=41.3,
        top1_agreement=None,
        n=SCORED,
        diverged=diverged,
    )
    return Parity(
        against="torch",
        max_abs=0.04,
        sqnr_db=41.3,
        top1_agreement=None,
        n=SCORED,
        steps=[step],
        first_divergence=target if diverged else None,
    )
