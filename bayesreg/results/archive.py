"""Results saved to one checksummed file, and read back."""

from __future__ import annotations

from typing import Any

from bayesreg import storage


def save_fit(fit: Any, path: Any, *, overwrite: bool) -> None:
    """Write model, data and optimum; the certificate is not stored, it is computed anew."""
    arrays, meta = storage.problem_to_payload(fit.problem)
    kept = {**arrays, "b": fit.b}
    said = {**meta, "estimate": fit.sigma, "solver": fit.solver, "hyper": fit.hyper}
    storage.save_payload(path, "map", kept, said, overwrite=overwrite)


def save_posterior(post: Any, path: Any, *, overwrite: bool) -> None:
    """Write model, data and draws."""
    arrays, meta = storage.draws_to_payload(post.draws)
    said = {**meta, "why_engine": post.why_engine, "warnings": list(post.warnings)}
    storage.save_payload(path, "posterior", arrays, said, overwrite=overwrite)
