"""Small models of families that go through ``torch.export``: from the module to the C runtime, against transformers' own numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from tests.require import require_module

TEXT = {
    "vocab_size": 60, "max_position_embeddings": 32, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 32, "pad_token_id": 0,
}  # fmt: skip
SPEECH = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "conv_dim": [8, 8], "conv_kernel": [10, 3],
    "conv_stride": [5, 2], "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
WHISPER = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "vocab_size": 60, "num_mel_bins": 8, "max_source_positions": 10,
    "max_target_positions": 12, "pad_token_id": 0, "decoder_start_token_id": 1,
}  # fmt: skip
#: architecture -> its config, and its inputs: a shape of pictures or sound, or a number of tokens
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "LlamaForCausalLM": ({**TEXT, "num_key_value_heads": 1}, {"input_ids": 7, "use_cache": False}),
    "MixtralForCausalLM": ({**TEXT, "num_key_value_heads": 1, "num_local_experts": 3}, {"input_ids": 5, "use_cache": False}),
    "WavLMModel": (SPEECH, {"input_values": (1, 400)}),
    "WhisperModel": (WHISPER, {"input_features": (1, 8, 20), "decoder_input_ids": 4, "use_cache": False}),
    "MobileNetV2ForImageClassification": ({"depth_multiplier": 0.1, "image_size": 32}, {"pixel_values": (1, 3, 32, 32)}),
    "SwinModel": (
        {"image_size": 16, "patch_size": 2, "embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": 4},
        {"pixel_values": (1, 3, 16, 16)},
    ),
    "SegformerForImageClassification": (
        {"hidden_sizes": [8, 16], "depths": [1, 1], "num_attention_heads": [1, 2], "num_encoder_blocks": 2, "sr_ratios": [2, 1]},
        {"pixel_values": (1, 3, 32, 32)},
    ),
}


def _module(name: str) -> Any:
    require_module("transformers", "transformers", "pip install torch transformers")
    import torch
    import transformers

    torch.manual_seed(0)
    kind = getattr(transformers, name)
    module = kind(kind.config_class(**CASES[name][0])).eval()
    for p in module.parameters():
        torch.nn.init.normal_(p, mean=0.02, std=0.15)
    return module


def _inputs(name: str) -> dict[str, Any]:
    import torch

    return {
        n: torch.randn(v) if isinstance(v, tuple) else v if isinstance(v, bool) else torch.randint(3, 59, (1, v))
        for n, v in CASES[name][1].items()
    }


def _compare(path: Path, module: Any, inputs: dict[str, Any]) -> None:
    import torch

    with torch.no_grad():
        want = list(module(**inputs).to_tuple())
    with edgekit.Session(path) as session:
        got = session.run({n: v.numpy() for n, v in inputs.items() if isinstance(v, torch.Tensor)})
    assert len(got) == len(want)
    for (output, a), tensor in zip(got.items(), want, strict=True):
        b = tensor.numpy()
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * float(np.ptp(b)), err_msg=output)


@pytest.mark.filterwarnings("ignore")  # torch warns of its own future
@pytest.mark.parametrize("name", CASES)
def test_an_architecture_converts(tmp_path: Path, name: str) -> None:
    module, inputs = _module(name), _inputs(name)
    done = edgekit.convert(module, tmp_path / "model.ekm", options=edgekit.ConvertOptions(example_inputs=inputs))
    _compare(done.path, module, inputs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "shapes"), [("LlamaForCausalLM", {}), ("WavLMModel", {"input_values": (1, 400)}), ("MobileNetV2ForImageClassification", {})]
)
def test_a_folder_tells_its_inputs(tmp_path: Path, name: str, shapes: dict[str, Any]) -> None:
    """Tokens, sound and pictures by what class and config say; the number of tokens stays open, a cache is no output."""
    module, inputs = _module(name), _inputs(name)
    module.save_pretrained(tmp_path / "folder")
    done = edgekit.convert(tmp_path / "folder", tmp_path / "model.ekm", shapes=shapes)
    if "input_ids" in inputs:
        inputs = {**inputs, "attention_mask": inputs["input_ids"] * 0 + 1}
    _compare(done.path, module, inputs)
