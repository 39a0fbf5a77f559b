"""Makes an image model take NHWC without a transpose left in its TFLite graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule, Node


def channels_last(model: torch.nn.Module, sample_shape: tuple[int, ...]) -> torch.nn.Module:
    """Wrap an image model so that it takes ``[1, H, W, C]`` instead of ``[1, C, H, W]``.

    litert-torch moves the layout change through convolutions and pooling by itself, but not
    through a flatten. A flatten that feeds linear layers is therefore put into NHWC order here,
    and the columns of those layers' weights with it: the numbers stay the same, and so do the
    rows that quantization scales.

    Args:
        model: module in eval mode that takes ``[1, C, H, W]``.
        sample_shape: ``(C, H, W)``.
    """
    import litert_torch
    import torch

    _move_layout_through_padding()
    example = torch.zeros(1, *sample_shape)
    graph_module = torch.export.export(model, (example,)).module(check_guards=False)
    for node in list(graph_module.graph.nodes):
        linears = _linears_behind_flatten(node)
        if linears:
            _flatten_in_nhwc_order(graph_module, node, linears)
    graph_module.recompile()
    wrapped: torch.nn.Module = litert_torch.to_channel_last_io(graph_module, args=[0])
    for module in wrapped.modules():
        module.training = False  # exported modules refuse eval()
    return wrapped


def _move_layout_through_padding() -> None:
    """Give litert-torch the rule that it lacks: a constant pad of images in NHWC.

    Without it an image network that pads before its convolutions, as residual networks of
    TensorFlow do, gets a transpose before and after each pad.
    """
    import torch
    from litert_torch._convert.fx_passes.optimize_layout_transposes_pass import layout_rewrite

    pad = torch.ops.aten.constant_pad_nd.default

    def padded(images: torch.Tensor, sizes: list[int], *value: float) -> torch.Tensor:
        # Pairs of (before, after), from the last axis of NCHW backwards.
        width, height, channels, samples = (
            [*sizes, *[0] * (8 - len(sizes))][start : start + 2] for start in (0, 2, 4, 6)
        )
        moved: torch.Tensor = pad(images, [*channels, *width, *height, *samples], *value)
        return moved

    @layout_rewrite.rewriters.register(pad)  # type: ignore[untyped-decorator]
    def rewrite(node: Node) -> None:
        node.target = padded


def _linears_behind_flatten(node: Node) -> list[Node]:
    """The linear layers that a flatten of an image feeds; empty if it feeds anything else."""
    import torch

    aten = torch.ops.aten
    if node.target not in (aten.flatten.using_ints, aten.view.default, aten.reshape.default):
        return []
    image, flat = node.all_input_nodes[0].meta["val"].shape, node.meta["val"].shape
    if len(image) != 4 or tuple(flat) != (image[0], image[1:].numel()):
        return []
    linears: list[Node] = []
    users = list(node.users)
    while users:
        user = users.pop()
        if user.target in (aten.dropout.default, aten.relu.default):
            users.extend(user.users)
        elif user.target == aten.linear.default and _owns_its_weight(user):
            linears.append(user)
        else:
            return []
    return linears


def _owns_its_weight(linear: Node) -> bool:
    weight = linear.all_input_nodes[1]
    return weight.op == "get_attr" and len(weight.users) == 1


def _flatten_in_nhwc_order(graph_module: GraphModule, flatten: Node, linears: list[Node]) -> None:
    import torch

    image = flatten.all_input_nodes[0]
    _, channels, height, width = image.meta["val"].shape
    with graph_module.graph.inserting_before(flatten):
        permuted = graph_module.graph.call_function(
            torch.ops.aten.permute.default, (image, [0, 2, 3, 1])
        )
    flatten.replace_input_with(image, permuted)
    for linear in linears:
        name = str(linear.all_input_nodes[1].target)
        weight = graph_module.get_parameter(name).detach()
        by_pixel = weight.reshape(-1, channels, height, width).permute(0, 2, 3, 1)
        module_name, _, leaf = name.rpartition(".")
        columns_moved = torch.nn.Parameter(by_pixel.reshape(weight.shape), requires_grad=False)
        setattr(graph_module.get_submodule(module_name), leaf, columns_moved)
