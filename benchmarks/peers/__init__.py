"""Peer comparison: interleaved, pinned, one process a peer, ratios first."""
