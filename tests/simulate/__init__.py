"""Tests of the simulator: device profiles, cost model, and the tool that fits them."""
