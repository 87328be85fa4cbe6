"""A model, and the same model conditioned on data: all that solvers and engines receive."""
