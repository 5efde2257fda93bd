"""Folders of the Hugging Face hub: known families from config and weights, ONNX inside, and what is refused."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError, EdgekitError, MalformedModelError
from edgekit.reference import run_graph
from edgekit.types import Array
from edgekit_converters.huggingface.safetensors import TYPES, TensorFile
from tests.require import require_module

CODES = {v: k for k, v in TYPES.items()}
HIDDEN, HEADS, WORDS, POSITIONS = 8, 2, 20, 12
CONFIG = {
    "model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": HIDDEN, "num_attention_heads": HEADS,
    "num_hidden_layers": 2, "intermediate_size": 16, "vocab_size": WORDS, "max_position_embeddings": POSITIONS,
    "layer_norm_eps": 1e-12, "hidden_act": "gelu_new", "id2label": {"1": "good", "0": "bad"},
}  # fmt: skip


def save(path: Path, tensors: Mapping[str, Array]) -> Path:
    """Write a ``.safetensors`` file."""
    header, data = {}, b""
    for name, a in tensors.items():
        header[name] = {"dtype": CODES[str(a.dtype)], "shape": list(a.shape), "data_offsets": [len(data), len(data) + a.nbytes]}
        data += np.ascontiguousarray(a).tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def bert_weights() -> dict[str, Array]:
    """Small random weights under BERT's names."""
    r = np.random.default_rng(5)
    found: dict[str, Array] = {}

    def linear(name: str, out: int, into: int) -> None:
        found[f"{name}.weight"] = (r.standard_normal((out, into)) * 0.3).astype(np.float32)
        found[f"{name}.bias"] = (r.standard_normal(out) * 0.1).astype(np.float32)

    def norm(name: str) -> None:
        found[f"{name}.gamma"] = (1 + r.standard_normal(HIDDEN) * 0.1).astype(np.float32)  # as TensorFlow's checkpoints call it
        found[f"{name}.beta"] = (r.standard_normal(HIDDEN) * 0.1).astype(np.float32)

    for name, rows in (("word", WORDS), ("position", POSITIONS), ("token_type", 2)):
        found[f"bert.embeddings.{name}_embeddings.weight"] = r.standard_normal((rows, HIDDEN)).astype(np.float32)
    norm("bert.embeddings.LayerNorm")
    for i in range(2):
        at = f"bert.encoder.layer.{i}"
        for n in ("query", "key", "value"):
            linear(f"{at}.attention.self.{n}", HIDDEN, HIDDEN)
        linear(f"{at}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{at}.attention.output.LayerNorm")
        linear(f"{at}.intermediate.dense", 16, HIDDEN)
        linear(f"{at}.output.dense", HIDDEN, 16)
        norm(f"{at}.output.LayerNorm")
    linear("bert.pooler.dense", HIDDEN, HIDDEN)
    linear("classifier", 2, HIDDEN)
    return found


def bert(w: Mapping[str, Array], ids: Array, mask: Array, kinds: Array) -> Array:
    """The same network in numpy."""

    def linear(x: Array, name: str) -> Array:
        return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])

    def norm(x: Array, name: str) -> Array:
        x = x - x.mean(-1, keepdims=True)
        return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * w[f"{name}.gamma"] + w[f"{name}.beta"])

    e = "bert.embeddings."
    h = w[f"{e}word_embeddings.weight"][ids] + w[f"{e}token_type_embeddings.weight"][kinds]
    h = norm(h + w[f"{e}position_embeddings.weight"][: ids.shape[1]], "bert.embeddings.LayerNorm")
    for i in range(2):
        at = f"bert.encoder.layer.{i}"
        q, k, v = (
            linear(h, f"{at}.attention.self.{n}").reshape(*ids.shape, HEADS, -1).transpose(0, 2, 1, 3) for n in ("query", "key", "value")
        )
        s = q @ k.transpose(0, 1, 3, 2) / np.sqrt(HIDDEN // HEADS) + np.where(mask[:, None, None] != 0, 0, -np.inf)
        p = np.exp(s - s.max(-1, keepdims=True))
        a = (p / p.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(h.shape)
        h = norm(h + linear(a, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
        f = linear(h, f"{at}.intermediate.dense")
        f = 0.5 * f * (1 + np.tanh(np.sqrt(2 / np.pi) * (f + 0.044715 * f**3)))
        h = norm(h + linear(f, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return linear(np.tanh(linear(h[:, 0], "bert.pooler.dense")), "classifier")


def folder(path: Path, weights: Mapping[str, Array] | None = None, **changes: Any) -> Path:
    """A folder of a small BERT."""
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    save(path / "model.safetensors", bert_weights() if weights is None else weights)
    return path


def feeds() -> dict[str, Array]:
    """Two sentences, the second one shorter."""
    r = np.random.default_rng(1)
    ids = r.integers(0, WORDS, (2, 7))
    mask = np.ones((2, 7), np.int64)
    mask[1, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": r.integers(0, 2, (2, 7))}


def test_bert_without_torch(tmp_path: Path) -> None:
    path = folder(tmp_path / "bert")
    assert converters.find_converter(path).name == "huggingface"
    graph = converters.load(path)
    assert [v.name for v in graph.inputs] == ["input_ids", "attention_mask", "token_type_ids"] and graph.output_names == ["logits"]
    assert graph.metadata["labels"] == "bad\ngood"
    assert graph.inputs[0].shape[1].limits() == (1, POSITIONS)
    x = feeds()
    want = bert(bert_weights(), *x.values())
    np.testing.assert_allclose(run_graph(graph, x)["logits"], want, atol=1e-5)
    shapes = dict.fromkeys(x, (2, 7))
    with edgekit.Session(edgekit.convert(path, tmp_path / "bert.ekm", shapes=shapes).path) as session:
        np.testing.assert_allclose(session.run(x)["logits"], want, atol=1e-5)


def test_weights_in_several_files(tmp_path: Path) -> None:
    path, w = folder(tmp_path / "bert"), bert_weights()
    (path / "model.safetensors").unlink()
    names = list(w)
    parts = {"model-1.safetensors": names[:20], "model-2.safetensors": names[20:]}
    for file, held in parts.items():
        save(path / file, {n: w[n] for n in held})
    index = {"weight_map": {n: file for file, held in parts.items() for n in held}}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    np.testing.assert_allclose(run_graph(converters.load(path), feeds())["logits"], bert(w, *feeds().values()), atol=1e-5)
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    with pytest.raises(MalformedModelError, match="outside of the folder"):
        converters.load(path)


def test_an_onnx_model_inside_comes_first(tmp_path: Path) -> None:
    require_module("onnx", "onnx", "pip install onnx")
    import onnx
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2]) for n in "xy")
    model = helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y]))
    path = folder(tmp_path / "bert")
    (path / "onnx").mkdir()
    onnx.save(model, path / "onnx" / "model.onnx")
    graph = converters.load(path)
    assert [n.op for n in graph.nodes] == ["Relu"] and graph.metadata["labels"] == "bad\ngood"


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="BertForNextSentencePrediction"):
        converters.load(folder(tmp_path / "a", architectures=["BertForNextSentencePrediction"]))
    with pytest.raises(ConversionError, match="'quaint'"):
        converters.load(folder(tmp_path / "b", hidden_act="quaint"))
    with pytest.raises(MalformedModelError, match="does not split into 3 heads"):
        converters.load(folder(tmp_path / "c", num_attention_heads=3))
    with pytest.raises(MalformedModelError, match=r"layer\.2\.attention\.self\.query\.weight' is missing"):
        converters.load(folder(tmp_path / "d", num_hidden_layers=3))
    with pytest.raises(ConversionError, match=r"(pip install torch transformers|transformers cannot load it)"):
        converters.load(folder(tmp_path / "e", model_type="quixotic", architectures=["QuixoticModel"]))
    w = bert_weights()
    w["bert.embeddings.word_embeddings.weight"] = w["bert.embeddings.word_embeddings.weight"][:, :3]
    with pytest.raises(ConversionError, match=r"does not convert|embeddings"):
        converters.load(folder(tmp_path / "f", w))


def test_safetensors(tmp_path: Path) -> None:
    r = np.random.default_rng(3)
    arrays = {str(np.dtype(t)): (r.integers(0, 2, (2, 3))).astype(t) for t in TYPES.values() if t != "bfloat16"}
    arrays["scalar"] = np.asarray(2.5, np.float32)
    arrays["empty"] = np.zeros((0, 4), np.float32)
    found = TensorFile(save(tmp_path / "t.safetensors", arrays))
    assert list(found) == list(arrays)
    for name, a in arrays.items():
        np.testing.assert_array_equal(found[name], a)
        assert found[name].dtype == a.dtype


def test_broken_safetensors(tmp_path: Path) -> None:
    good = save(tmp_path / "good", bert_weights()).read_bytes()
    r = np.random.default_rng(9)
    path = tmp_path / "model.safetensors"
    refused = 0
    for k in range(120):
        data = bytearray(good[: int(r.integers(1, 5000))] if k % 2 else good)
        for _ in range(0 if k % 2 else 4):
            data[int(r.integers(0, 4000))] = int(r.integers(0, 256))
        path.write_bytes(data)
        try:
            held = TensorFile(path)
            for n in held:
                held[n].sum()
        except EdgekitError as e:
            assert str(path) in str(e)
            refused += 1
    assert refused > 60
    path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(MalformedModelError, match="outside of the file"):
        TensorFile(path)


FAMILY_CASES = (
    "BertModel", "BertForMaskedLM", "BertForQuestionAnswering", "BertForTokenClassification", "RobertaModel",
    "RobertaForSequenceClassification", "RobertaForMaskedLM", "DistilBertModel", "DistilBertForSequenceClassification",
    "DistilBertForMaskedLM", "ViTModel", "ViTForImageClassification", "AlbertModel",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAMILY_CASES)
def test_families_against_transformers(tmp_path: Path, name: str) -> None:
    require_module("transformers", "transformers", "pip install torch transformers")
    import torch
    import transformers

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    text = {"vocab_size": 100, "max_position_embeddings": 40}
    kind = getattr(transformers, name).config_class
    if name.startswith("DistilBert"):
        config = kind(dim=32, n_layers=2, n_heads=4, hidden_dim=64, **text)
    elif name.startswith("ViT"):
        config = kind(**sizes, image_size=32, patch_size=8)
    else:
        config = kind(**sizes, **text)
    module = getattr(transformers, name)(config).eval()
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.15)
    module.save_pretrained(tmp_path)
    graph = converters.load(tmp_path)
    batch = 1 if name == "AlbertModel" else 2
    if name.startswith("ViT"):
        inputs = {"pixel_values": torch.randn(batch, 3, 32, 32)}
    else:
        inputs = {"input_ids": torch.randint(2, 100, (batch, 9)), "attention_mask": torch.ones(batch, 9, dtype=torch.int64)}
    fed = {k: v.numpy() for k, v in inputs.items()}
    if any(v.name == "token_type_ids" for v in graph.inputs):
        fed["token_type_ids"] = np.zeros((batch, 9), np.int64)
    want = module(**inputs)
    for output, got in run_graph(graph, fed).items():
        a = want[output].detach().numpy()
        np.testing.assert_allclose(got, a, atol=1e-5 * float(np.ptp(a)))


def albert(folder: Path, **config: Any) -> Any:
    """A folder of a family that only transformers reads."""
    require_module("transformers", "transformers", "pip install torch transformers")
    import transformers

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "embedding_size": 16}
    module = transformers.AlbertModel(transformers.AlbertConfig(**sizes, vocab_size=100, max_position_embeddings=40))
    module.save_pretrained(folder)
    held = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**held, **config}))
    return module


@pytest.mark.filterwarnings("ignore")
def test_weights_that_the_folder_lacks_are_not_drawn_at_random(tmp_path: Path) -> None:
    albert(tmp_path)
    held = TensorFile(tmp_path / "model.safetensors")
    save(tmp_path / "model.safetensors", {n: held[n] for n in held if n != "pooler.weight"})
    with pytest.raises(MalformedModelError, match=r"pooler\.weight \(1 parameters\) of AlbertModel"):
        converters.load(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_transformers_says_nothing_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Its log lines hold texts of the file as they stand; with CI set it hands them to every handler of the process."""
    albert(tmp_path, model_type="\ud800")
    from transformers.utils import logging as messages

    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lines.append)
    logger = logging.getLogger("transformers")
    logger.addHandler(handler)
    before = messages.get_verbosity(), messages.is_progress_bar_enabled()
    capfd.readouterr()
    try:
        with contextlib.suppress(EdgekitError):
            converters.load(tmp_path)
    finally:
        logger.removeHandler(handler)
    assert lines == [] and capfd.readouterr() == ("", "")
    assert (messages.get_verbosity(), messages.is_progress_bar_enabled()) == before
