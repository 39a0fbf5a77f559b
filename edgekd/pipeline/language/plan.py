"""The ladder of a language model as stages."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgekd.devices.fingerprint import device_fingerprint
from edgekd.pipeline.language.setup import LanguageSetup
from edgekd.pipeline.parts import Until
from edgekd.pipeline.plan.outside import Outside
from edgekd.pipeline.stage import Stage
from edgekd.records import Precision
from edgekd.target import Target

CORPUS = "corpus"
TEACHER = "rungs/teacher-fp32"
CONTROL = "scratch-fp32"
INITIAL = "student/initial"
ANSWERS = "teacher/answers"
# As many processes ask the teacher at the same time; each writes shards of its own.
ANSWERING = 2
# Everything else waits for the teacher.
_TEACHER_THREADS = 2

FORMATS = ("executorch", "onnx", "tflite")
_ROOM = "edgekd.pipeline.language"
_TRAINING = ("torch", "accelerate", "safetensors", "transformers", "tokenizers")
_EXPORTING = {
    "executorch": ("torch", "torchao", "executorch"),
    "onnx": ("torch", "onnx", "onnxruntime", "optimum", "optimum-onnx", "transformers"),
    "tflite": ("torch", "litert-torch", "litert-converter", "ai-edge-quantizer"),
}
_RUNNING = {
    "executorch": ("executorch",),
    "onnx": ("onnxruntime",),
    "tflite": ("ai-edge-litert",),
}
# How an artifact is checked and what it costs, by the device of its target.
_MEASURED = {
    "host": ("artifacts:check_rung", "artifacts:measure_rung"),
    "qemu-arm64": ("counting:check_in_guest", "counting:count_rung"),
}


class LanguageRung(NamedTuple):
    """One rung; its name is that of its stage below ``rungs/``."""

    name: str
    precision: Precision

    @property
    def stage(self) -> str:
        """The stage that makes it."""
        return f"rungs/{self.name}"


def language_rungs(setup: LanguageSetup) -> list[LanguageRung]:
    """The ladder, top down."""
    compressed = setup.recipe.compress.precisions
    return [
        LanguageRung("teacher-fp32", "fp32"),
        LanguageRung(CONTROL, "fp32"),
        LanguageRung("distilled-fp32", "fp32"),
        *(LanguageRung(f"distilled-{precision}", precision) for precision in compressed),
    ]


def language_stages(setup: LanguageSetup, until: Until = "bench") -> list[Stage]:
    """Every stage up to and including a part of the ladder; needs come first."""
    stages = [_corpus(setup), _teacher(setup), _initial(setup), *_answers(setup)]
    stages += [_arm(setup, "scratch"), _arm(setup, "distilled")]
    if until == "distill":
        return stages
    stages += [_compressed(setup, precision) for precision in setup.recipe.compress.precisions]
    if until == "quantize":
        return stages
    for rung, target in language_cells(setup):
        if unavailable_reason(rung, target) is None:
            stages += _artifact(setup, rung, target, measured=until == "bench")
    return stages


def language_cells(setup: LanguageSetup) -> list[tuple[LanguageRung, Target]]:
    """Every (rung, target) pair, those included that cannot be made.

    The control is left out: its file would be the student's with other numbers, as large and as
    fast, and an export takes minutes.
    """
    rungs = [rung for rung in language_rungs(setup) if rung.name != CONTROL]
    return [(rung, target) for target in setup.targets for rung in rungs]


def unavailable_reason(rung: LanguageRung, target: Target) -> str | None:
    """Why a cell is not even tried."""
    if target.format not in FORMATS:
        return f"language models are not exported as {target.format}"
    if target.device not in _MEASURED:
        return f"answers are not measured on {target.device} yet"
    if rung.precision not in target.precisions:
        return f"the target {target.name} does not list {rung.precision}"
    return None


def _corpus(setup: LanguageSetup) -> Stage:
    recipe = setup.recipe
    outside = setup.teacher | setup.tokenizer
    return Stage(
        CORPUS,
        f"{_ROOM}.corpus:prepare_corpus",
        {
            "corpus": recipe.corpus.model_dump(mode="json", exclude={"path"}),
            "vocabulary": recipe.vocabulary.model_dump(mode="json", exclude={"tokenizer"}),
            "revision": recipe.teacher.revision,
        },
        reads={**outside.reads, "corpus": setup.data_hash},
        locations={**outside.locations, **setup.corpus_location},
        packages=_TRAINING,
    )


def _teacher(setup: LanguageSetup) -> Stage:
    adapt = setup.recipe.teacher.adapt
    return Stage(
        TEACHER,
        f"{_ROOM}.training:adapt_teacher",
        {**_shared(setup), "adapt": None if adapt is None else adapt.model_dump(mode="json")},
        (CORPUS,),
        packages=_TRAINING,
        distributed=adapt is not None,
        threads=_TEACHER_THREADS,
    )


def _initial(setup: LanguageSetup) -> Stage:
    return Stage(
        INITIAL,
        f"{_ROOM}.training:cut_initial",
        {**_shared(setup), "student": setup.recipe.student.model_dump(mode="json")},
        (CORPUS, TEACHER),
        packages=_TRAINING,
        threads=_TEACHER_THREADS,
    )


def _answers(setup: LanguageSetup) -> list[Stage]:
    distill = setup.recipe.distill
    if distill.top_k is None or distill.sequences is not None:
        return []
    parameters = {
        **_shared(setup),
        "top_k": distill.top_k,
        "tail_samples": distill.tail_samples,
        "temperature": distill.temperature,
        "workers": ANSWERING,
    }
    parts = [f"{ANSWERS}-{number}" for number in range(ANSWERING)]
    stages = [
        Stage(
            part,
            f"{_ROOM}.answers:record_part",
            {**parameters, "worker": number},
            (CORPUS, TEACHER),
            packages=_TRAINING,
            distributed=True,
        )
        for number, part in enumerate(parts)
    ]
    join = {**parameters, "parts": parts}
    return [*stages, Stage(ANSWERS, f"{_ROOM}.answers:join_parts", join, (CORPUS, TEACHER, *parts))]


def _arm(setup: LanguageSetup, arm: str) -> Stage:
    needs, outside = _taught(setup) if arm == "distilled" else ((INITIAL,), Outside({}, {}))
    distill = setup.recipe.distill.model_dump(mode="json", exclude={"sequences"})
    if arm == "scratch":
        told = (
            "divergence",
            "beta",
            "temperature",
            "labels",
            "top_k",
            "tail_samples",
            "hidden_states",
            "on_policy",
        )
        distill = {key: value for key, value in distill.items() if key not in told}
    return Stage(
        f"rungs/{arm}-fp32",
        f"{_ROOM}.training:train_arm",
        {**_shared(setup), "arm": arm, "distill": distill},
        (CORPUS, TEACHER, *needs),
        *outside,
        _TRAINING,
        distributed=True,
    )


def _compressed(setup: LanguageSetup, precision: Precision) -> Stage:
    base = "rungs/distilled-fp32"
    if precision == "int8":
        return Stage(
            f"rungs/distilled-{precision}",
            f"{_ROOM}.compress:quantize_after_training",
            {**_shared(setup), "precision": precision, "base": base},
            (CORPUS, TEACHER, base),
            packages=(*_TRAINING, "torchao"),
        )
    needs, outside = _taught(setup)
    compress = setup.recipe.compress
    return Stage(
        f"rungs/distilled-{precision}",
        f"{_ROOM}.compress:train_quantized",
        {
            **_shared(setup),
            "precision": precision,
            "base": base,
            "distill": setup.recipe.distill.model_dump(mode="json", exclude={"sequences"}),
            "steps": compress.int4_steps,
            "learning_rate": compress.int4_learning_rate,
        },
        (CORPUS, TEACHER, base, *needs),
        *outside,
        (*_TRAINING, "torchao"),
    )


def _taught(setup: LanguageSetup) -> tuple[tuple[str, ...], Outside]:
    """What a stage needs in which the teacher teaches."""
    distill = setup.recipe.distill
    answers = distill.top_k is not None and distill.sequences is None
    return ((INITIAL, ANSWERS) if answers else (INITIAL,)), setup.sequences


def _artifact(
    setup: LanguageSetup, rung: LanguageRung, target: Target, *, measured: bool
) -> list[Stage]:
    cell = f"{target.name}/{rung.name}"
    artifact = f"artifacts/{cell}"
    generation = setup.recipe.generation.model_dump(mode="json")
    shared: dict[str, Any] = {
        "rung": rung.name,
        "precision": rung.precision,
        "target": target.model_dump(mode="json", exclude={"budget", "description", "packages"}),
        "generation": generation,
    }
    export = Stage(
        artifact,
        f"{_ROOM}.artifacts:export_rung",
        {**shared, "recipe": setup.name, "cache_length": generation["cache_length"]},
        (CORPUS, rung.stage),
        packages=_EXPORTING[target.format],
    )
    if not measured:
        return [export]
    check, measure = _MEASURED[target.device]
    return [
        export,
        *(
            Stage(
                f"{name}/{cell}",
                f"{_ROOM}.{action}",
                {**shared, "artifact": artifact, "stage": f"{name}/{cell}"},
                (CORPUS, rung.stage, artifact),
                reads=device_fingerprint(target),
                packages=_RUNNING[target.format],
                alone=alone,
            )
            for name, action, alone in (
                ("checks", check, False),
                # Instructions are the same whatever else runs; time is not.
                ("speed", measure, target.kind != "emulated"),
            )
        ),
    ]


def _shared(setup: LanguageSetup) -> dict[str, Any]:
    """What every stage that runs a model is told."""
    corpus = setup.recipe.corpus
    return {
        "context": corpus.context,
        "test_windows": corpus.test_windows,
        "seed": setup.recipe.seeds[0],
        "mixed_precision": setup.recipe.distill.mixed_precision,
    }
