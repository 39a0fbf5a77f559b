"""What a plan is made from: the recipe, its folder, its targets, and the files that these name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgekd.data import find_source
from edgekd.errors import BadInput
from edgekd.files import sha256_of
from edgekd.networks import network_file
from edgekd.pipeline.plan.outside import Outside, resolve
from edgekd.recipe import Data, Network, Recipe, Teacher
from edgekd.target import Target


@dataclass(frozen=True)
class Setup:
    """One recipe with everything resolved that its paths mean.

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

    @cached_property
    def data_location(self) -> dict[str, str]:
        """Where the data is, if the source needs to be told."""
        path = self.recipe.data.path
        return {} if path is None else {"path": str(self.resolve(path, "data.path"))}

    @cached_property
    def tokenizers(self) -> Outside:
        """What texts are cut by: the tokenizer that the student's is taken from, the teacher's."""
        text, teacher = self.recipe.data.text, self.recipe.teacher
        outside = Outside({}, {})
        if text is not None and text.of is not None:
            outside |= self._tokenizer_file(text.of)
        if text is not None and teacher.has_tokenizer:
            outside |= self.teacher_file(teacher, "teacher")
        return outside

    @cached_property
    def data_hash(self) -> str:
        """The content hash of the data source."""
        data = Data.model_validate({**self.recipe.data.model_dump(), **self.data_location})
        return find_source(data.source).fingerprint(data)

    @property
    def augmentation(self) -> dict[str, Any] | None:
        """Of the recipe, as a stage parameter."""
        augmentation = self.recipe.augmentation
        return None if augmentation is None else augmentation.model_dump(mode="json")

    @property
    def stored_views(self) -> bool:
        """Whether views are rendered once, in stages of their own."""
        data = self.recipe.data
        rendered = data.front_end is not None or data.text is not None
        return rendered and self.recipe.augmentation is not None

    def resolve(self, text: str, key: str) -> Path:
        """A path of the recipe, with ``${NAME}`` and ``${NAME:-default}`` from the environment."""
        return resolve(self.folder, text, key)

    @cached_property
    def student_network(self) -> dict[str, Any]:
        """Function and arguments of the student, as a stage parameter."""
        return self.recipe.student.model_dump(mode="json")

    @cached_property
    def student_file(self) -> Outside:
        """The Python file of the student."""
        return self._network_file(self.recipe.student, "network")

    def teacher_file(self, member: Teacher, name: str = "network") -> Outside:
        """What a teacher is built from: the Python file of a torch module, the file of another.

        Raises:
            BadInput: there is no such file.
        """
        if member.kind == "torch":
            return self._network_file(member.architecture, name)
        assert member.path is not None
        from edgekd.teachers import fingerprint

        location = member.path
        path = self.resolve(location, "teacher.path")
        if member.kind != "hugging-face" or path.exists():
            location = str(path)
        return Outside({name: fingerprint(member, location)}, {name: location})

    def teacher_weights(self, member: Teacher) -> Outside:
        """The file of weights that a torch teacher is loaded from, if any."""
        if member.weights is None:
            return Outside({}, {})
        path = self.resolve(member.weights, "teacher.weights")
        if not path.is_file():
            raise BadInput("there is no such file", where=str(path), mend="teacher.weights")
        return Outside({"weights": sha256_of(path)}, {"weights": str(path)})

    def _tokenizer_file(self, text: str) -> Outside:
        from edgekd.teachers import hugging_face

        path = self.resolve(text, "data.text.of")
        if path.is_file():
            return Outside({"tokenizer": sha256_of(path)}, {"tokenizer": str(path)})
        location = str(path) if path.exists() else text
        found = hugging_face.fingerprint(location, None)
        return Outside({"tokenizer": found}, {"tokenizer": location})

    def _network_file(self, spec: Network, name: str) -> Outside:
        file = network_file(spec, self.folder).resolve()
        return Outside({name: sha256_of(file)}, {name: str(file)})
