"""The fit tool's layer tables and regression."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.devices.layers import Net
from benchmarks.devices.networks import (
    NETWORKS,
    PUBLISHED_MACS,
    PUBLISHED_PARAMETERS,
    SQUEEZENET_1_1_MACS_AT_224,
    squeezenet_1_1,
)
from benchmarks.devices.regression import TERMS, Samples, feature_vector, fit_group
from edgekit.simulate.cost_model import estimate_seconds
from edgekit.simulate.profile import load_profile


@pytest.mark.parametrize("name", sorted(PUBLISHED_MACS))
def test_macs_match_the_published_total(name: str) -> None:
    assert NETWORKS[name]().macs == pytest.approx(PUBLISHED_MACS[name], rel=0.025)


@pytest.mark.parametrize("name", sorted(PUBLISHED_PARAMETERS))
def test_parameters_match_the_published_total(name: str) -> None:
    assert NETWORKS[name]().parameters == pytest.approx(PUBLISHED_PARAMETERS[name], rel=0.025)


def test_squeezenet_1_1_at_the_size_of_its_published_total() -> None:
    assert squeezenet_1_1(224).macs == pytest.approx(SQUEEZENET_1_1_MACS_AT_224, rel=0.025)


@pytest.mark.parametrize(
    ("name", "macs"), [("mobilenet_v1", 568_740_352), ("mobilenet_v2", 300_774_272), ("vgg16", 15_470_264_320)]
)
def test_macs_to_the_last_digit(name: str, macs: int) -> None:
    assert NETWORKS[name]().macs == macs


def test_families() -> None:
    net = Net((8, 8, 32)).conv(32, 3).conv(32, 3, 2).conv(64).depthwise(3).conv(64, 3, groups=8).pool(2, 2)
    net.conv(64, 3, groups=2)
    expected = ["winograd", "dense", "pointwise", "depthwise", "grouped", "memory", "dense", "dense"]
    families = [layer.family for layer in net.layers]
    assert families[:6] == expected[:6]
    assert families[6:] == ["winograd", "winograd"]


def test_bytes_follow_the_dtype() -> None:
    layer = Net((1, 1, 10)).fully_connected(20).layers[0]
    assert (layer.work("f32").bytes_read, layer.work("int8").bytes_read) == (840, 210)
    assert layer.work("f32", half_weights=True).bytes_read == 440


def _synthetic(noise: float) -> tuple[list[Samples], np.ndarray]:
    random = np.random.default_rng(7)
    names = tuple(sorted(NETWORKS))
    features = np.array([feature_vector(NETWORKS[name]().works("f32")) for name in names])
    costs = np.array([2e-10, 8e-11, 1.5e-10, 4e-10, 3e-10, 2e-9, 1.5e-10, 8e-6])
    group = []
    for speed in (1.0, 0.4, 2.5):
        seconds = features @ (costs * speed) * np.exp(noise * random.standard_normal(len(names)))
        group.append(Samples(names, features, np.log(seconds)))
    return group, costs


def test_regression_recovers_noise_free_devices() -> None:
    group, costs = _synthetic(0.0)
    assert len(costs) == len(TERMS)
    for samples, fit in zip(group, fit_group(group), strict=True):
        assert np.abs(fit.log_prediction(samples.features) - samples.log_seconds).max() < 0.03


def test_a_left_out_network_is_predicted_within_the_noise() -> None:
    group, _ = _synthetic(0.1)
    fits = fit_group([samples.without("resnet50") for samples in group])
    for samples, fit in zip(group, fits, strict=True):
        row = samples.networks.index("resnet50")
        error = fit.log_prediction(samples.features[row : row + 1])[0] - samples.log_seconds[row]
        assert 1e-4 < abs(error) < 0.4


def test_shipped_profile_predicts_a_row_it_was_fitted_to() -> None:
    """MobileNetV2 on a Raspberry Pi 4: the estimate and the cited milliseconds agree within the band."""
    profile = load_profile("raspberry-pi-4b")
    parameters = profile.dtypes["f32"]
    published = next(source.milliseconds for source in parameters.sources if source.model == "mobilenet_v2")
    works = NETWORKS["mobilenet_v2"]().works("f32")
    estimate = 1e3 * sum(estimate_seconds(work, profile).seconds for work in works)
    assert published / parameters.band < estimate < published * parameters.band
