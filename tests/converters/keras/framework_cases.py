"""Models that the installed Keras builds, one a name: every layer with random weights, for the comparison with the framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Build = Callable[[Any], Any]
CASES: dict[str, Build] = {}
Settings = tuple[dict[str, Any], ...]


def single(shape: Sequence[int | None], make: Callable[[Any], Any], dtype: str = "float32") -> Build:
    """A model of one layer."""

    def build(keras: Any) -> Any:
        x = keras.Input(tuple(shape), name="x", dtype=dtype)
        return keras.Model(x, make(keras)(x))

    return build


def layer(name: str, shape: Sequence[int | None], *args: Any, dtype: str = "float32", **settings: Any) -> None:
    """A case of one layer by class name; a number behind a dot tells settings apart."""
    CASES[name] = single(shape, lambda k: getattr(k.layers, name.split(".")[0])(*args, **settings), dtype)


def _of(name: str, *args: Any, **settings: Any) -> Callable[[Any], Any]:
    """A layer of Keras by name, once Keras is there."""
    return lambda keras: getattr(keras.layers, name)(*args, **settings)


def case(function: Build) -> Build:
    """A case that a function builds."""
    CASES[function.__name__] = function
    return function


# -- activations ------------------------------------------------------------------------------------------------------------

ACTIVATIONS = """
    relu leaky_relu relu6 softmax celu elu selu softplus softsign squareplus soft_shrink sparse_plus silu gelu glu tanh tanh_shrink sigmoid
    sparse_sigmoid exponential hard_sigmoid hard_silu hard_tanh hard_shrink linear mish log_sigmoid log_softmax sparsemax
"""
for _name in ACTIVATIONS.split():
    CASES[f"Activation.{_name}"] = single((6,), _of("Activation", _name))
layer("ReLU", (7,))
layer("ReLU.1", (7,), max_value=1.0)
layer("ReLU.2", (7,), max_value=1.5, negative_slope=0.2, threshold=0.3)
layer("ReLU.3", (7,), negative_slope=0.2)
layer("LeakyReLU", (7,), negative_slope=0.15)
layer("ELU", (7,), alpha=0.7)
layer("PReLU", (4, 5, 3))
layer("PReLU.1", (4, 5, 3), shared_axes=[1, 2])
layer("Softmax", (4, 5), axis=1)
layer("Softmax.1", (4, 5), axis=[1, 2])

# -- core -------------------------------------------------------------------------------------------------------------------

layer("Dense", (5,), 4, activation="relu")
layer("Dense.1", (3, 5), 4, use_bias=False)
layer("EinsumDense", (3, 5), "abc,cd->abd", output_shape=(None, 4), bias_axes="d")
layer("EinsumDense.1", (3, 5), "abc,cde->adbe", output_shape=(2, None, 4), bias_axes="de", activation="tanh")
layer("EinsumDense.2", (3, 5), "...x,xy->...y", output_shape=(4,))
layer("EinsumDense.4", (3, 5), "abc,bcd->abd", output_shape=(3, 4), bias_axes="bd")
layer("EinsumDense.3", (3, 5), "abc,bcd->ad", output_shape=(4,))
layer("Embedding", (5,), 9, 4, dtype="int32")
layer("Embedding.1", (5,), 9, 4, dtype="float32")
layer("Masking", (5, 2))
layer("Dropout", (5,), 0.5)
layer("SpatialDropout1D", (5, 3), 0.5)
layer("GaussianNoise", (5,), 0.5)
layer("GaussianDropout", (5,), 0.5)
layer("AlphaDropout", (5,), 0.5)
layer("ActivityRegularization", (5,), 0.5)
layer("Identity", (5,))

# -- convolutions -----------------------------------------------------------------------------------------------------------

CONVOLUTIONS: Settings = (
    {"padding": "same"},
    {"strides": 2, "padding": "same"},
    {"dilation_rate": 2, "activation": "relu"},
    {"groups": 2, "use_bias": False},
    {"strides": 2},
)
for _i, _how in enumerate(CONVOLUTIONS):
    layer(f"Conv1D.{_i}", (9, 4), 6, 3, **_how)
    layer(f"Conv2D.{_i}", (8, 9, 4), 6, 3, **_how)
    layer(f"Conv3D.{_i}", (6, 7, 8, 4), 6, 2 if _how.get("dilation_rate") else 3, **_how)
layer("Conv1D.causal", (9, 4), 6, 3, padding="causal", dilation_rate=2)
layer("Conv2D.symbolic", (None, None, 3), 4, (3, 2), padding="same")
TRANSPOSED: Settings = (
    {},
    {"strides": 2},
    {"strides": 2, "padding": "same"},
    {"strides": 3, "padding": "same"},
    {"strides": 2, "padding": "same", "output_padding": 1},
    {"strides": 2, "padding": "valid", "output_padding": 1},
    {"strides": 4},
    {"strides": 5, "padding": "same", "use_bias": False},
)
for _i, _how in enumerate(TRANSPOSED):
    layer(f"Conv1DTranspose.{_i}", (5, 4), 6, 3, **_how)
    layer(f"Conv2DTranspose.{_i}", (5, 4, 3), 6, (3, 2), **_how)
    layer(f"Conv3DTranspose.{_i}", (3, 4, 3, 2), 3, 3, **_how)
layer("Conv2DTranspose.dilated", (5, 4, 3), 6, 3, dilation_rate=2)
DEPTHWISE: Settings = (
    {},
    {"strides": 2, "padding": "same"},
    {"depth_multiplier": 3, "padding": "same", "activation": "relu"},
    {"dilation_rate": 2},
)
for _i, _how in enumerate(DEPTHWISE):
    layer(f"DepthwiseConv1D.{_i}", (9, 4), 3, **_how)
    layer(f"DepthwiseConv2D.{_i}", (8, 9, 4), 3, **_how)
    layer(f"SeparableConv1D.{_i}", (9, 4), 5, 3, **_how)
    layer(f"SeparableConv2D.{_i}", (8, 9, 4), 5, 3, **_how)

# -- pooling ----------------------------------------------------------------------------------------------------------------

for _kind in ("Max", "Average"):
    for _rank, _shape in ((1, (9, 3)), (2, (8, 9, 3)), (3, (5, 6, 7, 3))):
        layer(f"{_kind}Pooling{_rank}D", _shape, 2)
        layer(f"{_kind}Pooling{_rank}D.1", _shape, 3, strides=2, padding="same")
        layer(f"Global{_kind}Pooling{_rank}D", _shape)
        layer(f"Global{_kind}Pooling{_rank}D.1", _shape, keepdims=True)
        layer(f"Adaptive{_kind}Pooling{_rank}D", _shape, 3)
layer("MaxPooling2D.first", (3, 8, 9), data_format="channels_first")

# -- normalization ----------------------------------------------------------------------------------------------------------

layer("BatchNormalization", (4, 5, 3))
layer("BatchNormalization.1", (4, 5, 3), axis=1)
layer("BatchNormalization.2", (4, 5, 3), axis=2, scale=False)
layer("BatchNormalization.3", (4,), center=False)
layer("BatchNormalization.4", (4, 5, 3), renorm=True)
layer("LayerNormalization", (4, 5, 3))
layer("LayerNormalization.1", (4, 5, 3), axis=[1, 2])
layer("LayerNormalization.2", (4, 5, 3), axis=[2, 3], center=False)
layer("LayerNormalization.3", (4, 5, 3), scale=False)
layer("GroupNormalization", (4, 5, 6), groups=3)
layer("GroupNormalization.1", (6,), groups=2)
layer("GroupNormalization.2", (6, 4, 5), groups=-1, axis=1)
layer("RMSNormalization", (4, 5))
layer("UnitNormalization", (4, 5))
layer("UnitNormalization.1", (4, 5), axis=[1, 2])
layer("Normalization", (4, 3), mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 0.5])
layer("Normalization.1", (4, 3), mean=1.0, variance=4.0, axis=None, invert=True)


@case
def spectral_normalization(keras: Any) -> Any:
    x = keras.Input((6, 6, 3), name="x")
    return keras.Model(x, keras.layers.SpectralNormalization(keras.layers.Conv2D(4, 3))(x))


@case
def adapted_normalization(keras: Any) -> Any:
    import numpy as np

    x = keras.Input((3,), name="x")
    norm = keras.layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(2.0, 3.0, (50, 3)).astype("float32"))
    return keras.Model(x, norm(x))


# -- reshaping --------------------------------------------------------------------------------------------------------------

layer("Flatten", (3, 4, 5))
layer("Flatten.1", (3, 4, 5), data_format="channels_first")
layer("Flatten.2", ())
layer("Reshape", (3, 4, 5), (6, 10))
layer("Reshape.1", (3, 4, 5), (-1, 5))
layer("Reshape.2", (None, 4), (2, -1))
layer("Permute", (3, 4, 5), (3, 1, 2))
layer("RepeatVector", (5,), 3)
for _rank, _shape, _pairs in ((1, (7, 3), (1, 2)), (2, (6, 7, 3), ((1, 2), (0, 1))), (3, (5, 6, 7, 2), ((1, 2), (0, 1), (2, 1)))):
    layer(f"ZeroPadding{_rank}D", _shape, _pairs)
    layer(f"Cropping{_rank}D", _shape, _pairs)
    layer(f"ZeroPadding{_rank}D.1", _shape, 2)
    layer(f"Cropping{_rank}D.1", _shape, 1)
    layer(f"UpSampling{_rank}D", _shape, 2)
layer("UpSampling2D.1", (4, 5, 3), (2, 3), interpolation="bilinear")
layer("UpSampling2D.2", (4, 5, 3), (2, 3), interpolation="bicubic")
layer("UpSampling2D.3", (3, 4, 5), 2, data_format="channels_first")

# -- preprocessing ----------------------------------------------------------------------------------------------------------

layer("Rescaling", (4, 3), 1 / 127.5, offset=-1.0)
layer("Resizing", (6, 8, 3), 4, 5)
layer("Resizing.1", (6, 8, 3), 9, 13, interpolation="nearest")
layer("Resizing.2", (6, 8, 3), 9, 13, interpolation="bicubic")
layer("Resizing.3", (6, 8, 3), 4, 5, antialias=True)
layer("Resizing.4", (6, 8, 3), 4, 4, crop_to_aspect_ratio=True)
layer("CenterCrop", (6, 8, 3), 4, 5)
layer("CenterCrop.1", (6, 8, 3), 8, 5)
layer("RandomFlip", (6, 8, 3))
layer("RandomRotation", (6, 8, 3), 0.2)
layer("RandomZoom", (6, 8, 3), 0.2)
layer("RandomContrast", (6, 8, 3), 0.2)
layer("RandomTranslation", (6, 8, 3), 0.2, 0.1)
layer("CategoryEncoding", (4,), 9, output_mode="multi_hot", dtype="int32")
layer("CategoryEncoding.1", (4,), 9, output_mode="one_hot", dtype="int32")
layer("CategoryEncoding.2", (4,), 9, output_mode="count", dtype="int32")
layer("CategoryEncoding.3", (1,), 9, output_mode="one_hot", dtype="int32")
layer("Discretization", (4,), [-0.5, 0.0, 0.7])
layer("Discretization.1", (4,), [-0.5, 0.0, 0.7], output_mode="one_hot")

# -- recurrent --------------------------------------------------------------------------------------------------------------

for _kind in ("LSTM", "GRU", "SimpleRNN"):
    layer(_kind, (6, 4), 5)
    layer(f"{_kind}.sequences", (6, 4), 5, return_sequences=True)
    layer(f"{_kind}.state", (6, 4), 5, return_sequences=True, return_state=True)
    layer(f"{_kind}.backwards", (6, 4), 5, return_sequences=True, go_backwards=True)
    layer(f"{_kind}.loop", (6, 4), 5, return_sequences=True, activation="gelu", go_backwards=True)
    layer(f"{_kind}.plain", (6, 4), 5, use_bias=False, activation="relu")
    layer(f"{_kind}.open", (None, 4), 5, return_sequences=True)
layer("LSTM.hard", (6, 4), 5, recurrent_activation="hard_sigmoid", unroll=True)
layer("GRU.before", (6, 4), 5, reset_after=False)
layer("GRU.loop_before", (6, 4), 5, reset_after=False, activation="gelu")
layer("ConvLSTM1D", (4, 7, 3), 5, 3, padding="same", return_sequences=True)
layer("ConvLSTM2D", (4, 7, 6, 3), 5, 3, return_state=True)
layer("ConvLSTM2D.1", (4, 7, 6, 3), 2, 3, strides=2, padding="same", go_backwards=True, return_sequences=True)


def _masked(make: Callable[[Any], Any]) -> Build:
    def build(keras: Any) -> Any:
        x = keras.Input((7,), name="x", dtype="int32")
        y = keras.layers.Embedding(4, 3, mask_zero=True)(x)
        return keras.Model(x, make(keras)(y))

    return build


def _both_ways(name: str) -> Callable[[Any], Any]:
    return lambda keras: keras.layers.Bidirectional(getattr(keras.layers, name)(4, return_sequences=True))


MASKED: Settings = (
    {},
    {"return_sequences": True},
    {"return_sequences": True, "go_backwards": True, "return_state": True},
    {"zero_output_for_mask": True},
)
for _kind in ("LSTM", "GRU", "SimpleRNN"):
    for _how in MASKED:
        CASES[f"masked_{_kind}.{'_'.join(sorted(_how)) or 'last'}"] = _masked(_of(_kind, 4, **_how))
    CASES[f"masked_loop_{_kind}"] = _masked(_of(_kind, 4, activation="gelu", return_sequences=True))
    CASES[f"masked_bidirectional_{_kind}"] = _masked(_both_ways(_kind))
CASES["masked_mean"] = _masked(lambda k: k.layers.GlobalAveragePooling1D())
CASES["masked_attention"] = _masked(lambda k: lambda y: k.layers.Attention()([y, y]))
CASES["masked_multi_head"] = _masked(lambda k: lambda y: k.layers.MultiHeadAttention(2, 3)(y, y))
CASES["masked_multi_head_dropout"] = _masked(lambda k: lambda y: k.layers.MultiHeadAttention(2, 3, dropout=0.1)(y, y, use_causal_mask=True))
CASES["masked_time_distributed"] = _masked(lambda k: lambda y: k.layers.LSTM(2)(k.layers.TimeDistributed(k.layers.Dense(3))(y)))
CASES["masked_add"] = _masked(lambda k: lambda y: k.layers.LSTM(2)(k.layers.Add()([y, k.layers.Dense(3)(y)])))
CASES["masked_concatenate"] = _masked(lambda k: lambda y: k.layers.LSTM(2)(k.layers.Concatenate()([y, k.layers.Dense(3)(y)])))

for _mode in ("concat", "sum", "mul", "ave", None):
    for _seq in (False, True):

        def _bidirectional(keras: Any, mode: Any = _mode, seq: bool = _seq) -> Any:
            x = keras.Input((6, 4), name="x")
            return keras.Model(x, keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=seq), merge_mode=mode)(x))

        CASES[f"bidirectional_{_mode}_{_seq}"] = _bidirectional


@case
def bidirectional_state(keras: Any) -> Any:
    x = keras.Input((6, 4), name="x")
    return keras.Model(x, keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True, return_state=True))(x))


@case
def bidirectional_two(keras: Any) -> Any:
    x = keras.Input((6, 4), name="x")
    back = keras.layers.GRU(3, go_backwards=True, return_sequences=True)
    return keras.Model(x, keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True), backward_layer=back)(x))


@case
def stacked_cells(keras: Any) -> Any:
    x = keras.Input((6, 4), name="x")
    cells = [keras.layers.GRUCell(3), keras.layers.LSTMCell(5), keras.layers.SimpleRNNCell(2)]
    return keras.Model(x, keras.layers.RNN(cells, return_sequences=True)(x))


@case
def rnn_cell(keras: Any) -> Any:
    x = keras.Input((6, 4), name="x")
    return keras.Model(x, keras.layers.RNN(keras.layers.LSTMCell(5), return_state=True, go_backwards=True)(x))


@case
def encoder_decoder(keras: Any) -> Any:
    x, z = keras.Input((6, 4), name="x"), keras.Input((3, 4), name="z")
    _, h, c = keras.layers.LSTM(5, return_state=True)(x)
    y = keras.layers.LSTM(5, return_sequences=True)(z, initial_state=[h, c])
    g = keras.layers.GRU(5)(z, initial_state=h)
    return keras.Model([x, z], [y, g])


@case
def stateful(keras: Any) -> Any:
    x = keras.Input(batch_shape=(1, 6, 4), name="x")
    return keras.Model(x, keras.layers.GRU(3, stateful=True)(keras.layers.LSTM(5, stateful=True, return_sequences=True)(x)))


@case
def time_distributed_conv(keras: Any) -> Any:
    x = keras.Input((4, 8, 8, 3), name="x")
    y = keras.layers.TimeDistributed(keras.layers.Conv2D(5, 3))(x)
    y = keras.layers.TimeDistributed(keras.layers.BatchNormalization())(y)
    return keras.Model(x, keras.layers.TimeDistributed(keras.layers.GlobalMaxPooling2D())(y))


@case
def time_distributed_model(keras: Any) -> Any:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()], name="inner")
    x = keras.Input((None, 4), name="x")
    return keras.Model(x, keras.layers.TimeDistributed(inner)(x))


# -- attention --------------------------------------------------------------------------------------------------------------


def _attention(name: str, make: Callable[[Any], Any], call: dict[str, Any] | None = None, keys: bool = False) -> None:
    def build(keras: Any) -> Any:
        q, v = keras.Input((4, 6), name="q"), keras.Input((5, 6), name="v")
        k = keras.Input((5, 6), name="k")
        inputs = [q, v, k] if keys else [q, v]
        return keras.Model(inputs, make(keras)(inputs, **(call or {})))

    CASES[name] = build


_attention("Attention", lambda k: k.layers.Attention())
_attention("Attention.1", lambda k: k.layers.Attention(use_scale=True), {"use_causal_mask": True, "return_attention_scores": True}, True)
_attention("Attention.2", lambda k: k.layers.Attention(use_scale=True, score_mode="concat"))
_attention("AdditiveAttention", lambda k: k.layers.AdditiveAttention(), None, True)


def _heads(name: str, make: Callable[[Any], Any], call: dict[str, Any] | None = None, keys: bool = False, size: int = 7) -> None:
    def build(keras: Any) -> Any:
        q, v, k = keras.Input((4, 6), name="q"), keras.Input((5, size), name="v"), keras.Input((5, 3), name="k")
        if keys:
            return keras.Model([q, v, k], make(keras)(q, v, k, **(call or {})))
        return keras.Model([q, v], make(keras)(q, v, **(call or {})))

    CASES[name] = build


_heads("MultiHeadAttention", lambda k: k.layers.MultiHeadAttention(2, 3))
_heads("MultiHeadAttention.1", lambda k: k.layers.MultiHeadAttention(2, 3, value_dim=5, output_shape=4, use_bias=False), None, True)
_heads("MultiHeadAttention.2", lambda k: k.layers.MultiHeadAttention(2, 3), {"return_attention_scores": True, "use_causal_mask": True})
_heads("MultiHeadAttention.3", lambda k: k.layers.MultiHeadAttention(2, 3, use_gate=True), {"use_causal_mask": True})
_heads("MultiHeadAttention.4", lambda k: k.layers.MultiHeadAttention(2, 3, sliding_window=2))
_heads("GroupQueryAttention", lambda k: k.layers.GroupQueryAttention(3, 4, 2), None, False, 6)


@case
def multi_head_2d(keras: Any) -> Any:
    x = keras.Input((3, 4, 6), name="x")
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))(x, x))


@case
def multi_head_mask(keras: Any) -> Any:
    x, m = keras.Input((4, 6), name="x"), keras.Input((4, 4), name="m", dtype="bool")
    return keras.Model([x, m], keras.layers.MultiHeadAttention(2, 3)(x, x, attention_mask=m))


# -- merging ----------------------------------------------------------------------------------------------------------------

for _name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):

    def _merge(keras: Any, name: str = _name) -> Any:
        inputs = [keras.Input((4, 3), name=n) for n in "abc"]
        return keras.Model(inputs, getattr(keras.layers, name)()(inputs))

    CASES[_name] = _merge


@case
def subtract_broadcast(keras: Any) -> Any:
    a, b = keras.Input((4, 3), name="a"), keras.Input((3,), name="b")
    return keras.Model([a, b], keras.layers.Subtract()([a, b]))


@case
def concatenate_steps(keras: Any) -> Any:
    a, b = keras.Input((4, 3), name="a"), keras.Input((2, 3), name="b")
    return keras.Model([a, b], keras.layers.Concatenate(axis=1)([a, b]))


for _name, _shapes, _how in (
    ("Dot", ((5,), (5,)), {"axes": 1}),
    ("Dot.1", ((5,), (5,)), {"axes": 1, "normalize": True}),
    ("Dot.2", ((4, 5), (3, 5)), {"axes": 2}),
    ("Dot.3", ((4, 5), (5, 3)), {"axes": (2, 1)}),
    ("Dot.4", ((4, 5), (5,)), {"axes": (2, 1)}),
    ("Dot.5", ((4, 5), (4, 3)), {"axes": 1, "normalize": True}),
):

    def _dot(keras: Any, shapes: Any = _shapes, how: Any = _how) -> Any:
        a, b = (keras.Input(s, name=n) for s, n in zip(shapes, "ab", strict=True))
        return keras.Model([a, b], keras.layers.Dot(**how)([a, b]))

    CASES[_name] = _dot


# -- models -----------------------------------------------------------------------------------------------------------------


@case
def sequential(keras: Any) -> Any:
    k = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="x"),
            k.Conv2D(4, 3, activation="relu"),
            k.BatchNormalization(),
            k.MaxPooling2D(),
            k.Flatten(),
            k.Dense(3, activation="softmax"),
        ]
    )


@case
def shared_layer(keras: Any) -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    dense = keras.layers.Dense(3)
    return keras.Model([a, b], [dense(a), keras.layers.Add()([dense(b), dense(a)])])


@case
def nested(keras: Any) -> Any:
    k = keras.layers
    i = keras.Input((6,), name="i")
    inner = keras.Model(i, [k.Dense(4)(i), k.BatchNormalization()(k.Dense(3)(i))], name="inner")
    deep = keras.Sequential(
        [keras.Input((3,)), k.Dense(5), keras.Sequential([k.Dense(2), k.BatchNormalization()], name="deepest")], name="deep"
    )
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    p, q = inner(a)
    _, s = inner(b)
    return keras.Model([a, b], [p, deep(q), deep(s)])


@case
def frozen_nested(keras: Any) -> Any:
    k = keras.layers
    inner = keras.Sequential([keras.Input((6,)), k.Dense(5), k.BatchNormalization(), k.Dense(4), k.BatchNormalization()], name="inner")
    inner.layers[0].trainable = False
    inner.layers[1].trainable = False
    x = keras.Input((6,), name="x")
    return keras.Model(x, inner(x))


@case
def mappings(keras: Any) -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    y = keras.layers.Add()([a, b])
    return keras.Model({"a": a, "b": b}, {"sum": y, "double": keras.layers.Dense(2)(y)})


@case
def mixed_precision(keras: Any) -> Any:
    k = keras.layers
    x = keras.Input((8, 8, 3), name="x")
    y = k.Conv2D(4, 3, dtype="mixed_float16", activation="relu")(x)
    y = k.BatchNormalization(dtype="mixed_float16")(y)
    y = k.GlobalAveragePooling2D(dtype="mixed_float16")(y)
    return keras.Model(x, k.Dense(3, dtype="float32")(k.Dense(5, dtype="mixed_float16")(y)))


@case
def activation_layers(keras: Any) -> Any:
    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(5, activation=keras.layers.LeakyReLU(negative_slope=0.1))(x)
    return keras.Model(x, keras.layers.Dense(5, activation=keras.activations.hard_sigmoid)(y))


# -- functions --------------------------------------------------------------------------------------------------------------


def _function(name: str, shape: Sequence[int], make: Callable[[Any, Any], Any], dtype: str = "float32") -> None:
    def build(keras: Any) -> Any:
        x = keras.Input(tuple(shape), name="x", dtype=dtype)
        return keras.Model(x, make(keras.ops, x))

    CASES[f"ops_{name}"] = build


_function("arithmetic", (4, 3), lambda o, x: (x + 1.0) * 2.0 - x / 3.0 + 2.0 ** (x * 0.1) - o.square(x) + (1.0 - x))
_function("integers", (4,), lambda o, x: o.cast(x // 2 + x % 3, "float32") / 2, "int32")
_function("compare", (4,), lambda o, x: o.where(o.logical_and(x > 0.1, o.not_equal(x, 0.5)), x, -x))
_function(
    "unary",
    (4,),
    lambda o, x: o.exp(-o.abs(x)) + o.sqrt(o.abs(x)) + o.log1p(o.abs(x)) + o.sin(x) * o.cos(x) + o.tanh(x) + o.sign(x) + o.floor(x),
)
_function(
    "activations",
    (6,),
    lambda o, x: (
        o.relu(x) + o.gelu(x) + o.silu(x) + o.leaky_relu(x, 0.1) + o.elu(x, 0.5) + o.softmax(x) + o.log_softmax(x) + o.hard_sigmoid(x)
    ),
)
_function("gelu", (6,), lambda o, x: o.gelu(x, approximate=False))
_function(
    "reduce",
    (4, 3),
    lambda o, x: o.mean(x, axis=1) + o.max(x, axis=-2) + o.sum(x, axis=1) + o.std(x, axis=1) + o.var(x, axis=1) + o.min(x, axis=1),
)
_function("argmax", (4, 3), lambda o, x: o.argmax(x, axis=-1))
_function("reshape", (4, 6), lambda o, x: o.reshape(x, (-1, 2, 12)))
_function("transpose", (4, 6, 2), lambda o, x: o.transpose(x, (0, 3, 1, 2)))
_function("axes", (4, 6, 2), lambda o, x: o.squeeze(o.expand_dims(o.swapaxes(o.moveaxis(x, 1, -1), 1, 2), 1), 1))
_function("join", (4, 6), lambda o, x: o.concatenate([x, o.flip(x, axis=1)], axis=-1))
_function("stack", (4, 6), lambda o, x: o.stack([x, 2.0 * x], axis=1))
_function("split", (4, 6), lambda o, x: list(o.split(x, 3, axis=-1)) + list(o.split(x, [1, 3], axis=1)))
_function("items", (4, 6), lambda o, x: x[:, 1:3, ::2] + x[:, 0:2, 1:4] * x[:, -1:, 3:])
_function("new_axis", (4, 6), lambda o, x: x[..., 1:2, None])
_function("items_last", (4, 6), lambda o, x: x[:, -1] - x[:, 0])
_function("pad", (4, 6), lambda o, x: o.pad(x, [[0, 0], [1, 2], [0, 3]]))
_function("tile", (4, 3), lambda o, x: o.repeat(o.tile(x, (1, 2, 1)), 2, axis=1))
_function("matmul", (4, 3), lambda o, x: o.matmul(x, o.transpose(x, (0, 2, 1))))
_function("einsum", (4, 3), lambda o, x: o.einsum("bij,bkj->bik", x, x))
_function("clip", (4, 3), lambda o, x: o.clip(x, -0.3, 0.4) + o.maximum(x, 0.1) + o.minimum(x, 0.2))
_function("top_k", (6,), lambda o, x: o.top_k(x, 3)[0])
_function("one_hot", (4,), lambda o, x: o.one_hot(x, 9), "int32")
_function("take", (4, 3), lambda o, x: o.take(x, [0, 2], axis=1))
_function("norm", (4, 3), lambda o, x: o.normalize(x, axis=-1) + o.norm(x, axis=-1, keepdims=True) + o.logsumexp(x, axis=-1, keepdims=True))
_function("cumsum", (4, 3), lambda o, x: o.cumsum(x, axis=1))


@case
def reversible_embedding(keras: Any) -> Any:
    x = keras.Input((5,), name="x", dtype="int32")
    table = keras.layers.ReversibleEmbedding(9, 4, logit_soft_cap=2.0)
    return keras.Model(x, table(table(x), reverse=True))


@case
def reversible_embedding_untied(keras: Any) -> Any:
    x = keras.Input((5,), name="x", dtype="int32")
    table = keras.layers.ReversibleEmbedding(9, 4, tie_weights=False)
    return keras.Model(x, table(table(x), reverse=True))
