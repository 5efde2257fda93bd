"""The layers of a prototxt that run at test time, in one form: old files upgraded, data and loss layers as a deployed model has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgekit.errors import MalformedModelError
from edgekit_converters.caffe.prototext import Message

MAX_LAYERS = 1 << 16

#: V1LayerParameter.LayerType (caffe.proto) whose names differ from today's by more than case and underscores
V1_TYPES = {
    "ABSVAL": "AbsVal", "ARGMAX": "ArgMax", "BNLL": "BNLL", "CONTRASTIVE_LOSS": "ContrastiveLoss", "EUCLIDEAN_LOSS": "EuclideanLoss",
    "HDF5_DATA": "HDF5Data", "HDF5_OUTPUT": "HDF5Output", "HINGE_LOSS": "HingeLoss", "IM2COL": "Im2col", "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss", "INNER_PRODUCT": "InnerProduct", "LRN": "LRN", "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss", "MVN": "MVN", "PRELU": "PReLU", "RELU": "ReLU", "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss", "SOFTMAX": "Softmax", "SOFTMAX_LOSS": "SoftmaxWithLoss", "TANH": "TanH",
    "WINDOW_DATA": "WindowData", "DUMMY_DATA": "DummyData", "CONVOLUTION": "Convolution", "DECONVOLUTION": "Deconvolution",
    "POOLING": "Pooling",
}  # fmt: skip
#: V0LayerParameter.type, the layer's type today and the message its fields belong to (upgrade_proto.cpp)
V0_TYPES = {
    "conv": ("Convolution", "convolution_param"), "pool": ("Pooling", "pooling_param"),
    "innerproduct": ("InnerProduct", "inner_product_param"),
    "lrn": ("LRN", "lrn_param"), "dropout": ("Dropout", "dropout_param"), "concat": ("Concat", "concat_param"), "relu": ("ReLU", ""),
    "tanh": ("TanH", ""), "sigmoid": ("Sigmoid", ""), "softmax": ("Softmax", ""), "softmax_loss": ("SoftmaxWithLoss", ""),
    "bnll": ("BNLL", ""),
    "flatten": ("Flatten", ""), "split": ("Split", ""), "accuracy": ("Accuracy", ""), "data": ("Data", "data_param"),
    "images": ("ImageData", "image_data_param"), "hdf5_data": ("HDF5Data", "hdf5_data_param"), "padding": ("Padding", "padding_param"),
}  # fmt: skip
V0_FIELDS = {"biasterm": "bias_term", "kernelsize": "kernel_size", "batchsize": "batch_size", "cropsize": "crop_size"}
OLD_FIELDS = (("concat_param", "concat_dim", "axis"), ("slice_param", "slice_dim", "axis"))

DATA_LAYERS = ("Data", "ImageData", "HDF5Data", "WindowData", "MemoryData", "AnnotatedData", "VideoData")
#: losses whose prediction is one step away, and that step
PREDICTIONS = {"SoftmaxWithLoss": "Softmax", "SigmoidCrossEntropyLoss": "Sigmoid"}
TRAINING = (
    "Accuracy", "ContrastiveLoss", "EuclideanLoss", "HDF5Output", "HingeLoss", "InfogainLoss", "MultiBoxLoss", "MultinomialLogisticLoss",
    "DetectionEvaluate", "SmoothL1Loss", "TripletLoss", "CenterLoss",
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name, type: the source's own.
        bottoms, tops: blobs it reads and writes.
        params: its message, which holds the layer's parameters.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    params: Message


@dataclass(frozen=True)
class NetInput:
    """A blob that is fed; None dimensions are open, a shape of None is unknown."""

    name: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Network:
    """What runs at test time.

    Attributes:
        inputs: blobs that are fed and needed.
        layers: in order, each after what it reads.
        outputs: blobs nobody reads, in Caffe's (alphabetical) order.
    """

    name: str
    inputs: tuple[NetInput, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def network(net: Message) -> Network:
    """The network a NetParameter describes.

    Raises:
        MalformedModelError: a layer reads what nothing computes, or fields do not fit.
    """
    inputs = _declared_inputs(net)
    layers: list[Layer] = []
    notes: list[str] = []
    raw = [*net.messages("layers"), *net.messages("layer")]
    if not raw:
        raise MalformedModelError("the prototxt has no layers")
    if len(raw) > MAX_LAYERS:
        raise MalformedModelError(f"the prototxt has {len(raw)} layers")
    old = len(net.messages("layers"))
    for number, message in enumerate(raw):
        layer = _upgraded(message, number, number < old)
        if not _included(message):
            continue
        if layer.type == "Input":
            inputs += _layer_inputs(layer)
        elif layer.type in DATA_LAYERS:
            inputs += _data_inputs(layer)
            notes.append(f"the data layer {layer.name!r} became inputs")
        elif layer.type in PREDICTIONS and layer.bottoms:
            notes.append(f"the loss {layer.name!r} ({layer.type}) became its prediction, {PREDICTIONS[layer.type]}")
            tops = layer.tops[:1] or (layer.name,)
            layers.append(replace(layer, type=PREDICTIONS[layer.type], bottoms=layer.bottoms[:1], tops=tops))
        elif layer.type in TRAINING:
            notes.append(f"the layer {layer.name!r} ({layer.type}) serves training and was left out")
        else:
            layers.append(layer)
    outputs, used = _ends(inputs, layers)
    if len({i.name for i in inputs}) != len(inputs):
        raise MalformedModelError(f"two inputs share a name: {[i.name for i in inputs]}")
    needed = tuple(i for i in inputs if i.name in used)
    return Network(net.get_string("name"), needed, tuple(layers), outputs, tuple(notes))


def _ends(inputs: Sequence[NetInput], layers: Sequence[Layer]) -> tuple[tuple[str, ...], set[str]]:
    """Blobs left over, and every name that is read."""
    known = {i.name for i in inputs}
    available = set[str]()
    used = set[str]()
    for layer in layers:
        for b in layer.bottoms:
            if b not in known:
                raise MalformedModelError(f"{layer.type} {layer.name!r} reads {b!r}, which no layer before it writes")
            available.discard(b)
            used.add(b)
        for t in layer.tops:
            known.add(t)
            available.add(t)
    return tuple(sorted(available, key=str.encode)), used


def _upgraded(message: Message, number: int, v1: bool) -> Layer:
    bottoms, tops = tuple(message.get_strings("bottom")), tuple(message.get_strings("top"))
    if "layer" in message:  # V0
        return _upgraded_v0(message.message("layer"), bottoms, tops, number)
    kind = message.get_string("type")
    if v1 and kind.isupper():
        kind = V1_TYPES.get(kind, "".join(part.capitalize() for part in kind.split("_")))
    if not kind:
        raise MalformedModelError(f"line {message.line}: a layer has no type")
    for group, old, new in OLD_FIELDS:
        for m in message.messages(group) if group in message else ():
            if old in m and new not in m:
                m.fields[new] = m.fields[old]
    return Layer(message.get_string("name") or f"{kind.lower()}{number}", kind, bottoms, tops, message)


def _upgraded_v0(inner: Message, bottoms: tuple[str, ...], tops: tuple[str, ...], number: int) -> Layer:
    kind = inner.get_string("type")
    if kind not in V0_TYPES:
        raise MalformedModelError(f"line {inner.line}: a layer of the type {kind!r} in the oldest form")
    new, group = V0_TYPES[kind]
    params = Message(inner.line)
    own = Message(inner.line)
    own.fields = {V0_FIELDS.get(k, k): v for k, v in inner.fields.items()}
    if kind == "concat" and "concat_dim" in own:
        own.fields["axis"] = own.fields["concat_dim"]
    if group:
        params.fields[group] = [own]
    return Layer(inner.get_string("name") or f"{kind}{number}", new, bottoms, tops, params)


def _included(message: Message) -> bool:
    """Whether a layer belongs to the test phase (Net::FilterNet): some include rule holds, or there is none and no exclude rule does."""
    include, exclude = message.messages("include"), message.messages("exclude")
    if include:
        return any(_holds(r) for r in include)
    return not any(_holds(r) for r in exclude)


def _holds(rule: Message) -> bool:
    """A rule in the state phase TEST, level 0, no stages."""
    if rule.get_string("phase", "TEST") not in ("TEST", "1"):
        return False
    return rule.get_int("min_level", 0) <= 0 <= rule.get_int("max_level", 0) and not rule.get_strings("stage")


def _declared_inputs(net: Message) -> list[NetInput]:
    """``input`` with ``input_shape`` or four ``input_dim`` each."""
    names, dims, shapes = net.get_strings("input"), net.get_ints("input_dim"), net.messages("input_shape")
    if shapes and len(shapes) not in (1, len(names)):
        raise MalformedModelError(f"{len(names)} inputs have {len(shapes)} input_shape")
    if dims and len(dims) != 4 * len(names):
        raise MalformedModelError(f"{len(names)} inputs need {4 * len(names)} input_dim, got {len(dims)}")
    found: list[NetInput] = []
    for i, name in enumerate(names):
        if shapes:
            found.append(NetInput(name, _shape(shapes[i if len(shapes) > 1 else 0])))
        else:
            found.append(NetInput(name, tuple(dims[4 * i : 4 * i + 4]) if dims else None))
    return found


def _shape(message: Message) -> tuple[int | None, ...]:
    return tuple(d if d > 0 else None for d in message.get_ints("dim"))


def _layer_inputs(layer: Layer) -> list[NetInput]:
    shapes = layer.params.message("input_param").messages("shape")
    if shapes and len(shapes) not in (1, len(layer.tops)):
        raise MalformedModelError(f"Input {layer.name!r}: {len(layer.tops)} blobs have {len(shapes)} shapes")
    return [NetInput(t, _shape(shapes[i if len(shapes) > 1 else 0]) if shapes else None) for i, t in enumerate(layer.tops)]


def _data_inputs(layer: Layer) -> list[NetInput]:
    """What a data layer loads: images of the size it crops to, as far as the layer says."""
    memory = layer.params.message("memory_data_param")
    if "channels" in memory:
        shape: tuple[int | None, ...] | None = tuple(memory.get_int(k, 0) or None for k in ("batch_size", "channels", "height", "width"))
    else:
        crop = layer.params.message("transform_param").get_int("crop_size", 0)
        shape = (None, None, crop, crop) if crop > 0 else None
    return [NetInput(t, shape if i == 0 else None) for i, t in enumerate(layer.tops)]
