"""Whether an engine samples the posterior that a model defines: three tests that need no data."""
