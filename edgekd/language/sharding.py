"""Models that do not fit one device: their parts lie in several processes (FSDP).

What a user of accelerate knows asks for it: ``accelerate launch --use_fsdp --fsdp_version 2``, or a
configuration file with the same. Each process holds its share of every weight, gradient and
optimizer state; a layer is gathered just before it computes and freed after it. Source: Zhao et
al. 2023, "PyTorch FSDP"; after ZeRO stage 3, Rajbhandari et al. 2020.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import torch
from torch import nn

from edgekd.errors import BadInput, RunFailed

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.utils import FullyShardedDataParallelPlugin

T = TypeVar("T")

# What accelerate launch sets for --use_fsdp.
_SWITCH = "ACCELERATE_USE_FSDP"


class Team(NamedTuple):
    """The processes that ask one teacher together.

    Attributes:
        number: of this process, from 0.
        processes: how many there are.
    """

    number: int = 0
    processes: int = 1

    def agree(self, value: T) -> T:
        """What the first process says; every process calls this."""
        if self.processes == 1:
            return value
        from accelerate.utils import broadcast_object_list

        message = [value]
        broadcast_object_list(message)
        return message[0]

    def wait(self) -> None:
        """Until every process is here."""
        if self.processes > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()


def team_of(accelerator: Accelerator) -> Team:
    """All processes of a launch."""
    return Team(accelerator.process_index, accelerator.num_processes)


def make_accelerator(mixed_precision: Literal["no", "bf16"]) -> Accelerator:
    """An Accelerator as the launcher asks for it, on CPUs too.

    Raises:
        BadInput: FSDP version 1 is asked for.
        RunFailed: the number format cannot be used here.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # It is shared by all Accelerators of a process, and holds the number format of the last one.
    AcceleratorState._reset_state(reset_partial_state=True)
    plugin = _plugin()
    try:
        accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), mixed_precision=mixed_precision, fsdp_plugin=plugin
        )
    except ValueError as error:
        raise RunFailed(
            f"{mixed_precision} cannot be used here: {error}",
            where="training.mixed_precision",
            mend="use no",
        ) from error
    if plugin is not None and not accelerator.is_fsdp2 and accelerator.num_processes > 1:
        _shard_on_cpu(accelerator, plugin)
    return accelerator


def place_teacher(teacher: nn.Module, accelerator: Accelerator) -> nn.Module:
    """A teacher where it is asked: whole on each device, or sharded where FSDP is asked for.

    A sharded teacher computes what a whole one does, to the bit: its weights keep their number
    format and are never cast on the way. All processes must ask it equally often.

    Args:
        teacher: changed in place; it is not trained any more.
        accelerator: of :func:`make_accelerator`.
    """
    # Autocast keeps what it casts of trainable weights: in the end all layers, gathered.
    teacher.requires_grad_(False).eval()
    if not accelerator.is_fsdp2:
        return teacher.to(accelerator.device)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    if isinstance(teacher, FSDPModule):
        return teacher
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for layer in _layers(teacher):
        fully_shard(layer, mesh=mesh)
    # It would be kept gathered for the backward pass that a student has.
    fully_shard(teacher, mesh=mesh, reshard_after_forward=True)
    return teacher


def is_sharded(model: nn.Module) -> bool:
    """Whether a model's weights lie in several processes."""
    from torch.distributed.fsdp import FSDPModule

    return isinstance(model, FSDPModule)


def _plugin() -> FullyShardedDataParallelPlugin | None:
    """What the launcher says of FSDP; null: it is not asked for."""
    if os.environ.get(_SWITCH, "false").lower() != "true":
        return None
    from accelerate.utils import FullyShardedDataParallelPlugin

    # Loading on the first process alone goes over the meta device, where shared weights come apart.
    # Weights are mapped from their file, so that all processes of a machine share that memory.
    plugin = FullyShardedDataParallelPlugin(cpu_ram_efficient_loading=False)
    if plugin.fsdp_version != 2:
        raise BadInput(
            f"FSDP version {plugin.fsdp_version} is not supported",
            where="accelerate launch",
            mend="add --fsdp_version 2, or set fsdp_version: 2 in fsdp_config",
        )
    return plugin


def _shard_on_cpu(accelerator: Accelerator, plugin: FullyShardedDataParallelPlugin) -> None:
    """Let accelerate do with CPU processes what it does with GPUs; it passes FSDP over there.

    Everything else, preparing, clipping, checkpoints, is accelerate's own and the same.
    """
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    if accelerator.mixed_precision != "no":
        plugin.set_mixed_precision(accelerator.mixed_precision)
    state = accelerator.state
    state.fsdp_plugin = plugin
    state.distributed_type = DistributedType.FSDP
    PartialState._shared_state["distributed_type"] = DistributedType.FSDP


def _layers(model: nn.Module) -> list[nn.Module]:
    """The modules that are gathered as one: by the names that models of transformers give too."""
    names: set[str] = set()
    for module in model.modules():
        names.update(getattr(module, "_no_split_modules", None) or ())
    return [module for module in model.modules() if type(module).__name__ in names]
