"""Puts beside an exported language model what a decoder needs: the tokenizer and the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgekd.errors import RunFailed
from edgekd.files import sha256_of
from edgekd.language.decoding.bundle_file import write_language_bundle
from edgekd.language.decoding.chat_template import TEMPLATE_FILE
from edgekd.language.decoding.contract import LanguageBundle, LanguageFormat
from edgekd.language.export.contract import ExportedDecoder
from edgekd.records import Precision

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class DecoderDescription:
    """What an artifact does not know of itself.

    Attributes:
        name: of the model, for people.
        rung: on the ladder.
        vocabulary: tokens that the model knows.
        cache_length: positions that one conversation may fill.
        end_tokens: after any of these an answer is over.
        tokenizer: a ``tokenizers`` JSON file.
        token_map: for a trimmed vocabulary, its file.
        chat_template: a Jinja template; null: the model continues a text.
        template_tokens: texts of special tokens that it names.
    """

    name: str
    rung: str
    vocabulary: int
    cache_length: int
    end_tokens: Sequence[int]
    tokenizer: Path
    token_map: Path | None = None
    chat_template: Path | None = None
    template_tokens: Mapping[str, str] = field(default_factory=dict)


def write_decoder_bundle(
    exported: ExportedDecoder,
    format_: LanguageFormat,
    precision: Precision,
    about: DecoderDescription,
) -> LanguageBundle:
    """Copy tokenizer and template beside an artifact and write ``language.json``.

    Raises:
        RunFailed: a file cannot be read, or the artifact's folder cannot be written.
    """
    folder = exported.path.parent
    tokenizer = _copied(about.tokenizer, folder / TOKENIZER_FILE)
    token_map = about.token_map and _copied(about.token_map, folder / about.token_map.name)
    template = about.chat_template and _copied(about.chat_template, folder / TEMPLATE_FILE)
    bundle = LanguageBundle(
        name=about.name,
        rung=about.rung,
        format=format_,
        precision=precision,
        scheme=exported.scheme,
        model=exported.path.name,
        sha256=sha256_of(exported.path),
        bytes=exported.path.stat().st_size,
        tokenizer=tokenizer.name,
        tokenizer_sha256=sha256_of(tokenizer),
        vocabulary=about.vocabulary,
        cache_length=about.cache_length,
        prefill=exported.prefill,
        end_tokens=list(about.end_tokens),
        token_map=token_map.name if token_map else None,
        token_map_sha256=sha256_of(token_map) if token_map else None,
        chat_template=template.name if template else None,
        chat_template_sha256=sha256_of(template) if template else None,
        template_tokens=dict(about.template_tokens),
        tools=exported.tools,
        preflight=exported.preflight,
    )
    write_language_bundle(folder, bundle)
    return bundle


def _copied(source: Path, target: Path) -> Path:
    """A copy; nothing is done where a file is its own copy."""
    try:
        if source.resolve() != target.resolve():
            target.write_bytes(source.read_bytes())
    except OSError as error:
        raise RunFailed(
            f"cannot be copied to {target}: {error.strerror}", where=str(source)
        ) from error
    return target
