"""Embedding tables in static quantization. Imported only where torch is in use already.

A table has one scale: what is looked up then lies on the grid of an int8 tensor already, and a
device copies it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
from torch.fx import GraphModule
from torchao.quantization.pt2e import FakeQuantize, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, QuantizationSpec
from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY


class TableObserver(PerChannelMinMaxObserver):  # type: ignore[misc]
    """The range of the table of this very step, the same for each row.

    One scale, but a copy of it for each row: ExecuTorch's kernel reads one for each.
    """

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Read the range of a table ``[rows, columns]``, which comes back as it is."""
        self.reset_min_max_vals()
        super().forward(table)
        self.min_val.fill_(self.min_val.min())
        self.max_val.fill_(self.max_val.max())
        return table


class StaticQuantizer(XNNPACKQuantizer):  # type: ignore[misc]
    """ExecuTorch's annotation for XNNPACK, and int8 embedding tables, which it leaves in float.

    Args:
        fake: whether the tables are to be trained, with fake quantizers.
    """

    def __init__(self, *, fake: bool) -> None:
        """See the class."""
        super().__init__()
        make = FakeQuantize.with_args(observer=TableObserver) if fake else TableObserver
        self._table = QuantizationSpec(
            dtype=torch.int8,
            quant_min=-127,
            quant_max=127,
            qscheme=torch.per_channel_symmetric,
            ch_axis=0,
            observer_or_fake_quant_ctr=make,
        )

    def annotate(self, model: GraphModule) -> GraphModule:
        """Annotate a captured graph in place."""
        annotated: GraphModule = super().annotate(model)
        for node in annotated.graph.nodes:
            if node.target == torch.ops.aten.embedding.default:
                found = node.meta.get(Q_ANNOTATION_KEY, QuantizationAnnotation())
                node.meta[Q_ANNOTATION_KEY] = replace(
                    found,
                    input_qspec_map={**found.input_qspec_map, node.args[0]: self._table},
                    _annotated=True,
                )
        return annotated
