"""Simulated devices: profiles of real boards and phones, the memory a model needs there, and the latency to expect."""

from __future__ import annotations

from edgekit.simulate.profile import DeviceProfile, list_devices, load_profile
from edgekit.simulate.simulator import NodeEstimate, Simulation, run_simulated, simulate_graph

__all__ = ["DeviceProfile", "NodeEstimate", "Simulation", "list_devices", "load_profile", "run_simulated", "simulate_graph"]
