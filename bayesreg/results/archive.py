"""Results saved to one checksummed file, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesreg import storage
from bayesreg.language.errors import BadData
from bayesreg.results.map_fit import MapFit
from bayesreg.solvers.certificate import certify

if TYPE_CHECKING:
    from bayesreg.results.posterior import Posterior


def save_fit(fit: MapFit, path: Any, *, overwrite: bool) -> None:
    """Write model, data and optimum; the certificate is not stored, it is computed anew."""
    arrays, meta = storage.problem_to_payload(fit.problem)
    kept = {**arrays, "b": fit.b}
    said = {**meta, "estimate": fit.sigma, "solver": fit.solver, "hyper": fit.hyper}
    storage.save_payload(path, "map", kept, said, overwrite=overwrite)


def save_posterior(post: Posterior, path: Any, *, overwrite: bool) -> None:
    """Write model, data and draws."""
    arrays, meta = storage.draws_to_payload(post.draws)
    said = {**meta, "why_engine": post.why_engine, "warnings": list(post.warnings)}
    storage.save_payload(path, "posterior", arrays, said, overwrite=overwrite)


def load_result(path: Any) -> Any:
    """A MapFit or Posterior from its file.

    Raises
    ------
    BadData
        If the file is corrupt, unsupported, or holds something else.
    """
    payload = storage.load_payload(path)
    if payload.kind == "map":
        problem = storage.problem_from_payload(payload.arrays, payload.meta)
        b = payload.arrays["b"]
        if b.shape != (problem.p,):
            raise BadData("the saved fit is corrupt: its coefficients do not match its columns")
        meta = payload.meta
        certificate = certify(problem, b)
        return MapFit(problem, b, meta["estimate"], meta["solver"], meta["hyper"], certificate)
    if payload.kind == "posterior":
        from bayesreg.results.posterior import Posterior

        draws = storage.draws_from_payload(payload.arrays, payload.meta)
        return Posterior(draws, payload.meta["why_engine"], tuple(payload.meta["warnings"]))
    raise BadData(f"unsupported: {path} holds a {payload.kind!r}, not a fit or a posterior")
