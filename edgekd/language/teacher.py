"""A causal language model that teaches: from Hugging Face files, or from a quantized GGUF file.

A plain model of the Llama family becomes our own network, so that students can be cut from it. Any
other causal model is wrapped: it can be asked, not cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.language.llama import from_transformers, what_differs
from edgekd.language.network import CausalLanguageModel
from edgekd.packages import resolve_package
from edgekd.teachers.hugging_face import model_folder
from edgekd.third_party import quiet, reason, require

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_GGUF = "*.gguf"


@dataclass(frozen=True)
class LanguageTeacher:
    """A teacher and its words.

    Attributes:
        model: int ``[B, T]`` to logits ``[B, T, V]``, float32, in eval mode.
        tokenizer: its tokenizer.
        end_tokens: numbers of the tokens that end an answer; may be empty.
    """

    model: CausalLanguageModel | ForeignModel
    tokenizer: Tokenizer
    end_tokens: tuple[int, ...]


class ForeignModel(nn.Module):
    """A causal model of transformers that is not of the Llama family."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """int ``[B, T]`` to float ``[B, T, V]``."""
        logits: torch.Tensor = self.model(tokens.long(), use_cache=False).logits
        return logits


def open_teacher(path_or_id: str, revision: str | None = None) -> LanguageTeacher:
    """Open a causal language model.

    Args:
        path_or_id: a folder with safetensors weights as ``save_pretrained`` writes it, a folder
            with one ``.gguf`` file, a Hugging Face id, or ``package:NAME``.
        revision: of an id: a commit, tag or branch; null: the main branch.

    Raises:
        BadInput: not to be had, not safetensors, no causal language model, or without a tokenizer.
        MissingPackage: transformers is not installed.
    """
    require("teachers", "torch", "transformers")
    folder, file = locate(path_or_id, revision)
    model, tokenizer = _load(folder, file)
    own = ForeignModel(model) if what_differs(model.config) else from_transformers(model)
    return LanguageTeacher(own.eval(), tokenizer, end_tokens(model.config, model.generation_config))


def end_tokens(config: Any, generation: Any | None) -> tuple[int, ...]:
    """The tokens that end an answer, as transformers knows them; may be empty.

    Args:
        config: of the model.
        generation: its generation configuration, which goes first; null: there is none.
    """
    ends = generation.eos_token_id if generation else None
    ends = config.eos_token_id if ends is None else ends
    ends = ends if isinstance(ends, list) else [] if ends is None else [ends]
    return tuple(int(token) for token in ends)


def locate(path_or_id: str, revision: str | None = None) -> tuple[Path, Path | None]:
    """The folder of a teacher, and its GGUF file where it is one.

    Raises:
        BadInput: not to be had, more than one GGUF file, or pickled weights alone.
    """
    folder = resolve_package(path_or_id) or Path(path_or_id)
    files = sorted(folder.glob(_GGUF)) if folder.is_dir() else []
    if len(files) > 1:
        raise BadInput(
            f"holds {len(files)} GGUF files", where=str(folder), mend="give a folder with one"
        )
    if files:
        return folder, files[0]
    return model_folder(path_or_id, revision), None


def _load(folder: Path, file: Path | None) -> tuple[Any, Tokenizer]:
    import transformers

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if file is not None:
        local["gguf_file"] = file.name
    else:
        local["use_safetensors"] = True
    try:
        with quiet():
            model = transformers.AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, attn_implementation="eager", **local
            )
            local.pop("use_safetensors", None)
            fast = transformers.AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
                folder, use_fast=True, **local
            )
            return model, fast.backend_tokenizer
    # Damaged weights, unknown architectures, a tokenizer that exists in Python alone.
    except Exception as error:
        raise BadInput(
            f"transformers cannot load it: {reason(error)}",
            where=str(file or folder),
            mend="give a causal language model with a fast tokenizer",
        ) from error
