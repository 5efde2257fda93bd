"""The families of models whose graph is written from ``config.json`` and weights alone: BERT, DistilBERT, RoBERTa, ViT and their kin.

What each computes is told by the model's paper and by the layout of its weights: BERT (arXiv 1810.04805), DistilBERT (1910.01108), RoBERTa
(1907.11692), ViT (2010.11929).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgekit.errors import ConversionError, MalformedModelError
from edgekit.types import Array
from edgekit_converters.huggingface.network import Config, Network
from edgekit_converters.pytorch.program import Ref

MAX_LAYERS = 1000
Family = Callable[[Network, Config, str], None]


def _heads(config: Config, hidden: int, *names: str) -> int:
    heads = config.integer(*names)
    if heads < 1 or hidden % heads:
        raise MalformedModelError(f"config.json: a width of {hidden} does not split into {heads} heads")
    return heads


def _layers(config: Config, *names: str) -> int:
    n = config.integer(*names)
    if n > MAX_LAYERS:
        raise MalformedModelError(f"config.json: {n} layers")
    return n


def _text_inputs(net: Network, positions: int) -> tuple[Ref, Ref, Ref]:
    """``input_ids``, the number of positions, and the mask as attention takes it: true where a key may be seen."""
    net.ranges.update(batch=(1, None), sequence=(1, positions))
    ids = net.input("input_ids", "int64", ("batch", "sequence"))
    mask = net.input("attention_mask", "int64", ("batch", "sequence"))
    length = net.add("aten.sym_size.int", self=ids, dim=1)
    seen = net.add("aten.ne.Scalar", self=mask, other=0)
    seen = net.add("aten.unsqueeze.default", self=seen, dim=1)
    return ids, length, net.add("aten.unsqueeze.default", self=seen, dim=1)


def _embedded(net: Network, ids: Ref, name: str) -> Ref:
    return net.add("aten.embedding.default", weight=net.weight(f"{name}.weight"), indices=ids)


def bert(net: Network, config: Config, head: str) -> None:
    """BERT, MiniLM, Electra-less kin, and with positions that skip padding RoBERTa, XLM-R and CamemBERT."""
    hidden, eps = config.integer("hidden_size"), config.real("layer_norm_eps", default=1e-12)
    roberta = config.text("model_type", default="bert") != "bert"
    pad = config.integer("pad_token_id", default=1) if roberta else 0
    positions = config.integer("max_position_embeddings") - (pad + 1 if roberta else 0)
    if config.text("position_embedding_type", default="absolute") != "absolute":
        raise ConversionError("relative position embeddings are not supported; export the model with torch.export")
    ids, length, mask = _text_inputs(net, positions)
    if roberta:
        real = net.add("aten.to.dtype", self=net.add("aten.ne.Scalar", self=ids, other=pad), dtype=4)
        count = net.add("aten.cumsum.default", self=real, dim=1)
        places = net.add("aten.add.Scalar", self=net.add("aten.mul.Tensor", self=count, other=real), other=pad)
        position = _embedded(net, places, "embeddings.position_embeddings")
    else:
        table = net.weight("embeddings.position_embeddings.weight")
        position = net.add("aten.slice.Tensor", self=table, dim=0, start=0, end=length)
    kinds = net.input("token_type_ids", "int64", ("batch", "sequence"))
    h = net.plus(_embedded(net, ids, "embeddings.word_embeddings"), _embedded(net, kinds, "embeddings.token_type_embeddings"))
    h = net.norm(net.plus(h, position), "embeddings.LayerNorm", hidden, eps)
    heads, act = _heads(config, hidden, "num_attention_heads"), config.text("hidden_act", default="gelu")
    for i in range(_layers(config, "num_hidden_layers")):
        at = f"encoder.layer.{i}"
        q, k, v = (net.linear(h, f"{at}.attention.self.{n}") for n in ("query", "key", "value"))
        a = net.linear(net.attention(q, k, v, heads, hidden // heads, mask), f"{at}.attention.output.dense")
        h = net.norm(net.plus(a, h), f"{at}.attention.output.LayerNorm", hidden, eps)
        f = net.linear(net.activation(net.linear(h, f"{at}.intermediate.dense"), act), f"{at}.output.dense")
        h = net.norm(net.plus(f, h), f"{at}.output.LayerNorm", hidden, eps)
    _text_head(net, h, head, hidden, eps, act, "lm_head" if roberta else "cls.predictions")


def _text_head(net: Network, h: Ref, head: str, hidden: int, eps: float, act: str, language: str) -> None:
    if head.endswith("ForSequenceClassification") and net.has("classifier.dense.weight", True):  # RoBERTa's
        y = net.add("aten.tanh.default", self=net.linear(net.first_row(h), "classifier.dense", True))
        net.give("logits", net.linear(y, "classifier.out_proj", True))
    elif head.endswith("ForSequenceClassification"):
        net.give("logits", net.linear(_pooled(net, h), "classifier", True))
    elif head.endswith("ForTokenClassification"):
        net.give("logits", net.linear(h, "classifier", True))
    elif head.endswith("ForQuestionAnswering"):
        _spans(net, net.linear(h, "qa_outputs", True))
    elif head.endswith("ForMaskedLM"):
        _language(net, h, hidden, eps, act, language)
    elif head.endswith("Model"):
        net.give("last_hidden_state", h)
        if net.has("pooler.dense.weight"):
            net.give("pooler_output", _pooled(net, h))
    else:
        raise ConversionError(f"the architecture {head!r} is not known; export the model with torch.export")


def _pooled(net: Network, h: Ref) -> Ref:
    return net.add("aten.tanh.default", self=net.linear(net.first_row(h), "pooler.dense"))


def _spans(net: Network, logits: Ref) -> None:
    for k, name in enumerate(("start_logits", "end_logits")):
        net.give(name, net.add("aten.select.int", self=logits, dim=2, index=k))


def _language(net: Network, h: Ref, hidden: int, eps: float, act: str, at: str) -> None:
    """The decoder shares the word embeddings where it is not stored on its own."""
    if at == "lm_head":
        y = net.activation(net.linear(h, "lm_head.dense", True), "gelu")
        y = net.norm(y, "lm_head.layer_norm", hidden, eps, True)
    else:
        y = net.activation(net.linear(h, f"{at}.transform.dense", True), act)
        y = net.norm(y, f"{at}.transform.LayerNorm", hidden, eps, True)
    own = net.has(f"{at}.decoder.weight", True)
    weight = net.weight(f"{at}.decoder.weight", True) if own else net.weight("embeddings.word_embeddings.weight")
    bias = next((net.weight(n, True) for n in (f"{at}.bias", f"{at}.decoder.bias") if net.has(n, True)), None)
    net.give("logits", net.add("aten.linear.default", input=y, weight=weight, bias=bias))


def distilbert(net: Network, config: Config, head: str) -> None:
    """DistilBERT: BERT without kinds of tokens and without a pooler."""
    hidden, eps = config.integer("dim"), 1e-12
    ids, length, mask = _text_inputs(net, config.integer("max_position_embeddings"))
    table = net.weight("embeddings.position_embeddings.weight")
    position = net.add("aten.slice.Tensor", self=table, dim=0, start=0, end=length)
    h = net.norm(net.plus(_embedded(net, ids, "embeddings.word_embeddings"), position), "embeddings.LayerNorm", hidden, eps)
    heads, act = _heads(config, hidden, "n_heads"), config.text("activation", default="gelu")
    for i in range(_layers(config, "n_layers")):
        at = f"transformer.layer.{i}"
        q, k, v = (net.linear(h, f"{at}.attention.{n}_lin") for n in ("q", "k", "v"))
        a = net.linear(net.attention(q, k, v, heads, hidden // heads, mask), f"{at}.attention.out_lin")
        h = net.norm(net.plus(a, h), f"{at}.sa_layer_norm", hidden, eps)
        f = net.linear(net.activation(net.linear(h, f"{at}.ffn.lin1"), act), f"{at}.ffn.lin2")
        h = net.norm(net.plus(f, h), f"{at}.output_layer_norm", hidden, eps)
    if head.endswith("ForSequenceClassification"):
        y = net.add("aten.relu.default", self=net.linear(net.first_row(h), "pre_classifier", True))
        net.give("logits", net.linear(y, "classifier", True))
    elif head.endswith("ForMaskedLM"):
        y = net.activation(net.linear(h, "vocab_transform", True), act)
        y = net.norm(y, "vocab_layer_norm", hidden, eps, True)
        own = net.has("vocab_projector.weight", True)
        weight = net.weight("vocab_projector.weight", True) if own else net.weight("embeddings.word_embeddings.weight")
        net.give("logits", net.add("aten.linear.default", input=y, weight=weight, bias=net.weight("vocab_projector.bias", True)))
    else:
        _text_head(net, h, head, hidden, eps, act, "")


def vit(net: Network, config: Config, head: str) -> None:
    """ViT and DeiT without its distillation token: patches, a class token, layers that normalize first."""
    hidden, eps = config.integer("hidden_size"), config.real("layer_norm_eps", default=1e-12)
    size, patch = config.integer("image_size", default=224), config.integer("patch_size", default=16)
    channels = config.integer("num_channels", default=3)
    if not 0 < patch <= size:
        raise MalformedModelError(f"config.json: patches of {patch} in pictures of {size}")
    net.ranges.update(batch=(1, None))
    x = net.input("pixel_values", "float32", ("batch", channels, size, size))
    at = "embeddings.patch_embeddings.projection"
    y = net.add("aten.conv2d.default", at, input=x, weight=net.weight(f"{at}.weight"), bias=net.weight(f"{at}.bias"), stride=[patch, patch])
    y = net.add("aten.flatten.using_ints", self=y, start_dim=2, end_dim=3)
    y = net.add("aten.transpose.int", self=y, dim0=1, dim1=2)
    batch = net.add("aten.sym_size.int", self=x, dim=0)
    token = net.add("aten.expand.default", self=net.weight("embeddings.cls_token"), size=[batch, -1, -1])
    h = net.plus(net.add("aten.cat.default", tensors=[token, y], dim=1), net.weight("embeddings.position_embeddings"))
    heads, act = _heads(config, hidden, "num_attention_heads"), config.text("hidden_act", default="gelu")
    for i in range(_layers(config, "num_hidden_layers")):
        at = f"encoder.layer.{i}"
        z = net.norm(h, f"{at}.layernorm_before", hidden, eps)
        q, k, v = (net.linear(z, f"{at}.attention.attention.{n}") for n in ("query", "key", "value"))
        a = net.linear(net.attention(q, k, v, heads, hidden // heads, None), f"{at}.attention.output.dense")
        h = net.plus(a, h)
        z = net.norm(h, f"{at}.layernorm_after", hidden, eps)
        f = net.linear(net.activation(net.linear(z, f"{at}.intermediate.dense"), act), f"{at}.output.dense")
        h = net.plus(f, h)
    h = net.norm(h, "layernorm", hidden, eps)
    if head.endswith("ForImageClassification"):
        net.give("logits", net.linear(net.first_row(h), "classifier", True))
    elif head.endswith("Model"):
        net.give("last_hidden_state", h)
        if net.has("pooler.dense.weight"):
            y = net.linear(net.first_row(h), "pooler.dense")
            net.give("pooler_output", net.activation(y, config.text("pooler_act", default="tanh")))
    else:
        raise ConversionError(f"the architecture {head!r} is not known; export the model with torch.export")


#: by ``model_type``: how the graph is written, and how a weight of the body ends
FAMILIES: Mapping[str, tuple[Family, str]] = {
    "bert": (bert, "embeddings.word_embeddings.weight"),
    "roberta": (bert, "embeddings.word_embeddings.weight"),
    "xlm-roberta": (bert, "embeddings.word_embeddings.weight"),
    "camembert": (bert, "embeddings.word_embeddings.weight"),
    "distilbert": (distilbert, "embeddings.word_embeddings.weight"),
    "vit": (vit, "embeddings.cls_token"),
}


def written(config: Mapping[str, object], weights: Mapping[str, Array]) -> Network | None:
    """The network of a config, None where its family is not known.

    Raises:
        MalformedModelError: the config or the weights are broken.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        return None
    build, mark = FAMILIES[kind]
    named = next((n for n in weights if n.endswith(mark)), None)
    if named is None:
        raise MalformedModelError(f"the weights hold no ...{mark}")
    architectures = config.get("architectures")
    head = str(architectures[0]) if isinstance(architectures, list) and architectures else "Model"
    net = Network(weights, named.removesuffix(mark))
    build(net, Config(config), head)
    return net
