"""Load: a saved result, as the verb that made it returned it."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

import numpy as np

from bayesreg import storage
from bayesreg.language.arguments import one_positive
from bayesreg.language.errors import BadData
from bayesreg.language.misnamed import explained
from bayesreg.results.map_fit import MapFit
from bayesreg.solvers.certificate import certify
from bayesreg.storage.fields import checked


@explained
def load(file: str | FilePath) -> Any:
    """Read a fit or posterior that was saved, verifying its checksum.

    A formula comes back with the levels and transformations of the fit, so that it predicts from
    new rows of the original frame.

    Parameters
    ----------
    file : str or Path
        Written by ``fit.save`` or ``post.save``.

    Returns
    -------
    MapFit or Posterior

    Raises
    ------
    BadData
        If the file is truncated, altered, of a newer format, or holds something else.

    Examples
    --------
    >>> import bayesreg as br, tempfile
    >>> fit = br.fit_map(br.Model(br.Normal(1.0)).condition([[1.0], [2.0], [4.0]], [1.0, 3.0, 4.0]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(f"{folder}/fit.breg")
    ...     br.load(f"{folder}/fit.breg").beta.equals(fit.beta)
    True
    """
    payload = storage.load_payload(file)
    try:
        return _result(payload)
    except _MALFORMED as error:
        raise BadData(f"this file does not hold a bayesreg result: {_said(error)}") from error


# What building a result of altered fields can raise; nothing of it is executed.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _result(payload: storage.Payload) -> Any:
    meta = payload.meta
    if payload.kind == "map":
        problem = storage.problem_from_payload(payload.arrays, meta)
        b = checked(payload.arrays["b"], "Array", "b")
        if b.shape != (problem.p,) or not np.isfinite(b).all():
            raise BadData("the saved fit is corrupt: its coefficients do not match its columns")
        solver, hyper = (checked(meta[name], "str", name) for name in ("solver", "hyper"))
        sigma = one_positive(meta["estimate"], "σ")
        return MapFit(problem, b, sigma, solver, hyper, certify(problem, b))
    if payload.kind == "posterior":
        from bayesreg.results.posterior import Posterior

        draws = storage.draws_from_payload(payload.arrays, meta)
        why = checked(meta["why_engine"], "str", "why_engine")
        return Posterior(draws, why, checked(meta["warnings"], "tuple[str, ...]", "warnings"))
    raise BadData(f"it holds a {payload.kind!r}, which is not a fit or a posterior: unsupported")
