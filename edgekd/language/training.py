"""The training loop of language models, through accelerate: more devices are a launch command.

``accelerate launch --num_processes 4 ...`` splits every batch over the processes, ``--use_fsdp
--fsdp_version 2`` the model too (:mod:`edgekd.language.sharding`). The best checkpoint by the loss
on the validation text is what a training gives, so that a student that begins to overfit is taken
as it was before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from edgekd.distill.optimization import rate_factor
from edgekd.errors import RunFailed
from edgekd.language.batches import LanguageBatch, LanguageBatches, Process
from edgekd.language.checkpoints import Checkpoints, CurvePoint, Finish
from edgekd.language.hidden_states import HiddenStates, hidden_distance, watched_layers
from edgekd.language.losses import (
    Divergence,
    cross_entropy,
    divergence,
    kept_divergence,
    whole_buckets,
)
from edgekd.language.network import CausalLanguageModel
from edgekd.language.sharding import make_accelerator, place_teacher
from edgekd.recipe import Schedule

if TYPE_CHECKING:
    from accelerate import Accelerator

Progress = Callable[[int, int], None]
Validate = Callable[[nn.Module], float]

# The second moment of AdamW over fewer steps than by default, as large language models take it.
_BETAS = (0.9, 0.95)


@dataclass(frozen=True)
class LanguageTraining:
    """One training run.

    Attributes:
        steps: number of updates.
        learning_rate: the highest, after the warm-up.
        weight_decay: of matrices; norms have none.
        warmup: share of the steps in which the rate rises; then a cosine to zero.
        clip: largest norm of the gradient.
        evaluate_every: steps between looks at the validation text, and between checkpoints.
        mixed_precision: ``bf16`` computes in bfloat16 under autocast.
        identity: of everything that the result follows from; a checkpoint of another is not taken.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.05
    clip: float = 1.0
    evaluate_every: int = 50
    mixed_precision: Literal["no", "bf16"] = "no"
    identity: str = ""


@dataclass(frozen=True)
class LanguageObjective:
    """What each token costs: ``labels CE + (1 - labels) divergence + hidden states``.

    Attributes:
        labels: share of the cross-entropy; 1: no teacher.
        kind: the divergence from the teacher.
        beta: of ``jsd``.
        temperature: of both sides; that of the cache where the answers are kept.
        teacher: asked at every step where the batches hold no answers; null: not needed.
        hidden: what of the teacher's hidden states is matched too, asked likewise; null: nothing.
    """

    labels: float = 1.0
    kind: Divergence = "forward-kl"
    beta: float = 0.5
    temperature: float = 1.0
    teacher: nn.Module | None = None
    hidden: HiddenStates | None = None

    @property
    def watched(self) -> tuple[int, ...]:
        """The student's layers whose outputs count."""
        return self.hidden.student if self.hidden else ()

    def __call__(
        self, logits: torch.Tensor, batch: LanguageBatch, streams: Sequence[torch.Tensor] = ()
    ) -> torch.Tensor:
        """The loss of a batch, a scalar; text of the student's own has no labels.

        Args:
            logits: the student's, float ``[B, T, V]``.
            batch: that it read.
            streams: what its ``watched`` layers gave, float ``[B, T, width]`` each.
        """
        labels = self.labels if batch.labelled else 0.0
        cost = torch.zeros_like(batch.weights)
        if labels:
            cost = cost + labels * cross_entropy(logits.float(), batch.targets)
        if labels < 1:
            cost = cost + self._from_teacher(logits, batch, streams, 1 - labels)
        return (cost * batch.weights).sum()

    def _from_teacher(
        self,
        logits: torch.Tensor,
        batch: LanguageBatch,
        streams: Sequence[torch.Tensor],
        weight: float,
    ) -> torch.Tensor:
        if batch.answers is not None:
            return weight * kept_divergence(
                self.kind,
                logits,
                batch.answers,
                beta=self.beta,
                temperature=self.temperature,
            )
        if self.teacher is None:
            raise RunFailed("neither kept answers nor a teacher to ask", where="distillation")
        layers = self.hidden.teacher if self.hidden else ()
        with torch.no_grad(), watched_layers(self.teacher, layers) as theirs:
            told = self.teacher(batch.inputs)
        buckets = whole_buckets(logits, told, self.temperature)
        cost = weight * divergence(self.kind, buckets, beta=self.beta, temperature=self.temperature)
        if self.hidden is not None:
            cost = cost + self.hidden.weight * hidden_distance(streams, theirs())
        return cost


@dataclass(frozen=True)
class TrainedLanguageModel:
    """What a training gives.

    Attributes:
        model: as it was best, on the CPU, in eval mode.
        best_step: when that was; 0: before the first update.
        curve: one point for each look at the validation text.
    """

    model: CausalLanguageModel
    best_step: int
    curve: list[CurvePoint]


def train_language_model(
    model: CausalLanguageModel,
    batches: LanguageBatches,
    objective: LanguageObjective,
    plan: LanguageTraining,
    validate: Validate,
    folder: Path,
    progress: Progress,
    *,
    finish: Finish | None = None,
) -> TrainedLanguageModel:
    """Train a model, or go on where a stopped training of the same plan was.

    Args:
        model: trained in place.
        batches: of what to learn from.
        objective: the loss.
        plan: budget and options.
        validate: the loss on held-out text, in nats a token; called by every process.
        folder: for checkpoints; it must outlive a killed process for the training to go on.
        progress: called with (done, total) steps.
        finish: makes of the model that is trained the one that is kept, as after
            quantization-aware training; null: it is that. Not for a model in shards.

    Raises:
        RunFailed: the loss became NaN or infinite; step and learning rate are named.
    """
    accelerator = make_accelerator(plan.mixed_precision)
    process = Process(accelerator.process_index, accelerator.num_processes)
    wrapped, optimizer = accelerator.prepare(model, _optimizer(model, plan))
    if objective.teacher is not None:
        place_teacher(objective.teacher, accelerator)
    checkpoints = Checkpoints(folder, accelerator, plan.identity, finish)
    state = checkpoints.resume()
    if state.step == 0 and not state.curve:
        nll = _validated(accelerator, wrapped, validate)
        state.curve.append(CurvePoint(step=0, validation_nll=nll))
        checkpoints.save(wrapped, state)
    # It stays on the device: reading a loss at each step would make the device wait.
    total = torch.zeros((), device=accelerator.device)
    wrapped.train()
    for step in range(state.step, plan.steps):
        batch = _placed(batches.read(step, process), accelerator.device)
        _set_rate(optimizer, plan, step)
        optimizer.zero_grad()
        with accelerator.autocast(), watched_layers(model, objective.watched) as streams:
            loss = objective(wrapped(batch.inputs), batch, streams())
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(wrapped.parameters(), plan.clip)
        optimizer.step()
        total += loss.detach()
        state.step = step + 1
        if state.step % plan.evaluate_every == 0 or state.step == plan.steps:
            mean = _agreed(accelerator, float(total)) / (state.step - state.curve[-1].step)
            _check_finite(mean, state.step, plan)
            nll = _validated(accelerator, wrapped, validate)
            state.curve.append(CurvePoint(step=state.step, training_loss=mean, validation_nll=nll))
            checkpoints.save(wrapped, state)
            total.zero_()
            wrapped.train()
        progress(state.step, plan.steps)
    best = checkpoints.best()
    # Whoever called may now remove the folder that another process still reads.
    accelerator.wait_for_everyone()
    return TrainedLanguageModel(best, state.best_step, state.curve)


def _optimizer(model: nn.Module, plan: LanguageTraining) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019) whose decay spares norms."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    # One pass over each parameter: with small batches the optimizer takes a good part of a step.
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=_BETAS, fused=True)


def _set_rate(optimizer: Any, plan: LanguageTraining, step: int) -> None:
    schedule = Schedule(kind="cosine", warmup=plan.warmup)
    for group in optimizer.param_groups:
        group["lr"] = plan.learning_rate * rate_factor(schedule, step, plan.steps)


def _placed(batch: LanguageBatch, device: torch.device) -> LanguageBatch:
    from accelerate.utils import send_to_device

    placed: LanguageBatch = send_to_device(batch, device)
    return placed


def _validated(accelerator: Accelerator, model: nn.Module, validate: Validate) -> float:
    model.eval()
    with torch.no_grad():
        return _agreed(accelerator, validate(model))


def _agreed(accelerator: Accelerator, value: float) -> float:
    """The mean over all processes, the same bits in each: they decide by it what to do next."""
    shared = torch.tensor(value, dtype=torch.float64, device=accelerator.device)
    return float(accelerator.reduce(shared, "mean"))


def _check_finite(value: float, step: int, plan: LanguageTraining) -> None:
    if not math.isfinite(value):
        raise RunFailed(
            f"the loss is {value} at step {step} with learning rate {plan.learning_rate:g}",
            mend="lower the learning rate",
        )
