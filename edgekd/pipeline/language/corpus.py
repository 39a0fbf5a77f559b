"""Stage action: the text becomes tokens that teacher and student share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from edgekd.data.corpora import corpus_files
from edgekd.errors import BadInput
from edgekd.files import write_json
from edgekd.pipeline.language.files import (
    MODEL,
    PARTS,
    TOKEN_MAP,
    TOKENIZER,
    CorpusFacts,
)
from edgekd.pipeline.stage import StageContext
from edgekd.recipe.language import Corpus

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from edgekd.language.corpus import Split
    from edgekd.language.teacher import LanguageTeacher
    from edgekd.language.vocabulary import Ids


def prepare_corpus(context: StageContext) -> None:
    """Split the text, bring the vocabularies together, write tokens and the teacher that fits.

    Raises:
        BadInput: the vocabularies cannot be brought together; what differs is named.
    """
    from edgekd.data.tokenizer import load_tokenizer, save_tokenizer
    from edgekd.language.corpus import split_by_position, tokenize
    from edgekd.language.network import CausalLanguageModel, save_language_model
    from edgekd.language.teacher import open_teacher
    from edgekd.language.tokens import Tokens
    from edgekd.language.vocabulary import slice_vocabulary, write_token_map

    path = {key: value for key, value in context.locations.items() if key == "path"}
    corpus = Corpus.model_validate({**context.parameters["corpus"], **path})
    teacher = open_teacher(context.locations["teacher"], context.parameters["revision"])
    if not isinstance(teacher.model, CausalLanguageModel):
        raise BadInput(
            "is not of the Llama family: no student can be cut out of it",
            where=context.locations["teacher"],
            mend="give another teacher, or texts that it wrote (distill.sequences)",
        )
    split = split_by_position(corpus_files(corpus), corpus.validation, corpus.test)
    tokenizer, ids = _aligned(context, teacher, split)
    save_tokenizer(tokenizer, context.out / TOKENIZER)
    # A teacher's own is a stranger's too: what later stages would refuse is refused here.
    load_tokenizer(context.out / TOKENIZER)
    for part in PARTS:
        tokenize(getattr(split, part), tokenizer, context.out / part, context.progress)
    model = teacher.model
    if ids is not None:
        model = slice_vocabulary(model, ids)
        write_token_map(ids, context.out / TOKEN_MAP)
    save_language_model(model, context.out / MODEL)
    tokens = {part: Tokens(context.out / part) for part in PARTS}
    ends = list(teacher.end_tokens)
    known = ends if ids is None else [place for place, old in enumerate(ids) if int(old) in ends]
    facts = CorpusFacts(
        tokens={part: len(found) for part, found in tokens.items()},
        test_bytes=tokens["test"].manifest.text_bytes,
        teacher_vocabulary=teacher.model.architecture.vocabulary,
        vocabulary=model.architecture.vocabulary,
        alignment=str(context.parameters["vocabulary"]["alignment"]),
        end_tokens=known,
    )
    write_json(context.out / "corpus.json", facts.model_dump(mode="json"))


def _aligned(
    context: StageContext, teacher: LanguageTeacher, split: Split
) -> tuple[Tokenizer, Ids | None]:
    """The tokenizer of both, and the rows of the teacher that it needs; null: all as they are."""
    from edgekd.data.tokenizer import load_tokenizer
    from edgekd.language.corpus import tokenize
    from edgekd.language.tokens import Tokens
    from edgekd.language.trimming import trim_tokenizer
    from edgekd.language.vocabulary import map_by_text, require_mapped, require_same

    alignment = context.parameters["vocabulary"]["alignment"]
    own = context.locations.get("tokenizer")
    if alignment == "same":
        if own is not None:
            require_same(teacher.tokenizer, load_tokenizer(Path(own)))
        return teacher.tokenizer, None
    counted = context.out / "counted"
    student = teacher.tokenizer if own is None else load_tokenizer(Path(own))
    tokenize(split.train, student, counted, context.progress)
    counts = Tokens(counted).counts()
    shutil.rmtree(counted)
    if alignment == "trimmed":
        trimmed = trim_tokenizer(student, counts.nonzero()[0].tolist())
        return trimmed.tokenizer, trimmed.token_map
    ids = map_by_text(student, teacher.tokenizer)
    share = require_mapped(ids, counts, student)
    if share < 1:
        raise BadInput(
            f"{1 - share:.1%} of the student's tokens are none of the teacher's",
            where="vocabulary.tokenizer",
            mend="take them out of the tokenizer, or use alignment: trimmed",
        )
    return student, ids
