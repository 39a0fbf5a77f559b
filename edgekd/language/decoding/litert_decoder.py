"""``.tflite`` with a signature for each number of tokens, and the cache as inputs and outputs.

The signature ``decode`` takes one token, and ``prefill_<n>`` takes ``n``: ``tokens`` int32
``[1, n]``, ``position`` int32 ``[1]`` and the caches, which come back under the same names beside
``logits``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.language.decoding.contract import LanguageBundle
from edgekd.language.decoding.conversation import ArtifactConversation, Tokens

_TOKENS, _POSITION, _LOGITS = "tokens", "position", "logits"


class LitertDecoder(ArtifactConversation):
    """See :class:`edgekd.language.decoding.contract.Decoder`.

    Args:
        bundle: of the artifact.
        runners: signature runner for each number of tokens.
    """

    def __init__(self, bundle: LanguageBundle, runners: dict[int, Any]) -> None:
        super().__init__(bundle)
        self._runners = runners
        inputs = runners[1].get_input_details()
        self._dtypes = inputs[_TOKENS]["dtype"], inputs[_POSITION]["dtype"]
        self._empty = {
            name: np.zeros(details["shape"], details["dtype"])
            for name, details in inputs.items()
            if name not in (_TOKENS, _POSITION)
        }
        self._caches: dict[str, npt.NDArray[Any]] = self._empty

    def reset(self) -> None:
        """Forget the conversation."""
        super().reset()
        self._caches = self._empty

    def _call(self, tokens: Tokens) -> npt.NDArray[Any]:
        token_dtype, position_dtype = self._dtypes
        inputs = {
            _TOKENS: tokens[None].astype(token_dtype),
            _POSITION: np.array([self.position], position_dtype),
        }
        try:
            outputs = self._runners[len(tokens)](**inputs, **self._caches)
        except (ValueError, RuntimeError) as error:
            raise RunFailed(f"the inference failed: {error}") from error
        logits: npt.NDArray[Any] = outputs.pop(_LOGITS)
        self._caches = outputs
        return logits


def open_artifact(folder: Path, bundle: LanguageBundle, threads: int) -> LitertDecoder:
    """Load a ``.tflite``; see :func:`edgekd.language.decoding.contract.open_decoder`."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingPackage(
            "ai-edge-litert is not installed", mend='pip install "edgekd[tflite]"'
        ) from error
    path = folder / bundle.model
    try:
        interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
        signatures = interpreter.get_signature_list()
        names = {
            size: "decode" if size == 1 else f"prefill_{size}" for size in {1, *bundle.prefill}
        }
        missing = [name for name in names.values() if name not in signatures]
        if missing:
            raise BadInput(f"has no signature {sorted(missing)[0]!r}", where=str(path))
        runners = {size: interpreter.get_signature_runner(name) for size, name in names.items()}
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"LiteRT cannot load it: {error}", where=str(path)) from error
    for size, runner in runners.items():
        _check_signature(path, size, runner)
    return LitertDecoder(bundle, runners)


def _check_signature(path: Path, size: int, runner: Any) -> None:
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    caches = set(inputs) - {_TOKENS, _POSITION}
    if len(caches) != len(inputs) - 2 or set(outputs) != {_LOGITS, *caches}:
        raise BadInput(
            f"its signature for {size} tokens does not take {_TOKENS}, {_POSITION} and caches that "
            f"come back beside {_LOGITS}",
            where=str(path),
        )
    if list(inputs[_TOKENS]["shape"]) != [1, size]:
        raise BadInput(f"its signature for {size} tokens takes another number", where=str(path))
    changed = [
        name for name in caches if list(inputs[name]["shape"]) != list(outputs[name]["shape"])
    ]
    if changed:
        raise BadInput(f"its cache {changed[0][:80]!r} changes its shape", where=str(path))
