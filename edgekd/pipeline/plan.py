"""The ladder as stages: which there are for a recipe, and what each reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from edgekd.data import find_source
from edgekd.errors import BadInput
from edgekd.files import sha256_of
from edgekd.networks import network_file
from edgekd.pipeline.parts import Until
from edgekd.pipeline.stage import Stage
from edgekd.recipe import Data, Network, Recipe
from edgekd.records import Precision
from edgekd.target import Target

_TRAINING = ("torch", "accelerate", "safetensors")
_QUANTIZING = ("torch", "torchao", "executorch")
_EXPORTING = {
    "tflite": ("torch", "litert-torch", "litert-converter", "ai-edge-quantizer"),
    "executorch": _QUANTIZING,
    "onnx": ("torch", "onnx", "onnxscript", "onnxruntime"),
}
_RUNTIMES = {"litert": "ai-edge-litert", "executorch": "executorch", "onnx": "onnxruntime"}


@dataclass(frozen=True)
class RungPlan:
    """One rung: its precision, and its stage at each seed."""

    name: str
    precision: Precision
    role: Literal["teacher", "student"]
    seeds: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """Every stage of a run, in an order in which needs come first.

    Attributes:
        recipe: what is run.
        name: of the recipe.
        folder: the recipe's folder; relative paths in the recipe start there.
        targets: what is exported and measured.
    """

    recipe: Recipe
    name: str
    folder: Path
    targets: Sequence[Target]

    def stages(self, until: Until = "bench") -> list[Stage]:
        """The stages up to and including a part of the ladder."""
        parts: dict[Until, list[Stage]] = {
            "distill": [*self._preparation(), *self._teacher(), *self._arms(), self._selection()],
            "quantize": self._compressed(),
            "export": [stage for _, _, stage in self._artifacts()],
            "bench": self._measurements(),
        }
        stages: list[Stage] = []
        for part, members in parts.items():
            stages += members
            if part == until:
                break
        return stages

    @cached_property
    def rungs(self) -> list[RungPlan]:
        """The ladder, top down."""
        teacher_seed = str(self.recipe.teacher.seed)
        rungs = [
            RungPlan("teacher-fp32", "fp32", "teacher", {teacher_seed: "teacher/network"}),
            self._student_rung("scratch-fp32", "fp32"),
            self._student_rung("distilled-fp32", "fp32"),
        ]
        for precision in self.recipe.compress.precisions:
            rungs.append(self._student_rung(f"distilled-{precision}", precision))
        return rungs

    def cells(self) -> list[tuple[RungPlan, Target]]:
        """Every (rung, target) pair, those included that a target does not list."""
        return [(rung, target) for target in self.targets for rung in self.rungs]

    def _student_rung(self, name: str, precision: Precision) -> RungPlan:
        seeds = {str(seed): f"rungs/{name}/seed-{seed}" for seed in self.recipe.seeds}
        return RungPlan(name, precision, "student", seeds)

    @cached_property
    def data_location(self) -> dict[str, str]:
        """Where the data is, if the source needs to be told."""
        path = self.recipe.data.path
        return {} if path is None else {"path": str((self.folder / path).resolve())}

    @cached_property
    def data_hash(self) -> str:
        """The content hash of the data source."""
        data = Data.model_validate({**self.recipe.data.model_dump(), **self.data_location})
        return find_source(data.source).fingerprint(data)

    def _preparation(self) -> list[Stage]:
        data = self.recipe.data.model_dump(mode="json", exclude={"path"})
        return [
            Stage(
                "data",
                "edgekd.pipeline.prepare:prepare_data",
                {"data": data},
                reads={"data": self.data_hash},
                locations=self.data_location,
            ),
            Stage(
                "networks",
                "edgekd.pipeline.prepare:check_networks",
                {
                    "teacher": self._network(self.recipe.teacher),
                    "student": self._network(self.recipe.student),
                },
                needs=("data",),
                reads={
                    "teacher": sha256_of(self._file("teacher")),
                    "student": sha256_of(self._file("student")),
                },
                locations={
                    "teacher": str(self._file("teacher")),
                    "student": str(self._file("student")),
                },
                packages=("torch",),
            ),
        ]

    def _teacher(self) -> list[Stage]:
        teacher = self.recipe.teacher
        reads, locations = self._network_inputs("teacher")
        if teacher.weights is not None:
            weights = (self.folder / teacher.weights).resolve()
            if not weights.is_file():
                raise BadInput("there is no such file", where=str(weights), mend="teacher.weights")
            reads["weights"], locations["weights"] = sha256_of(weights), str(weights)
        parameters = {
            "teacher": teacher.model_dump(mode="json", exclude={"weights"}),
            "augmentation": self._augmentation(),
        }
        train = Stage(
            "teacher/network",
            "edgekd.pipeline.train:train_teacher",
            parameters,
            ("data", "networks"),
            reads,
            locations,
            _TRAINING,
            distributed=True,
        )
        outputs = Stage(
            "teacher/outputs",
            "edgekd.pipeline.train:record_teacher_outputs",
            parameters,
            ("data", "teacher/network"),
            *self._network_inputs("teacher"),
            ("torch",),
        )
        return [train, outputs]

    def _arms(self) -> list[Stage]:
        stages = []
        for arm in ("scratch", "distilled"):
            candidates = {
                f"tuning/{arm}/rate-{rate:g}": rate for rate in self.recipe.distill.learning_rates
            }
            choice = f"tuning/{arm}/choice"
            first, *others = self.recipe.seeds
            for name, rate in candidates.items():
                stages.append(self._training(name, arm, first, rate, None))
            stages.append(
                Stage(
                    choice,
                    "edgekd.pipeline.train:choose_learning_rate",
                    {"candidates": candidates},
                    tuple(candidates),
                )
            )
            stages.append(
                Stage(
                    f"rungs/{arm}-fp32/seed-{first}",
                    "edgekd.pipeline.train:adopt_tuned",
                    {"choice": choice},
                    (choice, *candidates),
                )
            )
            for seed in others:
                name = f"rungs/{arm}-fp32/seed-{seed}"
                stages.append(self._training(name, arm, seed, None, choice))
        return stages

    def _training(
        self, name: str, arm: str, seed: int, rate: float | None, choice: str | None
    ) -> Stage:
        needs = ["data", "networks"]
        needs += ["teacher/outputs"] if arm == "distilled" else []
        needs += [choice] if choice else []
        distill = self.recipe.distill.model_dump(mode="json", exclude={"learning_rates"})
        if arm == "scratch":
            # The control does not read them: changing tau must not train it again.
            distill = {k: v for k, v in distill.items() if k not in ("temperature", "alpha")}
        return Stage(
            name,
            "edgekd.pipeline.train:train_arm",
            {
                "arm": arm,
                "seed": seed,
                "learning_rate": rate,
                "choice": choice,
                "may_diverge": rate is not None,
                "distill": distill,
                "student": self._network(self.recipe.student),
                "augmentation": self._augmentation(),
            },
            tuple(needs),
            *self._network_inputs("student"),
            _TRAINING,
            distributed=True,
        )

    def _selection(self) -> Stage:
        students = self._student_rung("distilled-fp32", "fp32").seeds
        return Stage(
            "selection",
            "edgekd.pipeline.train:choose_seed",
            {"students": students},
            tuple(students.values()),
        )

    def _compressed(self) -> list[Stage]:
        compress = self.recipe.compress
        training = {"int8-qat": compress.int8_qat, "int4": compress.int4}
        stages = []
        for rung in self.rungs:
            if not rung.name.startswith("distilled-") or rung.precision == "fp32":
                continue
            for seed, name in rung.seeds.items():
                aware = training.get(rung.precision)
                base = f"rungs/distilled-fp32/seed-{seed}"
                parameters: dict[str, Any] = {
                    "arm": "distilled",
                    "precision": rung.precision,
                    "seed": int(seed),
                    "base": base,
                    "student": self._network(self.recipe.student),
                    "calibration_samples": compress.calibration_samples,
                }
                needs = ["data", base]
                if aware is not None:
                    needs.append("teacher/outputs")
                    parameters["training"] = aware.model_dump(mode="json")
                    parameters["distill"] = self.recipe.distill.model_dump(
                        mode="json", exclude={"learning_rates", "steps"}
                    )
                    parameters["augmentation"] = self._augmentation()
                action = "quantize_after_training" if aware is None else "train_quantized"
                stages.append(
                    Stage(
                        name,
                        f"edgekd.pipeline.compress:{action}",
                        parameters,
                        tuple(needs),
                        *self._network_inputs("student"),
                        _QUANTIZING,
                        distributed=aware is not None,
                    )
                )
        return stages

    def _artifacts(self) -> list[tuple[RungPlan, Target, Stage]]:
        found = []
        for rung, target in self.cells():
            if rung.precision not in target.precisions:
                continue
            spec = self.recipe.teacher if rung.role == "teacher" else self.recipe.student
            stage = Stage(
                f"artifacts/{target.name}/{rung.name}",
                "edgekd.pipeline.artifacts:export_rung",
                {
                    "recipe": self.name,
                    "rung": rung.name,
                    "precision": rung.precision,
                    "seeds": rung.seeds,
                    "target": _target_parameters(target, rung.precision),
                    "network": self._network(spec),
                    "calibration_samples": self.recipe.compress.calibration_samples,
                },
                ("data", *rung.seeds.values(), "selection"),
                *self._network_inputs(rung.role),
                _EXPORTING[target.format],
            )
            found.append((rung, target, stage))
        return found

    def _measurements(self) -> list[Stage]:
        stages = []
        for rung, target, artifact in self._artifacts():
            parameters = {
                "seeds": rung.seeds,
                "artifact": artifact.name,
                "target": _target_parameters(target, rung.precision),
            }
            needs = ("data", artifact.name, *rung.seeds.values(), "selection")
            cell = f"{target.name}/{rung.name}"
            for name, action, alone in (
                (f"checks/{cell}", "check_rung", False),
                (f"speed/{cell}", "measure_rung", True),
            ):
                stages.append(
                    Stage(
                        name,
                        f"edgekd.pipeline.measure:{action}",
                        {**parameters, "stage": name},
                        needs,
                        packages=(_RUNTIMES[target.runtime],),
                        alone=alone,
                    )
                )
        return stages

    def _augmentation(self) -> dict[str, Any] | None:
        augmentation = self.recipe.augmentation
        return None if augmentation is None else augmentation.model_dump(mode="json")

    def _file(self, role: str) -> Path:
        spec = self.recipe.teacher if role == "teacher" else self.recipe.student
        return network_file(spec, self.folder).resolve()

    def _network_inputs(self, role: str) -> tuple[dict[str, str], dict[str, str]]:
        file = self._file(role)
        return {"network": sha256_of(file)}, {"network": str(file)}

    @staticmethod
    def _network(spec: Network) -> dict[str, Any]:
        return spec.model_dump(mode="json", include={"network", "arguments"})


def _target_parameters(target: Target, precision: Precision) -> dict[str, Any]:
    """What of a target changes an artifact or its measurement."""
    dump = target.model_dump(mode="json", exclude={"budget", "description", "packages"})
    return {**dump, "precisions": [precision]}
