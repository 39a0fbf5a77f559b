"""The same network as Hugging Face's ``LlamaForCausalLM``: weights go over, logits stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from edgekd.errors import BadInput
from edgekd.language.network import Architecture, CausalLanguageModel

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_TOP = {"embedding": "model.embed_tokens", "norm": "model.norm", "output": "lm_head"}
_LAYER = {
    "attention_norm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}


def to_transformers(model: CausalLanguageModel) -> LlamaForCausalLM:
    """The model as Hugging Face knows it, in eval mode; its weights are copies."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = model.architecture
    config = LlamaConfig(  # type: ignore[no-untyped-call]
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.width,
        intermediate_size=sizes.feed_forward,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.key_value_heads,
        head_dim=sizes.head_width,
        rope_theta=sizes.rope_base,
        rms_norm_eps=sizes.norm_epsilon,
        tie_word_embeddings=sizes.tied_embeddings,
        max_position_embeddings=sizes.context,
        # The defaults name tokens that a small vocabulary may not have.
        bos_token_id=None,
        eos_token_id=None,
    )
    llama = LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
    state = {theirs: model.state_dict()[ours] for ours, theirs in _names(sizes.layers).items()}
    llama.load_state_dict(state)
    llama.eval()  # type: ignore[no-untyped-call]
    return llama


def from_transformers(llama: Any) -> CausalLanguageModel:
    """A Hugging Face Llama as our network, in eval mode, float32; its weights are copies.

    Raises:
        BadInput: it is no Llama, or one with parts that our network does not have.
    """
    missing = what_differs(llama.config)
    if missing:
        raise BadInput(missing, where="teacher", mend="give a plain model of the Llama family")
    architecture = architecture_of(llama.config)
    with torch.device("meta"):
        model = CausalLanguageModel(architecture)
    theirs = llama.state_dict()
    state = {
        name: theirs[other].detach().to("cpu", torch.float32, copy=True)
        for name, other in _names(architecture.layers).items()
    }
    model.load_state_dict(state, assign=True)
    model.tie()
    return model.requires_grad_(True).eval()


def architecture_of(config: Any) -> Architecture:
    """The sizes in a ``LlamaConfig``."""
    heads = config.num_attention_heads
    return Architecture(
        vocabulary=config.vocab_size,
        width=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=heads,
        key_value_heads=config.num_key_value_heads or heads,
        head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
        feed_forward=config.intermediate_size,
        rope_base=config.rope_theta,
        norm_epsilon=config.rms_norm_eps,
        tied_embeddings=config.tie_word_embeddings,
        context=config.max_position_embeddings,
    )


def what_differs(config: Any) -> str:
    """What a Hugging Face configuration has that our network lacks; empty where it fits."""
    if config.model_type != "llama":
        return f"is of the kind {config.model_type!r:.40}, not llama"
    if getattr(config, "rope_scaling", None):
        return "stretches its rotary embeddings (rope_scaling)"
    if getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False):
        return "has biases"
    if config.hidden_act != "silu":
        return f"has the activation {config.hidden_act!r:.40}, not silu"
    return ""


def _names(layers: int) -> dict[str, str]:
    """Our name of each weight to theirs."""
    names = {f"{ours}.weight": f"{theirs}.weight" for ours, theirs in _TOP.items()}
    for layer in range(layers):
        for ours, theirs in _LAYER.items():
            names[f"layers.{layer}.{ours}.weight"] = f"model.layers.{layer}.{theirs}.weight"
    return names
