"""``.pte``: ``forward(tokens [1, S], position [1] or [S])``, its cache in its own memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.devices.runtimes import LoadedModel, open_runtime
from edgekd.errors import BadInput
from edgekd.language.decoding.contract import LanguageBundle
from edgekd.language.decoding.conversation import ArtifactConversation, Tokens
from edgekd.third_party import quiet


class ExecutorchDecoder(ArtifactConversation):
    """See :class:`edgekd.language.decoding.contract.Decoder`.

    A conversation that starts anew leaves the old cache where it is: the program looks at no
    position behind the present one.
    """

    def __init__(self, bundle: LanguageBundle, model: LoadedModel) -> None:
        super().__init__(bundle)
        self._model = model
        tokens, position = model.signature.inputs
        self._dtypes = np.dtype(tokens.dtype), np.dtype(position.dtype)
        # Files of optimum-executorch take the position of each token, not that of the first.
        self._each_position = position.shape != [1]

    def _call(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        token_dtype, position_dtype = self._dtypes
        count = len(tokens) if self._each_position else 1
        position = np.arange(self.position, self.position + count, dtype=position_dtype)
        self._model.prepare([tokens[None].astype(token_dtype), position])
        self._model.invoke()
        return self._model.results()[0]


def open_artifact(folder: Path, bundle: LanguageBundle, threads: int) -> ExecutorchDecoder:
    """Load a ``.pte``; see :func:`edgekd.language.decoding.contract.open_decoder`."""
    path = folder / bundle.model
    with quiet():
        model = open_runtime("executorch", threads).load(path, reference=False)
    dtypes = [info.dtype for info in model.signature.inputs]
    if len(dtypes) != 2 or not set(dtypes) <= {"int32", "int64"}:
        raise BadInput(
            f"takes {', '.join(dtypes) or 'nothing'}, not tokens and a position", where=str(path)
        )
    return ExecutorchDecoder(bundle, model)
