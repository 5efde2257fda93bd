"""Simulated devices: profiles of real boards and phones, and the latency they lead to expect."""
