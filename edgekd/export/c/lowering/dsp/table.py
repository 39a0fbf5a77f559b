"""The kernels for the DSP extension of Armv7E-M and Armv8-M; plain ones where these do not fit."""

from __future__ import annotations

from edgekd.export.c.lowering.dsp.averages import average_pool, embedding_mean, mean
from edgekd.export.c.lowering.dsp.clamp import clamped
from edgekd.export.c.lowering.dsp.convolution import convolution
from edgekd.export.c.lowering.dsp.depthwise import depthwise
from edgekd.export.c.lowering.dsp.elementwise import add
from edgekd.export.c.lowering.dsp.fully_connected import fully_connected
from edgekd.export.c.lowering.dsp.pool import max_pool
from edgekd.export.c.lowering.dsp.winograd import convolution as winograd_convolution
from edgekd.export.c.step import Lowering

LOWERINGS: dict[str, tuple[Lowering, ...]] = {
    "CONV_2D": (clamped(winograd_convolution), clamped(convolution)),
    "DEPTHWISE_CONV_2D": (clamped(depthwise),),
    "FULLY_CONNECTED": (clamped(fully_connected),),
    "AVERAGE_POOL_2D": (average_pool,),
    "MAX_POOL_2D": (max_pool,),
    "MEAN": (mean,),
    "EMBEDDING_MEAN": (embedding_mean,),
    "ADD": (clamped(add),),
    "SUB": (clamped(add),),
}
