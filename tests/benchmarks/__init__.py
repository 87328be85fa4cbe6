"""Benchmarks: our time, the peers' and the physical limit, in one run, at verified accuracy."""
