"""Compiled loops of the Gibbs sampler: pure functions of arrays and records."""
