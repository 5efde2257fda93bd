"""Layer tables of the published networks, with the total each must reach.

Sources are the papers; where a benchmark runs a variant (input size, heads), the variant is what is written down here.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.devices.layers import Net


def mobilenet_v1(size: int = 224) -> Net:
    """MobileNet 1.0 (Howard et al., 2017)."""
    return _mobilenet_v1_trunk(size).global_pool().fully_connected(1000)


def _mobilenet_v1_trunk(size: int) -> Net:
    net = Net((size, size, 3)).conv(32, 3, 2)
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for out, stride in plan:
        net.depthwise(3, stride).conv(out)
    return net


def mobilenet_yolo() -> Net:
    """MobileNetV1 trunk at 416 with the two-scale YOLO head of the ncnn benchmark."""
    net = _mobilenet_v1_trunk(416).conv(256).conv(1024, 3)
    coarse = net.shape
    net.conv(125)
    net.shape = (coarse[0] * 2, coarse[1] * 2, 256)
    net.depthwise(4).conv(1024, 3).conv(256).conv(1024, 3).conv(125)
    return net


def _inverted(net: Net, expand: int, out: int, kernel: int, stride: int, *, se: int = 0, swish: bool = False) -> None:
    """Inverted residual with `expand` hidden channels (0: no expansion), as in MobileNetV2 and its descendants."""
    entry = net.shape
    if expand:
        net.conv(expand)
        if swish:
            net.elementwise()
    net.depthwise(kernel, stride)
    if swish:
        net.elementwise()
    if se:
        net.squeeze_excite(se)
    net.conv(out)
    if stride == 1 and entry[2] == out:
        net.elementwise(2)


def mobilenet_v2() -> Net:
    """MobileNetV2 1.0 (Sandler et al., 2018)."""
    net = Net((224, 224, 3)).conv(32, 3, 2)
    for factor, out, repeat, stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for index in range(repeat):
            expand = net.shape[2] * factor if factor > 1 else 0
            _inverted(net, expand, out, 3, stride if index == 0 else 1)
    return net.conv(1280).global_pool().fully_connected(1000)


def mobilenet_v3_large() -> Net:
    """MobileNetV3-Large 1.0 (Howard et al., 2019)."""
    net = Net((224, 224, 3)).conv(16, 3, 2).elementwise()
    _inverted(net, 0, 16, 3, 1)
    for expand, out, kernel, stride, se, swish in [
        (64, 24, 3, 2, 0, False),
        (72, 24, 3, 1, 0, False),
        (72, 40, 5, 2, 24, False),
        (120, 40, 5, 1, 32, False),
        (120, 40, 5, 1, 32, False),
        (240, 80, 3, 2, 0, True),
        (200, 80, 3, 1, 0, True),
        (184, 80, 3, 1, 0, True),
        (184, 80, 3, 1, 0, True),
        (480, 112, 3, 1, 120, True),
        (672, 112, 3, 1, 168, True),
        (672, 160, 5, 2, 168, True),
        (960, 160, 5, 1, 240, True),
        (960, 160, 5, 1, 240, True),
    ]:
        _inverted(net, expand, out, kernel, stride, se=se, swish=swish)
    return net.conv(960).elementwise().global_pool().fully_connected(1280).elementwise().fully_connected(1000)


def mobilenet_v3_small() -> Net:
    """MobileNetV3-Small 1.0 (Howard et al., 2019)."""
    net = Net((224, 224, 3)).conv(16, 3, 2).elementwise()
    for expand, out, kernel, stride, se, swish in [
        (0, 16, 3, 2, 8, False),
        (72, 24, 3, 2, 0, False),
        (88, 24, 3, 1, 0, False),
        (96, 40, 5, 2, 24, True),
        (240, 40, 5, 1, 64, True),
        (240, 40, 5, 1, 64, True),
        (120, 48, 5, 1, 32, True),
        (144, 48, 5, 1, 40, True),
        (288, 96, 5, 2, 72, True),
        (576, 96, 5, 1, 144, True),
        (576, 96, 5, 1, 144, True),
    ]:
        _inverted(net, expand, out, kernel, stride, se=se, swish=swish)
    return net.conv(576).elementwise().global_pool().fully_connected(1024).elementwise().fully_connected(1000)


def mnasnet() -> Net:
    """MnasNet-B1 (Tan et al., 2018) as the ncnn benchmark runs it."""
    net = Net((224, 224, 3)).conv(32, 3, 2)
    _inverted(net, 0, 16, 3, 1)
    for first, factor, out, kernel, repeat, stride in [
        (3, 3, 24, 3, 3, 2),
        (3, 3, 40, 5, 3, 2),
        (6, 6, 80, 5, 3, 2),
        (6, 6, 96, 3, 2, 1),
        (6, 6, 192, 5, 4, 2),
        (6, 6, 320, 3, 1, 1),
    ]:
        for index in range(repeat):
            expand = net.shape[2] * (first if index == 0 else factor)
            _inverted(net, expand, out, kernel, stride if index == 0 else 1)
    return net.conv(1280).global_pool().fully_connected(1000)


def proxylessnas() -> Net:
    """ProxylessNAS-Mobile (Cai et al., 2018)."""
    net = Net((224, 224, 3)).conv(32, 3, 2)
    _inverted(net, 0, 16, 3, 1)
    for factors, kernels, out, stride in [
        ((3, 3), (5, 3), 32, 2),
        ((3, 3, 3, 3), (7, 3, 5, 5), 40, 2),
        ((6, 3, 3, 3), (7, 5, 5, 5), 80, 2),
        ((6, 3, 3, 3), (5, 5, 5, 5), 96, 1),
        ((6, 6, 3, 3), (7, 7, 7, 7), 192, 2),
        ((6,), (7,), 320, 1),
    ]:
        for index, (factor, kernel) in enumerate(zip(factors, kernels, strict=True)):
            _inverted(net, net.shape[2] * factor, out, kernel, stride if index == 0 else 1)
    return net.conv(1280).global_pool().fully_connected(1000)


def shufflenet_v1() -> Net:
    """ShuffleNet 1x, three groups (Zhang et al., 2017)."""
    net = Net((224, 224, 3)).conv(24, 3, 2).pool_same(2)
    for out, repeat in [(240, 4), (480, 8), (960, 4)]:
        for index in range(repeat):
            entry, down = net.shape, index == 0
            branch = out - entry[2] if down else out
            net.conv(out // 4, groups=1 if entry[2] == 24 else 3).elementwise()
            net.depthwise(3, 2 if down else 1).conv(branch, groups=3)
            if down:
                extent = net.shape
                net.shape = entry
                net.pool_same(2)
                net.shape = extent
                net.concat(out)
            else:
                net.elementwise(2)
    return net.global_pool().fully_connected(1000)


def shufflenet_v2() -> Net:
    """ShuffleNetV2 1x (Ma et al., 2018)."""
    net = Net((224, 224, 3)).conv(24, 3, 2).pool_same(2)
    for out, repeat in [(116, 4), (232, 8), (464, 4)]:
        half = out // 2
        for index in range(repeat):
            entry = net.shape
            if index == 0:
                net.depthwise(3, 2).conv(half)
                net.shape = entry
                net.conv(half).depthwise(3, 2).conv(half)
            else:
                net.shape = (entry[0], entry[1], half)
                net.conv(half).depthwise(3).conv(half)
            net.concat(out).elementwise()
    return net.conv(1024).global_pool().fully_connected(1000)


def squeezenet_1_1(size: int = 227) -> Net:
    """SqueezeNet 1.1; mobile benchmarks run it at 227 (Iandola et al., 2016)."""
    net = Net((size, size, 3)).conv(64, 3, 2, valid=True).pool(3, 2, ceil=True)
    _fire(net, 16, 64)
    _fire(net, 16, 64)
    net.pool(3, 2, ceil=True)
    _fire(net, 32, 128)
    _fire(net, 32, 128)
    net.pool(3, 2, ceil=True)
    for squeeze, expand in [(48, 192), (48, 192), (64, 256), (64, 256)]:
        _fire(net, squeeze, expand)
    return net.conv(1000).global_pool()


def squeezenet_1_0() -> Net:
    """SqueezeNet 1.0 at 224 (Iandola et al., 2016)."""
    net = Net((224, 224, 3)).conv(96, 7, 2, valid=True).pool(3, 2, ceil=True)
    for squeeze, expand in [(16, 64), (16, 64), (32, 128)]:
        _fire(net, squeeze, expand)
    net.pool(3, 2, ceil=True)
    for squeeze, expand in [(32, 128), (48, 192), (48, 192), (64, 256)]:
        _fire(net, squeeze, expand)
    net.pool(3, 2, ceil=True)
    _fire(net, 64, 256)
    return net.conv(1000).global_pool()


def _fire(net: Net, squeeze: int, expand: int) -> None:
    net.conv(squeeze)
    entry = net.shape
    net.conv(expand)
    net.shape = entry
    net.conv(expand, 3).concat(2 * expand)


def squeezenet_ssd() -> Net:
    """SqueezeNet 1.1 trunk at 300 with six SSD heads (21 classes), as the ncnn benchmark runs it."""
    net = Net((300, 300, 3)).conv(64, 3, 2, valid=True).pool(3, 2, ceil=True)
    _fire(net, 16, 64)
    _fire(net, 16, 64)
    net.pool(3, 2, ceil=True)
    _fire(net, 32, 128)
    _fire(net, 32, 128)
    _ssd_head(net, 4)
    net.pool(3, 2, ceil=True)
    for squeeze, expand in [(48, 192), (48, 192), (64, 256), (64, 256)]:
        _fire(net, squeeze, expand)
    _ssd_head(net, 6)
    for _ in range(2):
        net.pool(3, 2, ceil=True)
        _fire(net, 96, 384)
        _ssd_head(net, 6)
    net.conv(128).conv(256, 3, 2)
    _ssd_head(net, 6)
    net.conv(64).conv(128, 3, 2)
    _ssd_head(net, 4)
    return net


def _ssd_head(net: Net, priors: int) -> None:
    entry = net.shape
    for out in (4 * priors, 21 * priors):
        net.shape = entry
        net.conv(out, 3).elementwise()
    net.shape = entry


def googlenet() -> Net:
    """GoogLeNet, main branch (Szegedy et al., 2014)."""
    net = Net((224, 224, 3)).conv(64, 7, 2).pool(3, 2, ceil=True).elementwise().conv(64).conv(192, 3).elementwise()
    net.pool(3, 2, ceil=True)
    for index, (one, three_in, three, five_in, five, pool) in enumerate(
        [
            (64, 96, 128, 16, 32, 32),
            (128, 128, 192, 32, 96, 64),
            (192, 96, 208, 16, 48, 64),
            (160, 112, 224, 24, 64, 64),
            (128, 128, 256, 24, 64, 64),
            (112, 144, 288, 32, 64, 64),
            (256, 160, 320, 32, 128, 128),
            (256, 160, 320, 32, 128, 128),
            (384, 192, 384, 48, 128, 128),
        ]
    ):
        entry = net.shape
        net.conv(one)
        net.shape = entry
        net.conv(three_in).conv(three, 3)
        net.shape = entry
        net.conv(five_in).conv(five, 5)
        net.shape = entry
        net.pool_same(1).conv(pool).concat(one + three + five + pool)
        if index in (1, 6):
            net.pool(3, 2, ceil=True)
    return net.global_pool().fully_connected(1000)


def resnet18() -> Net:
    """ResNet-18 (He et al., 2015)."""
    net = Net((224, 224, 3)).conv(64, 7, 2).pool_same(2)
    for out, first in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        for stride in (first, 1):
            entry = net.shape
            if entry[2] != out:
                net.conv(out, 1, stride)
                net.shape = entry
            net.conv(out, 3, stride).conv(out, 3).elementwise(2)
    return net.global_pool().fully_connected(1000)


def resnet50() -> Net:
    """ResNet-50 with the stride in the 3x3 convolution (v1.5)."""
    net = Net((224, 224, 3)).conv(64, 7, 2).pool_same(2)
    for width, repeat, first in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for index in range(repeat):
            entry, stride = net.shape, first if index == 0 else 1
            if index == 0:
                net.conv(4 * width, 1, stride)
                net.shape = entry
            net.conv(width).conv(width, 3, stride).conv(4 * width).elementwise(2)
    return net.global_pool().fully_connected(1000)


def alexnet() -> Net:
    """AlexNet of Caffe, with its groups (Krizhevsky et al., 2012)."""
    net = Net((227, 227, 3)).conv(96, 11, 4, valid=True).elementwise().pool(3, 2)
    net.conv(256, 5, groups=2).elementwise().pool(3, 2)
    net.conv(384, 3).conv(384, 3, groups=2).conv(256, 3, groups=2).pool(3, 2)
    return net.fully_connected(4096).fully_connected(4096).fully_connected(1000)


def vgg16() -> Net:
    """VGG-16 (Simonyan and Zisserman, 2014)."""
    net = Net((224, 224, 3))
    for out, repeat in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(repeat):
            net.conv(out, 3)
        net.pool(2, 2)
    return net.fully_connected(4096).fully_connected(4096).fully_connected(1000)


def regnety_400m() -> Net:
    """RegNetY-400MF (Radosavovic et al., 2020): group width 8, squeeze-and-excitation 1/4."""
    net = Net((224, 224, 3)).conv(32, 3, 2)
    for out, repeat in [(48, 1), (104, 3), (208, 6), (440, 6)]:
        for index in range(repeat):
            entry, stride = net.shape, 2 if index == 0 else 1
            if index == 0:
                net.conv(out, 1, 2)
                net.shape = entry
            net.conv(out).conv(out, 3, stride, out // 8)
            net.squeeze_excite(entry[2] // 4, 0).conv(out).elementwise(2)
    return net.global_pool().fully_connected(1000)


def efficientnet_b0() -> Net:
    """EfficientNet-B0 (Tan and Le, 2019)."""
    net = Net((224, 224, 3)).conv(32, 3, 2).elementwise()
    for factor, out, kernel, repeat, stride in [
        (1, 16, 3, 1, 1),
        (6, 24, 3, 2, 2),
        (6, 40, 5, 2, 2),
        (6, 80, 3, 3, 2),
        (6, 112, 5, 3, 1),
        (6, 192, 5, 4, 2),
        (6, 320, 3, 1, 1),
    ]:
        for index in range(repeat):
            channels = net.shape[2]
            expand = channels * factor if factor > 1 else 0
            _inverted(net, expand, out, kernel, stride if index == 0 else 1, se=max(1, channels // 4), swish=True)
    return net.conv(1280).elementwise().global_pool().fully_connected(1000)


def efficientnetv2_b0() -> Net:
    """EfficientNetV2-B0 at 224 (Tan and Le, 2021)."""
    net = Net((224, 224, 3)).conv(32, 3, 2).elementwise().conv(16, 3).elementwise()
    for out in (32, 48):
        for stride in (2, 1):
            channels = net.shape[2]
            net.conv(4 * channels, 3, stride).elementwise().conv(out)
            if stride == 1:
                net.elementwise(2)
    for factor, out, repeat, stride in [(4, 96, 3, 2), (6, 112, 5, 1), (6, 192, 8, 2)]:
        for index in range(repeat):
            channels = net.shape[2]
            _inverted(net, channels * factor, out, 3, stride if index == 0 else 1, se=channels // 4, swish=True)
    return net.conv(1280).elementwise().global_pool().fully_connected(1000)


def blazeface() -> Net:
    """BlazeFace trunk at 128 (Bazarevsky et al., 2019)."""
    net = Net((128, 128, 3)).conv(24, 5, 2)
    plan = [(24, 1), (28, 1), (32, 2), (36, 1), (42, 1), (48, 2), (56, 1), (64, 1), (72, 1), (80, 1), (88, 1), (96, 2)]
    for out, stride in [*plan, *[(96, 1)] * 4]:
        net.depthwise(3, stride).conv(out).elementwise(2)
    return net


def yolov4_tiny() -> Net:
    """YOLOv4-tiny at 416, 80 classes (Wang et al., 2020)."""
    net = Net((416, 416, 3)).conv(32, 3, 2).conv(64, 3, 2)
    for width in (64, 128, 256):
        height, columns, _ = net.conv(width, 3).shape
        net.shape = (height, columns, width // 2)
        net.conv(width // 2, 3).conv(width // 2, 3).concat(width).conv(width).concat(2 * width).pool(2, 2)
    neck = net.conv(512, 3).conv(256).shape
    net.conv(512, 3).conv(255)
    net.shape = neck
    net.conv(128).upsample(2).concat(384).conv(256, 3).conv(255)
    return net


NETWORKS: dict[str, Callable[[], Net]] = {
    "alexnet": alexnet,
    "blazeface": blazeface,
    "efficientnet_b0": efficientnet_b0,
    "efficientnetv2_b0": efficientnetv2_b0,
    "googlenet": googlenet,
    "mnasnet": mnasnet,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "mobilenet_v3_small": mobilenet_v3_small,
    "mobilenet_yolo": mobilenet_yolo,
    "proxylessnas": proxylessnas,
    "regnety_400m": regnety_400m,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "shufflenet_v1": shufflenet_v1,
    "shufflenet_v2": shufflenet_v2,
    "squeezenet_1_0": squeezenet_1_0,
    "squeezenet_1_1": squeezenet_1_1,
    "squeezenet_ssd": squeezenet_ssd,
    "vgg16": vgg16,
    "yolov4_tiny": yolov4_tiny,
}
"""Every layer table by name."""

PUBLISHED_MACS: dict[str, float] = {
    "alexnet": 0.724e9,
    "efficientnet_b0": 0.39e9,
    "efficientnetv2_b0": 0.72e9,
    "googlenet": 1.58e9,
    "mnasnet": 0.315e9,
    "mobilenet_v1": 0.5687e9,
    "mobilenet_v2": 0.3008e9,
    "mobilenet_v3_large": 0.219e9,
    "mobilenet_v3_small": 0.0565e9,
    "proxylessnas": 0.320e9,
    "regnety_400m": 0.402e9,
    "resnet18": 1.814e9,
    "resnet50": 4.09e9,
    "shufflenet_v1": 0.140e9,
    "shufflenet_v2": 0.146e9,
    "squeezenet_1_0": 0.82e9,
    "vgg16": 15.47e9,
    "yolov4_tiny": 3.46e9,
}
"""Multiply-accumulates the papers and model zoos state for the networks as written above.

SqueezeNet 1.1 is stated at 224, not at the benchmarks' 227: see `SQUEEZENET_1_1_MACS_AT_224`.
"""

SQUEEZENET_1_1_MACS_AT_224 = 0.35e9

PUBLISHED_PARAMETERS: dict[str, float] = {
    "alexnet": 61.0e6,
    "mobilenet_v1": 4.2e6,
    "mobilenet_v2": 3.5e6,
    "mobilenet_v3_large": 5.4e6,
    "resnet18": 11.7e6,
    "resnet50": 25.5e6,
    "shufflenet_v2": 2.3e6,
    "squeezenet_1_1": 1.24e6,
    "vgg16": 138.3e6,
    "yolov4_tiny": 6.05e6,
}
"""Parameters the papers and model zoos state."""
