"""``.onnx`` with past key values, named as optimum-onnx names them.

``input_ids``, ``attention_mask``, ``position_ids`` (where the graph has them, int64) and
``past_key_values.N.key`` / ``.value`` give ``logits`` and ``present.N.key`` / ``.value``, which
are the next call's past: the cache grows by what is fed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.devices.runtime_onnx import open_session
from edgekd.errors import BadInput, RunFailed
from edgekd.language.decoding.contract import LanguageBundle
from edgekd.language.decoding.conversation import ArtifactConversation, Tokens

_PAST, _PRESENT = "past_key_values.", "present."
_PLAIN = {"input_ids", "attention_mask", "position_ids"}
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxDecoder(ArtifactConversation):
    """See :class:`edgekd.language.decoding.contract.Decoder`."""

    def __init__(self, bundle: LanguageBundle, session: Any) -> None:
        super().__init__(bundle)
        self._session = session
        inputs = session.get_inputs()
        self._plain = [node.name for node in inputs if node.name in _PLAIN]
        self._caches = [node.name for node in inputs if node.name.startswith(_PAST)]
        self._empty = {
            node.name: _empty_cache(node) for node in inputs if node.name in self._caches
        }
        # Values of the runtime: no cache is copied between two calls.
        self._past: dict[str, Any] = {}

    def reset(self) -> None:
        """Forget the conversation."""
        super().reset()
        self._past = {}

    def _call(self, tokens: Tokens) -> npt.NDArray[Any]:
        end = self.position + len(tokens)
        arrays = {
            "input_ids": tokens[None],
            "attention_mask": np.ones((1, end), np.int64),
            "position_ids": np.arange(self.position, end)[None],
        }
        binding = self._session.io_binding()
        for name in self._plain:
            binding.bind_cpu_input(name, np.ascontiguousarray(arrays[name]))
        for name in self._caches:
            if name in self._past:
                binding.bind_ortvalue_input(name, self._past[name])
            else:
                binding.bind_cpu_input(name, self._empty[name])
        outputs = ["logits", *(_present(name) for name in self._caches)]
        for name in outputs:
            binding.bind_output(name)
        try:
            self._session.run_with_iobinding(binding)
        # The binding's exceptions derive from Exception alone.
        except Exception as error:
            raise RunFailed(f"the inference failed: {error}") from error
        logits, *caches = binding.get_outputs()
        self._past = dict(zip(self._caches, caches, strict=True))
        found: npt.NDArray[Any] = logits.numpy()
        return found


def open_artifact(folder: Path, bundle: LanguageBundle, threads: int) -> OnnxDecoder:
    """Load an ``.onnx``; see :func:`edgekd.language.decoding.contract.open_decoder`."""
    path = folder / bundle.model
    session = open_session(path, threads, reference=False)
    inputs = {node.name for node in session.get_inputs()}
    caches = {name for name in inputs if name.startswith(_PAST)}
    outputs = {node.name for node in session.get_outputs()}
    missing = {"logits", *map(_present, caches)} - outputs
    unknown = inputs - caches - _PLAIN
    if "input_ids" not in inputs or not caches or missing or unknown:
        detail = sorted(missing or unknown or {"input_ids, past_key_values"})[0]
        raise BadInput(
            f"is no decoder with past key values: {detail[:80]!r}",
            where=str(path),
            mend="export it with past key values, as optimum-onnx names them",
        )
    return OnnxDecoder(bundle, session)


def _present(past: str) -> str:
    return _PRESENT + past.removeprefix(_PAST)


def _empty_cache(node: Any) -> npt.NDArray[Any]:
    """A cache of no positions; its shape is ``[batch, heads, positions, head width]``."""
    if len(node.shape) != 4 or node.type not in _FLOATS:
        raise BadInput(f"the past {node.name[:80]!r} is no cache of floats in four dimensions")
    _, heads, _, width = node.shape
    if not isinstance(heads, int) or not isinstance(width, int):
        raise BadInput(f"the past {node.name[:80]!r} does not tell its heads and their width")
    return np.empty((1, heads, 0, width), _FLOATS[node.type])
