"""The kernels for the M-profile vector extension (integer), in order of preference."""

from __future__ import annotations

from edgekd.export.c.lowering.mve import convolution, depthwise, elementwise, pool
from edgekd.export.c.lowering.mve import fully_connected as dense
from edgekd.export.c.step import Lowering

LOWERINGS: dict[str, tuple[Lowering, ...]] = {
    "CONV_2D": (
        convolution.pointwise,
        convolution.by_strips,
        convolution.by_strips_int4,
    ),
    "DEPTHWISE_CONV_2D": (depthwise.depthwise,),
    "FULLY_CONNECTED": (dense.fully_connected,),
    "ADD": (elementwise.add,),
    "SUB": (elementwise.add,),
    "MUL": (elementwise.multiply,),
    "AVERAGE_POOL_2D": (pool.average_pool,),
    "MEAN": (pool.mean,),
    "EMBEDDING_MEAN": (pool.embedding_mean,),
    "MAX_POOL_2D": (pool.max_pool,),
}
