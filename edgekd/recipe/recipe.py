"""The whole recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgekd.recipe.data import Augmentation, Data
from edgekd.recipe.section import Network, Section
from edgekd.recipe.signals import TOKEN_SIGNALS, tap_pairs
from edgekd.recipe.student import Compress, Distill, Fit, Prune
from edgekd.recipe.teacher import Teacher


class Recipe(Section):
    """One YAML file: data, teacher, student, distillation, pruning, compression, targets.

    Attributes:
        task: ``classification``: logits ``[N, classes]``, measured by top-1 accuracy.
            ``anomaly-detection``: the network gives its input back, ``[N, ...]`` of the same shape;
            a sample is as anomalous as its mean squared error; measured by the area under the ROC
            curve.
    """

    description: str = ""
    task: Literal["classification", "anomaly-detection"] = "classification"
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(default=[0, 1, 2], min_length=1)
    data: Data
    augmentation: Augmentation | None = None
    teacher: Teacher
    student: Network
    distill: Distill = Distill()
    prune: Prune | None = None
    compress: Compress = Compress()
    fit: Fit = Fit()
    targets: list[str] = Field(
        default=["host-litert", "host-executorch", "host-onnx"], min_length=1
    )

    @model_validator(mode="after")
    def _no_doubles(self) -> Recipe:
        for name, values in (("seeds", self.seeds), ("targets", self.targets)):
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: a value stands twice")
        return self

    @model_validator(mode="after")
    def _keys_fit_the_task(self) -> Recipe:
        anomaly = self.task == "anomaly-detection"
        if anomaly != bool(self.data.normal):
            raise ValueError("data.normal goes with task: anomaly-detection, and only there")
        if anomaly and not all(member.is_module for member in self.teacher.members):
            raise ValueError("anomaly-detection needs a torch teacher")
        if anomaly and self.teacher.ensemble:
            raise ValueError("teacher.ensemble goes with classification")
        logits = [s.kind for s in self.distill.signals if s.kind in ("soft-targets", "decoupled")]
        if anomaly and logits:
            raise ValueError(f"distill.signals: {logits[0]} needs classes; use regression")
        return self

    @model_validator(mode="after")
    def _keys_fit_the_data(self) -> Recipe:
        audio, views = self.data.front_end is not None, self.augmentation
        if views is not None and views.audio is not None and not audio:
            raise ValueError("augmentation.audio goes with data.front_end")
        if audio and (self.data.mean != [0.0] or self.data.std != [1.0]):
            raise ValueError("data.mean and data.std: features are standardized by themselves")
        if audio and views is not None:
            geometry = (views.rotation, views.translation, views.scaling, views.flip)
            if any(geometry):
                raise ValueError("augmentation: audio is changed by the keys under audio")
        return self

    @model_validator(mode="after")
    def _keys_fit_texts(self) -> Recipe:
        views, text = self.augmentation, self.data.text is not None
        if views is not None and views.text is not None and not text:
            raise ValueError("augmentation.text goes with data.text")
        if not text:
            if any(member.head is not None for member in self.teacher.members):
                raise ValueError("teacher.head goes with data.text")
            return self
        if self.data.front_end is not None:
            raise ValueError("data.front_end is for audio, data.text for texts: give one of them")
        if self.data.mean != [0.0] or self.data.std != [1.0]:
            raise ValueError("data.mean and data.std: tokens are not normalized")
        if self.prune is not None or any(self.fit.prune):
            raise ValueError("prune: networks of texts are not pruned yet")
        if self.task != "classification":
            raise ValueError("data.text goes with task: classification")
        if views is not None:
            others = (views.rotation, views.translation, views.scaling, views.flip, views.mixup)
            if any(others) or views.audio is not None:
                raise ValueError("augmentation: texts are changed by the keys under text")
        kinds = {member.kind for member in self.teacher.members}
        if not kinds <= {"torch", "hugging-face", "recorded"}:
            raise ValueError("teacher.kind: texts go with torch, hugging-face and recorded")
        return self

    @model_validator(mode="after")
    def _teacher_can_be_asked(self) -> Recipe:
        modules = all(member.is_module for member in self.teacher.members)
        tapped = [s.kind for s in self.distill.signals if tap_pairs(s)]
        if tapped and (self.teacher.ensemble or not modules):
            raise ValueError(f"distill.signals: {tapped[0]} needs one torch teacher to look into")
        if not self.distill.cache and not modules:
            raise ValueError("distill.cache: false needs a torch teacher")
        own = self.data.text is not None and any(m.has_tokenizer for m in self.teacher.members)
        if not self.distill.cache and own:
            raise ValueError("distill.cache: false needs a teacher that takes the student's tokens")
        by_token = [s.kind for s in self.distill.signals if s.kind in TOKEN_SIGNALS]
        if own and by_token and self.data.text is not None and self.data.text.of is None:
            raise ValueError(
                f"distill.signals: {by_token[0]} compares token by token; name the teacher in"
                " data.text.of, so that the student cuts texts as it does"
            )
        if own and self.teacher.ensemble:
            raise ValueError("teacher.ensemble: one tokenizer a run; give one Hugging Face teacher")
        return self
