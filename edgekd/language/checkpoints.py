"""Checkpoints of a training: the last one to go on from, and the best one to keep.

``last/`` holds what accelerate needs to go on (sharded where the model is), ``best/`` the model
with the lowest validation loss, always whole. Each is written beside and renamed, so that a
training that is killed at any moment goes on from a whole one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field
from torch import nn

from edgekd.errors import BadInput
from edgekd.files import SCRATCH, sync_folder, write_json
from edgekd.language.network import (
    CausalLanguageModel,
    load_language_model,
    save_language_model,
)
from edgekd.language.record_file import read_record
from edgekd.records.base import Record
from edgekd.third_party import quiet

if TYPE_CHECKING:
    from accelerate import Accelerator

Finish = Callable[[CausalLanguageModel], CausalLanguageModel]

_STATE = "state.json"
_LAST, _BEST = "last", "best"


class CurvePoint(Record):
    """One look at the validation text.

    Attributes:
        step: updates before it.
        training_loss: mean since the look before; null at step 0.
        validation_nll: in nats a token.
    """

    step: int = Field(ge=0)
    training_loss: float | None = None
    validation_nll: float


class TrainingState(Record):
    """Where a training is.

    Attributes:
        identity: of the training.
        step: updates done.
        curve: so far.
    """

    identity: str
    step: int = Field(default=0, ge=0)
    curve: list[CurvePoint] = Field(default_factory=list)

    @property
    def best_step(self) -> int:
        """The step with the lowest validation loss; the first of equal ones."""
        return min(self.curve, key=lambda point: point.validation_nll).step


class Checkpoints:
    """Checkpoints in one folder.

    Args:
        folder: made where it is missing; of one training.
        accelerator: whose prepared model and optimizer are saved and restored.
        identity: a checkpoint of another training is not taken.
        finish: makes of the model that is trained the one that is kept; null: it is that.
    """

    def __init__(
        self,
        folder: Path,
        accelerator: Accelerator,
        identity: str,
        finish: Finish | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._finish = finish
        self._folder = folder
        self._accelerator = accelerator
        self._identity = identity

    def resume(self) -> TrainingState:
        """Restore the last checkpoint; the state of a new training where there is none."""
        last = self._folder / _LAST
        fresh = TrainingState(identity=self._identity)
        try:
            state = read_record(last / _STATE, TrainingState)
        except BadInput:
            return fresh
        if state.identity != self._identity:
            return fresh
        self._accelerator.load_state(str(last))
        return state

    def save(self, model: nn.Module, state: TrainingState) -> None:
        """Save the state, and the model too where it is the best until now.

        Raises:
            RunFailed: the folder cannot be written.
        """
        if state.best_step == state.step:
            self._save_best(model)
        # Nothing to go on from; and asked for its state before the first update, a sharded
        # optimizer makes one (with a step of zero gradients), which the bias correction counts.
        if state.step == 0:
            return
        scratch = self._folder / f"{SCRATCH}{_LAST}"
        if self._accelerator.is_main_process:
            shutil.rmtree(scratch, ignore_errors=True)
        self._accelerator.wait_for_everyone()
        # It warns of weights that are shared, and keeps them well.
        with quiet():
            self._accelerator.save_state(str(scratch))
        # Each process writes a part.
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            write_json(scratch / _STATE, state.model_dump())
            self._replace(scratch, self._folder / _LAST)
        self._accelerator.wait_for_everyone()

    def best(self) -> CausalLanguageModel:
        """The best model, on the CPU, in eval mode."""
        return load_language_model(self._folder / _BEST)

    def _save_best(self, model: nn.Module) -> None:
        # Gathers the parts of a sharded model; so every process takes part.
        weights: dict[str, Any] = self._accelerator.get_state_dict(model)
        if self._accelerator.is_main_process:
            whole = self._accelerator.unwrap_model(model)
            scratch = self._folder / f"{SCRATCH}{_BEST}"
            shutil.rmtree(scratch, ignore_errors=True)
            if self._finish is None:
                save_language_model(whole, scratch, weights)
            else:
                save_language_model(self._finish(whole).cpu(), scratch)
            self._replace(scratch, self._folder / _BEST)
        self._accelerator.wait_for_everyone()

    def _replace(self, scratch: Path, place: Path) -> None:
        old = self._folder / f"{SCRATCH}old"
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        scratch.rename(place)
        sync_folder(self._folder)
        shutil.rmtree(old, ignore_errors=True)
