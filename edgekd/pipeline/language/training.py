"""Stage actions that train language models: the teacher's adaptation, control and student."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from edgekd.files import digest, files_below, read_json, sha256_of, write_json
from edgekd.pipeline.language.files import MODEL, TOKENIZER, read_corpus_facts
from edgekd.pipeline.language.plan import ANSWERS, CORPUS, INITIAL, TEACHER
from edgekd.pipeline.language.scoring import (
    calibration,
    checkpoint_folder,
    score_and_save,
    spread_windows,
    teacher_of,
    training_windows,
    validation,
)
from edgekd.pipeline.stage import StageContext
from edgekd.recipe.language import Adaptation, LanguageDistill, LanguageStudent

if TYPE_CHECKING:
    from edgekd.language.batches import LanguageBatches
    from edgekd.language.checkpoints import Finish
    from edgekd.language.hidden_states import HiddenStates
    from edgekd.language.network import CausalLanguageModel
    from edgekd.language.texts import TokenizedTexts
    from edgekd.language.training import LanguageObjective, TrainedLanguageModel

# The teacher's layers that the student has, beside its weights.
LAYERS = "layers.json"
_KEPT = TypeAdapter(list[int])
# Enough to tell which layer is missed least; each is read hundreds of times.
_CHOICE_WINDOWS = 2
# Their hashes tell all that a training reads.
_CONTENT = ("model.safetensors", "tokens.json", "answers.json")


def adapt_teacher(context: StageContext) -> None:
    """Train the teacher on the corpus for a little while, or take it as it is."""
    from edgekd.language.batches import WindowBatches
    from edgekd.language.network import load_language_model
    from edgekd.language.training import LanguageObjective

    model = load_language_model(context.folder(CORPUS) / MODEL)
    if context.parameters["adapt"] is None:
        score_and_save(context, model, is_teacher=True, precision="fp32", scheme="float32")
        return
    adapt = Adaptation.model_validate(context.parameters["adapt"])
    windows = training_windows(context)
    trained = train(
        context,
        model,
        WindowBatches(windows, adapt.batch_size, int(context.parameters["seed"])),
        LanguageObjective(),
        steps=adapt.steps,
        learning_rate=adapt.learning_rate,
        weight_decay=0.0,
        evaluate_every=max(1, adapt.steps // 4),
    )
    score_and_save(
        context,
        trained.model,
        is_teacher=True,
        precision="fp32",
        scheme="float32",
        trained=trained,
        steps=adapt.steps,
    )


def cut_initial(context: StageContext) -> None:
    """Cut the student out of the teacher; control and student start from the same weights."""
    from edgekd.language.network import save_language_model
    from edgekd.language.student import cut_student

    spec = LanguageStudent.model_validate(context.parameters["student"])
    teacher = teacher_of(context)
    sizes = teacher.architecture
    chosen = _chosen_layers(context, spec, teacher)
    write_json(context.out / LAYERS, chosen)
    narrow = spec.feed_forward is not None or spec.key_value_heads is not None
    student = cut_student(
        teacher,
        layers=chosen,
        feed_forward=spec.feed_forward or sizes.feed_forward,
        key_value_heads=spec.key_value_heads or sizes.key_value_heads,
        calibration=calibration(context) if narrow else [],
    )
    save_language_model(student, context.out / MODEL)


def _chosen_layers(
    context: StageContext, spec: LanguageStudent, teacher: CausalLanguageModel
) -> list[int]:
    """The teacher's layers that the student keeps."""
    import torch

    from edgekd.language.layer_choice import choose_layers
    from edgekd.language.student import spread_layers

    if not isinstance(spec.layers, int):
        return spec.layers
    if spec.choice == "spread":
        return spread_layers(teacher.architecture.layers, spec.layers)
    windows = training_windows(context)
    rows = torch.from_numpy(windows.read(spread_windows(windows, _CHOICE_WINDOWS)))
    bf16 = context.parameters["mixed_precision"] == "bf16"
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        return choose_layers(teacher, spec.layers, rows, context.progress)


def train_arm(context: StageContext) -> None:
    """Train the control on the text alone, or the student on what the teacher says."""
    from edgekd.language.network import load_language_model

    student = load_language_model(context.folder(INITIAL) / MODEL)
    distill = LanguageDistill.model_validate(context.parameters["distill"])
    taught = context.parameters["arm"] == "distilled"
    batches, objective = lesson_of(context, distill, student, taught=taught)
    trained = train(
        context,
        student,
        batches,
        objective,
        steps=distill.steps,
        learning_rate=distill.learning_rate,
        weight_decay=distill.weight_decay,
        evaluate_every=distill.evaluate_every,
    )
    score_and_save(
        context,
        trained.model,
        is_teacher=False,
        precision="fp32",
        scheme="float32",
        trained=trained,
        steps=distill.steps,
    )


def lesson_of(
    context: StageContext, distill: LanguageDistill, student: CausalLanguageModel, *, taught: bool
) -> tuple[LanguageBatches, LanguageObjective]:
    """What is learnt from, and what each token costs.

    Args:
        context: of the stage.
        distill: of the recipe.
        student: for text that it writes itself.
        taught: false: the next tokens alone.
    """
    from edgekd.language.answers import Answers
    from edgekd.language.batches import OnPolicyBatches, TextBatches, WindowBatches
    from edgekd.language.training import LanguageObjective

    seed, size = int(context.parameters["seed"]), distill.batch_size
    windows = training_windows(context)
    if not taught:
        return WindowBatches(windows, size, seed), LanguageObjective()
    if "sequences" in context.locations:
        return TextBatches(_sequences(context), size, seed), LanguageObjective()
    if distill.top_k is not None:
        answers = Answers(context.folder(ANSWERS))
        batches = WindowBatches(windows, size, seed, answers)
        return batches, _objective(distill)
    plain = WindowBatches(windows, size, seed)
    teacher = teacher_of(context)
    objective = _objective(distill, teacher, _hidden_states(context, distill, teacher))
    if distill.on_policy is None:
        return plain, objective
    policy = distill.on_policy
    return OnPolicyBatches(plain, student, policy.share, policy.prompt), objective


def train(
    context: StageContext,
    model: CausalLanguageModel,
    batches: LanguageBatches,
    objective: LanguageObjective,
    *,
    steps: int,
    learning_rate: float,
    weight_decay: float,
    evaluate_every: int,
    finish: Finish | None = None,
) -> TrainedLanguageModel:
    """Train a model; one that was killed goes on from its last checkpoint."""
    from edgekd.language.training import LanguageTraining, train_language_model

    identity = digest([dict(context.parameters), _inputs(context)])
    checkpoints = checkpoint_folder(context)
    trained = train_language_model(
        model,
        batches,
        objective,
        LanguageTraining(
            steps=steps,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            evaluate_every=evaluate_every,
            mixed_precision=context.parameters["mixed_precision"],
            identity=identity,
        ),
        validation(context),
        checkpoints,
        context.progress,
        finish=finish,
    )
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained


def _objective(
    distill: LanguageDistill,
    teacher: CausalLanguageModel | None = None,
    hidden: HiddenStates | None = None,
) -> LanguageObjective:
    from edgekd.language.training import LanguageObjective

    return LanguageObjective(
        labels=distill.labels,
        kind=distill.divergence,
        beta=distill.beta,
        temperature=distill.temperature,
        teacher=teacher,
        hidden=hidden,
    )


def _hidden_states(
    context: StageContext, distill: LanguageDistill, teacher: CausalLanguageModel
) -> HiddenStates | None:
    """The streams that are compared; layers are matched as the student was cut."""
    from edgekd.language.hidden_states import HiddenStates, matching_layers

    if not distill.hidden_states:
        return None
    kept = _KEPT.validate_python(read_json(context.folder(INITIAL) / LAYERS))
    matching = matching_layers(kept, teacher.architecture.layers)
    return HiddenStates(distill.hidden_states, tuple(range(len(kept))), tuple(matching))


def _sequences(context: StageContext) -> TokenizedTexts:
    from edgekd.data.tokenizer import load_tokenizer
    from edgekd.language.texts import tokenize_texts

    corpus = context.folder(CORPUS)
    ends = read_corpus_facts(corpus).end_tokens
    return tokenize_texts(
        Path(context.locations["sequences"]),
        load_tokenizer(corpus / TOKENIZER),
        ends[0] if ends else None,
        int(context.parameters["context"]),
    )


def _inputs(context: StageContext) -> list[str]:
    """What the training starts from, by content: weights, tokens, answers."""
    folders = [context.folder(name) for name in (CORPUS, TEACHER, INITIAL, ANSWERS)]
    files = [file for folder in folders for file in files_below(folder) if file.name in _CONTENT]
    return [sha256_of(file) for file in files]
