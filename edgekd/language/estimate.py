"""What a run of a recipe would need, from the recipe and from sizes alone: nothing is loaded.

Memory on a device is that of ZeRO stage 3 (Rajbhandari et al. 2020, "ZeRO: Memory Optimizations
Toward Training Trillion Parameter Models", section 5), which FSDP does: weights, gradients and
optimizer states over the number of devices, and whole what is gathered at the moment, and the
activations of the device's own windows.
"""

from __future__ import annotations

from typing import Literal

from edgekd.errors import BadInput
from edgekd.language import costs
from edgekd.language.answers import AnswerPlan, windows_at_once
from edgekd.language.needs import Estimate, Hardware, ModelNeeds, Phase
from edgekd.language.network import Architecture
from edgekd.recipe.language import LanguageDistill, LanguageRecipe
from edgekd.records.base import Record

_POWERS = [2**power for power in range(11)]
# Rows of float32 logits for each token at the peak of a loss and its gradient; measured.
_ROWS = {"labels": 3, "kept": 3, "live": 7, "jsd": 12}
_ROWS_ASKED = 4


class _Work(Record):
    """What the memory of a phase follows from."""

    name: str
    trained: Architecture | None
    asked: Architecture | None
    tokens: int
    flops: int
    batch: int
    rows: int
    counts: list[int]


def student_architecture(recipe: LanguageRecipe, teacher: Architecture) -> Architecture:
    """The sizes of the student that a recipe cuts out of a teacher.

    Raises:
        BadInput: it keeps more than the teacher has.
    """
    spec = recipe.student
    layers = spec.layers if isinstance(spec.layers, int) else len(spec.layers)
    hidden = spec.feed_forward or teacher.feed_forward
    shared = spec.key_value_heads or teacher.key_value_heads
    given = (layers, hidden, shared)
    has = (teacher.layers, teacher.feed_forward, teacher.key_value_heads)
    if layers < 1 or any(want > most for want, most in zip(given, has, strict=True)):
        raise BadInput(f"keeps {given} of {has} layers, neurons and heads", where="student")
    heads = teacher.heads // teacher.key_value_heads * shared
    changes = {"layers": layers, "feed_forward": hidden, "key_value_heads": shared, "heads": heads}
    return teacher.model_copy(update=changes)


def estimate(
    recipe: LanguageRecipe,
    teacher: Architecture,
    hardware: Hardware,
    corpus_tokens: int | None = None,
) -> Estimate:
    """Compute what a run needs.

    Args:
        recipe: of a language model.
        teacher: its sizes.
        hardware: what it would run on.
        corpus_tokens: of the training text; null: as many as the student reads.

    Raises:
        BadInput: a student that does not fit its teacher.
    """
    student = student_architecture(recipe, teacher)
    context, distill = recipe.corpus.context, recipe.distill
    read = distill.steps * distill.batch_size * context
    corpus = corpus_tokens or read
    kept = distill.top_k is not None and distill.sequences is None
    length = recipe.generation.cache_length
    return Estimate(
        teacher=_needs(teacher, length),
        student=_needs(student, length),
        answers=_answers_bytes(distill, teacher, corpus, context) if kept else None,
        # The model as transformers reads it, and our copy.
        host=2 * costs.WIDE * costs.parameters(teacher),
        phases=[
            _fitted(work, hardware, context, distill.mixed_precision)
            for work in _works(recipe, teacher, student, corpus)
        ],
        hardware=hardware,
        assumptions=_assumptions(recipe, hardware, corpus_tokens is None),
    )


def _works(
    recipe: LanguageRecipe, teacher: Architecture, student: Architecture, corpus: int
) -> list[_Work]:
    distill, adapt, context = recipe.distill, recipe.teacher.adapt, recipe.corpus.context
    works: list[_Work] = []
    if adapt is not None:
        works.append(_training("teacher adapted", teacher, adapt.steps, adapt.batch_size, context))
    if distill.top_k is not None and distill.sequences is None:
        windows = windows_at_once(context)
        works.append(
            _Work(
                name="teacher asked",
                trained=None,
                asked=teacher,
                tokens=corpus,
                flops=corpus * costs.forward_flops(teacher, context),
                batch=windows,
                rows=_ROWS_ASKED,
                counts=_POWERS,
            )
        )
    control = _training("control trained", student, distill.steps, distill.batch_size, context)
    works.append(control)
    works.append(_taught(control, "student trained", distill, teacher, context))
    if "int4" in recipe.compress.precisions:
        steps = recipe.compress.int4_steps
        trained = _training("int4 trained", student, steps, distill.batch_size, context)
        taught = _taught(trained, "int4 trained", distill, teacher, context)
        # This stage runs in the first process alone.
        works.append(taught.model_copy(update={"counts": [1]}))
    return works


def _training(name: str, model: Architecture, steps: int, batch: int, context: int) -> _Work:
    """A training on the next tokens."""
    tokens = steps * batch * context
    return _Work(
        name=name,
        trained=model,
        asked=None,
        tokens=tokens,
        flops=tokens * costs.training_flops(model, context),
        batch=batch,
        rows=_ROWS["labels"],
        counts=[count for count in range(1, batch + 1) if batch % count == 0],
    )


def _taught(
    control: _Work, name: str, distill: LanguageDistill, teacher: Architecture, context: int
) -> _Work:
    """The same training where a teacher teaches."""
    if distill.sequences is not None or control.trained is None:
        return control.model_copy(update={"name": name})
    labels = int(distill.labels > 0)
    if distill.top_k is not None:
        return control.model_copy(update={"name": name, "rows": _ROWS["kept"] + labels})
    flops = control.flops + control.tokens * costs.forward_flops(teacher, context)
    if distill.on_policy is not None:
        written = (context + 1 - distill.on_policy.prompt) / context * distill.on_policy.share
        again = control.tokens * written * costs.forward_flops(control.trained, context)
        flops += int(again)
    rows = _ROWS["jsd" if distill.divergence == "jsd" else "live"] + labels
    return control.model_copy(update={"name": name, "asked": teacher, "flops": flops, "rows": rows})


def _fitted(
    work: _Work, hardware: Hardware, context: int, precision: Literal["no", "bf16"]
) -> Phase:
    """The phase on the fewest devices that hold it; on the most, where none do."""
    phases = [_on(count, work, hardware, context, precision) for count in work.counts]
    room = hardware.memory * hardware.usable
    fitting = [phase for phase in phases if phase.bytes_each <= room]
    return fitting[0] if fitting else phases[-1].model_copy(update={"devices": None})


def _on(
    count: int, work: _Work, hardware: Hardware, context: int, precision: Literal["no", "bf16"]
) -> Phase:
    windows = work.batch if work.trained is None else work.batch // count
    state, gathered, each = 0, 0, 0
    if work.trained is not None:
        whole = (2 + costs.MOMENTS) * costs.WIDE * costs.parameters(work.trained)
        state += -(-whole // count)
        gathered += _gathered(work.trained, count, precision)
        each += costs.saved_bytes(work.trained, context, precision)
        each += costs.logits_bytes(work.trained, work.rows)
    if work.asked is not None:
        state += -(-costs.WIDE * costs.parameters(work.asked) // count)
        gathered += costs.gathered_bytes(work.asked, costs.WIDE) if count > 1 else 0
        # A live teacher has answered before the student keeps anything; its logits are in the rows.
        passing = costs.passing_bytes(work.asked, context)
        rows = work.rows if work.trained is None else 0
        each = max(each, passing + costs.logits_bytes(work.asked, rows))
    return Phase(
        name=work.name,
        tokens=work.tokens,
        flops=work.flops,
        device_hours=work.flops / (hardware.peak * hardware.utilisation) / 3600,
        devices=count,
        windows=windows,
        state=state,
        gathered=gathered,
        activations=windows * context * each,
    )


def _gathered(model: Architecture, count: int, precision: Literal["no", "bf16"]) -> int:
    """What is whole at a time of a model that is trained."""
    if count > 1:
        # Weights, and as many gradients before they are summed and split.
        return 2 * costs.gathered_bytes(model, costs.HALF if precision == "bf16" else costs.WIDE)
    # Autocast keeps what it cast of all weights until the step is over.
    return costs.HALF * costs.parameters(model) if precision == "bf16" else 0


def _needs(model: Architecture, cache_length: int) -> ModelNeeds:
    count = costs.parameters(model)
    return ModelNeeds(
        parameters=count,
        weights=costs.WIDE * count,
        gradients=costs.WIDE * count,
        moments=costs.MOMENTS * costs.WIDE * count,
        key_value_cache=costs.cache_bytes(model, cache_length),
    )


def _answers_bytes(
    distill: LanguageDistill, teacher: Architecture, tokens: int, context: int
) -> int:
    return AnswerPlan(
        teacher="",
        corpus="",
        vocabulary=teacher.vocabulary,
        windows=max(1, tokens // context),
        context=context,
        k=distill.top_k or 1,
        samples=distill.tail_samples,
        temperature=distill.temperature,
    ).cache_bytes()


def _assumptions(recipe: LanguageRecipe, hardware: Hardware, one_pass: bool) -> list[str]:
    lines = [
        f"{hardware.peak / 1e12:g} TFLOP/s at bfloat16 of which {hardware.utilisation:.0%} are"
        f" reached, {hardware.memory / 1e9:g} GB of which {hardware.usable:.0%} can be used",
        "weights, gradients and moments are float32, as edgekd keeps them; attention computes the"
        " whole square of positions and keeps it for the backward pass",
        "scoring, validation, the choice of layers and exports are not counted",
    ]
    if recipe.vocabulary.alignment == "trimmed":
        lines.append("the vocabulary is the teacher's; what trimming saves is not known before")
    if one_pass:
        lines.append("the training text is as long as what the student reads: one pass")
    if "int4" in recipe.compress.precisions:
        lines.append("int4 is trained in one process")
    return lines
