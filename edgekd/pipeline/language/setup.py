"""What a plan for a language model is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgekd.data.corpora import fingerprint
from edgekd.errors import BadInput
from edgekd.files import sha256_of
from edgekd.pipeline.plan.outside import Outside, resolve
from edgekd.recipe.language import LanguageRecipe
from edgekd.target import Target


@dataclass(frozen=True)
class LanguageSetup:
    """One recipe with everything resolved that its paths mean.

    Attributes:
        recipe: what is run.
        name: of the recipe.
        folder: the recipe's folder; relative paths in the recipe start there.
        targets: what is exported and measured.
    """

    recipe: LanguageRecipe
    name: str
    folder: Path
    targets: Sequence[Target]

    @cached_property
    def data_hash(self) -> str:
        """The content hash of the corpus."""
        corpus = self.recipe.corpus
        return fingerprint(corpus.model_copy(update=self.corpus_location))

    @cached_property
    def corpus_location(self) -> dict[str, str]:
        """Where the corpus is, if its source needs to be told."""
        path = self.recipe.corpus.path
        return {} if path is None else {"path": str(resolve(self.folder, path, "corpus.path"))}

    @cached_property
    def teacher(self) -> Outside:
        """The files of the teacher."""
        from edgekd.teachers import hugging_face

        teacher = self.recipe.teacher
        path = resolve(self.folder, teacher.path, "teacher.path")
        location = str(path) if path.exists() else teacher.path
        return Outside(
            {"teacher": hugging_face.fingerprint(location, teacher.revision)},
            {"teacher": location},
        )

    @cached_property
    def tokenizer(self) -> Outside:
        """The student's own tokenizer, if it has one."""
        return self._file("tokenizer", self.recipe.vocabulary.tokenizer, "vocabulary.tokenizer")

    @cached_property
    def sequences(self) -> Outside:
        """Texts that a teacher wrote, if the student learns from these."""
        return self._file("sequences", self.recipe.distill.sequences, "distill.sequences")

    def _file(self, name: str, text: str | None, key: str) -> Outside:
        if text is None:
            return Outside({}, {})
        path = resolve(self.folder, text, key)
        if not path.is_file():
            raise BadInput("there is no such file", where=str(path), mend=f"check {key}")
        return Outside({name: sha256_of(path)}, {name: str(path)})
