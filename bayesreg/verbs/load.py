"""Load: a saved result, as the verb that made it returned it."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from bayesreg import storage
from bayesreg.language.errors import BadData
from bayesreg.language.misnamed import explained
from bayesreg.results.map_fit import MapFit
from bayesreg.solvers.certificate import certify


@explained
def load(file: str | FilePath) -> Any:
    """Read a fit or posterior that was saved, verifying its checksum.

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
    raise BadData(f"unsupported: {file} holds a {payload.kind!r}, not a fit or a posterior")
