"""Export any causal language model of Hugging Face's, a folder or an id, to a ``.pte`` file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from edgekd.catalog import find_targets
from edgekd.errors import BadInput
from edgekd.packages import PREFIX
from edgekd.pipeline.foreign.export import whole_folder
from edgekd.target import Target
from edgekd.third_party import quiet, reason, require

CACHE_LENGTH = 1024
# The ending of a file; versions and sizes in ids ("-2.5-1.7B") begin with a digit.
_FILE = re.compile(r"\.[a-z][a-z0-9]{1,6}")
_TEMPLATE_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token")
_PRECISIONS = ("fp32", "int8", "int4")


def is_hugging_face(model: Path) -> bool:
    """Whether this names a folder, a package or an id, and not a file."""
    if model.exists() or str(model).startswith(PREFIX):
        return not model.is_file()
    return len(model.parts) == 2 and not _FILE.fullmatch(model.suffix)


def export_language_model(
    model: str, target_name: str, precision: str, out: Path | None, cache_length: int | None
) -> Path:
    """Export a language model by optimum-executorch; the folder appears whole or not at all.

    The tool has an environment of its own, which is built when it is first needed.

    Args:
        model: a folder written by ``save_pretrained``, an id, or ``package:NAME``.
        target_name: a target that runs ``.pte`` files on XNNPACK, or the path of one's own.
        precision: ``fp32``, ``int8`` or ``int4``.
        out: a folder for the target is made in it; null: ``exports/NAME``.
        cache_length: positions of a conversation; null: ``CACHE_LENGTH``, or fewer where the
            model was made for fewer.

    Returns:
        The folder with ``model.pte``, ``tokenizer.json`` and ``language.json``, which ``edgekd
        chat`` opens.

    Raises:
        BadInput: the model, the target or the precision is wrong.
        MissingPackage: ExecuTorch, transformers or pip is not installed.
        RunFailed: the tool could not be set up or failed.
    """
    from edgekd.language.decoding.chat_template import TEMPLATE_FILE
    from edgekd.language.export.bundle import DecoderDescription, write_decoder_bundle
    from edgekd.language.export.optimum_executorch import export_hugging_face

    [target] = find_targets([target_name])
    _check_target(target)
    if precision not in _PRECISIONS:
        raise BadInput(
            f"there is no precision {precision!r}", mend=f"known: {', '.join(_PRECISIONS)}"
        )
    chosen = cast("Literal['fp32', 'int8', 'int4']", precision)
    folder = _folder(model)
    known = _known(folder)
    length = _cache_length(known.config, cache_length)
    name = Path(model.removeprefix(PREFIX)).resolve().name
    final = (out or Path("exports") / name) / target.name / precision
    with whole_folder(final) as scratch:
        known.tokenizer.save(str(scratch / "tokenizer.json"))
        template = None
        if known.chat_template is not None:
            template = scratch / TEMPLATE_FILE
            template.write_text(known.chat_template, encoding="utf-8")
        exported = export_hugging_face(folder, chosen, length, scratch)
        about = DecoderDescription(
            name=name,
            rung=precision,
            vocabulary=known.config.vocab_size,
            cache_length=length,
            end_tokens=known.end_tokens,
            tokenizer=scratch / "tokenizer.json",
            chat_template=template,
            template_tokens=known.template_tokens,
        )
        write_decoder_bundle(exported, "executorch", chosen, about)
    return final


def _check_target(target: Target) -> None:
    if target.format != "executorch" or target.runtime != "executorch" or target.sdk is not None:
        raise BadInput(
            f"the target {target.name} does not run .pte files on XNNPACK",
            mend="choose host-executorch, or a phone's",
        )


def _folder(model: str) -> Path:
    from edgekd.teachers.hugging_face import model_folder

    try:
        return model_folder(model, None)
    except BadInput as error:
        mend = "give a folder written by save_pretrained, or the id of a model"
        raise BadInput(error.what, where=error.where, mend=mend) from error


@dataclass(frozen=True)
class _Known:
    """What a model's folder tells without its weights.

    Attributes:
        config: of transformers.
        end_tokens: after any of these an answer is over.
        tokenizer: of ``tokenizers``.
        chat_template: Jinja; null: the model continues a text.
        template_tokens: texts of special tokens that it names.
    """

    config: Any
    end_tokens: tuple[int, ...]
    tokenizer: Any
    chat_template: str | None
    template_tokens: dict[str, str]


def _known(folder: Path) -> _Known:
    require("teachers", "torch", "transformers")
    import transformers

    from edgekd.language.teacher import end_tokens

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            config = transformers.AutoConfig.from_pretrained(folder, **local)
            generation = None
            if (folder / "generation_config.json").is_file():
                generation = transformers.GenerationConfig.from_pretrained(folder, **local)
            fast = transformers.AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
                folder, use_fast=True, **local
            )
            tokenizer = fast.backend_tokenizer
            template = fast.get_chat_template() if fast.chat_template else None
    # Unknown architectures, a tokenizer that exists in Python alone.
    except Exception as error:
        raise BadInput(
            f"transformers cannot read it: {reason(error)}",
            where=str(folder),
            mend="give a causal language model with a fast tokenizer",
        ) from error
    if not isinstance(getattr(config, "vocab_size", None), int):
        raise BadInput("is no language model: it tells no vocabulary", where=str(folder))
    special = fast.special_tokens_map
    tokens = {name: str(special[name]) for name in _TEMPLATE_TOKENS if name in special}
    return _Known(config, end_tokens(config, generation), tokenizer, template, tokens)


def _cache_length(config: Any, wanted: int | None) -> int:
    longest = getattr(config, "max_position_embeddings", None)
    if wanted is None:
        return min(CACHE_LENGTH, longest or CACHE_LENGTH)
    if longest is not None and wanted > longest:
        raise BadInput(
            f"the model was made for {longest} positions, not {wanted}", where="--cache-length"
        )
    return wanted
