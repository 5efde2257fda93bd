"""The regression: one log-linear hierarchical fit for all devices that share a runtime and a dtype.

Seconds of a model are a sum of eight non-negative terms (six operator families, bytes, operator count). Whole-model
rows cannot separate eight costs on one device, so the devices of a group share a prior: log cost = device speed +
group mean + deviation, with the mean, the spread of the deviations and the noise estimated from the group itself
(expectation maximisation around a Laplace approximation). Residuals are Student-t (4 degrees), so one odd row does
not bend a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.simulate.cost_model import OpWork
from edgekit.simulate.profile import FAMILIES

Array = NDArray[np.float64]

TERMS = (*FAMILIES, "bytes", "operators")
"""Columns of a feature vector."""

# Starting point in seconds a unit, for a core of some 8 GMAC/s; only the ratios matter, and only weakly.
_NOMINAL = np.log(np.array([1.2e-10, 0.6e-10, 1.2e-10, 3e-10, 4e-10, 5e-10, 1.5e-10, 5e-6]))
_MEAN_SD = 0.7
_DEPARTURE_SD = 0.3
_SPEED_SD = 3.0
_DEVIATION_FLOOR = 0.08
_NOISE_FLOOR = 0.05
_DEGREES = 4.0
_ROUNDS = 25
_STEPS = 12


@dataclass(frozen=True)
class Samples:
    """Rows of one device: features (rows x terms) and log seconds."""

    networks: tuple[str, ...]
    features: Array
    log_seconds: Array

    def without(self, network: str) -> Samples:
        """The rows of every other network."""
        keep = [index for index, name in enumerate(self.networks) if name != network]
        return Samples(tuple(self.networks[i] for i in keep), self.features[keep], self.log_seconds[keep])


@dataclass(frozen=True)
class DeviceFit:
    """Log costs of one device and their posterior covariance."""

    log_costs: Array
    covariance: Array

    def log_prediction(self, features: Array) -> Array:
        """Log seconds of every feature row."""
        return np.asarray(np.log(features @ np.exp(self.log_costs)), dtype=np.float64)


@dataclass
class _Prior:
    mean: Array
    deviation: Array
    noise: float
    mean_sd: float

    def precision(self) -> Array:
        size = len(self.mean)
        return _inverse(np.diag(self.deviation**2) + _SPEED_SD**2 * np.ones((size, size)))


def feature_vector(works: Sequence[OpWork]) -> Array:
    """Sum a network's work into the terms of the model."""
    total = np.zeros(len(TERMS))
    for work in works:
        total[TERMS.index(work.family)] += work.elements if work.family == "memory" else work.macs
        total[-2] += work.bytes_read + work.bytes_written
        total[-1] += 1
    return total


def fit_group(group: Sequence[Samples], bases: Sequence[Array] | None = None) -> list[DeviceFit]:
    """Fit every device of a group; the order of the result is the order of the input.

    Args:
        group: Rows of every device.
        bases: Log costs of the same devices in another dtype; the group mean then is a departure from them, and
            starts at none. Without it the mean starts at textbook ratios.
    """
    prior = _Prior(np.zeros(len(TERMS)), np.full(len(TERMS), 0.4), 0.12, _MEAN_SD if bases is None else _DEPARTURE_SD)
    centres = [_NOMINAL] * len(group) if bases is None else list(bases)
    fits = [DeviceFit(centre.copy(), np.eye(len(TERMS))) for centre in centres]
    for _ in range(_ROUNDS):
        fits = [
            _fit_device(samples, prior, centre + prior.mean, start.log_costs)
            for samples, centre, start in zip(group, centres, fits, strict=True)
        ]
        _update(prior, group, centres, fits)
    return fits


def _inverse(matrix: Array) -> Array:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _linearise(samples: Samples, log_costs: Array, noise: float) -> tuple[Array, Array, Array]:
    """Residuals, Jacobian and Student-t weights (over the noise variance) at a point."""
    terms = samples.features * np.exp(log_costs)
    seconds = terms.sum(axis=1)
    residual = np.log(seconds) - samples.log_seconds
    weight = (_DEGREES + 1) / (_DEGREES + (residual / noise) ** 2) / noise**2
    return residual, terms / seconds[:, None], weight


def _fit_device(samples: Samples, prior: _Prior, centre: Array, start: Array) -> DeviceFit:
    precision = prior.precision()
    log_costs = start
    for _ in range(_STEPS):
        residual, jacobian, weight = _linearise(samples, log_costs, prior.noise)
        hessian = jacobian.T @ (weight[:, None] * jacobian) + precision
        gradient = jacobian.T @ (weight * residual) + precision @ (log_costs - centre)
        step = np.linalg.solve(hessian, gradient)
        log_costs = log_costs - np.clip(step, -1.0, 1.0)
        if float(np.abs(step).max()) < 1e-7:
            break
    _, jacobian, weight = _linearise(samples, log_costs, prior.noise)
    return DeviceFit(log_costs, _inverse(jacobian.T @ (weight[:, None] * jacobian) + precision))


def _update(prior: _Prior, group: Sequence[Samples], centres: Sequence[Array], fits: Sequence[DeviceFit]) -> None:
    inverse = 1.0 / prior.deviation**2
    deviations, variances, squares, weights = [], [], 0.0, 0.0
    projection = np.eye(len(TERMS)) - np.outer(np.ones(len(TERMS)), inverse / inverse.sum())
    for samples, centre, fit in zip(group, centres, fits, strict=True):
        deviations.append(projection @ (fit.log_costs - centre - prior.mean))
        variances.append(np.diag(projection @ fit.covariance @ projection.T))
        residual, jacobian, weight = _linearise(samples, fit.log_costs, prior.noise)
        scaled = weight * prior.noise**2
        squares += float((scaled * residual**2).sum())
        squares += float((scaled * np.einsum("ij,jk,ik->i", jacobian, fit.covariance, jacobian)).sum())
        weights += len(residual)
    spread = np.array(deviations)
    pull = len(group) * inverse
    shift = (pull * spread.mean(axis=0) - prior.mean / prior.mean_sd**2) / (pull + 1 / prior.mean_sd**2)
    prior.mean = prior.mean + shift
    centred = spread - shift
    # Two pseudo-devices at the starting width keep small groups from collapsing to "all devices alike".
    prior.deviation = np.sqrt(((centred**2 + np.array(variances)).sum(axis=0) + 2 * 0.3**2) / (len(group) + 2))
    prior.deviation = np.maximum(prior.deviation, _DEVIATION_FLOOR)
    prior.noise = max(_NOISE_FLOOR, float(np.sqrt(squares / weights)))
