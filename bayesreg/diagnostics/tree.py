"""Draws as an ArviZ DataTree: unknowns in `posterior`, what is known in `constant_data`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.rows import as_text
from bayesreg.engines.draws import LOG_L, Rows, rows_of
from bayesreg.language.arguments import Array
from bayesreg.language.versions import versions
from bayesreg.model.model import Model

if TYPE_CHECKING:
    import xarray

    from bayesreg.engines.draws import Draws
    from bayesreg.model.problem import Problem

CELLS = 2**20  # numbers in one array of rows × draws
STACK = ("bayesreg", "numpy", "scipy", "arviz-base", "pymc")


def to_tree(draws: Draws, at: Rows | None = None) -> xarray.DataTree:
    r"""The draws as a DataTree in ArviZ's schema.

    Groups: ``posterior`` (``beta`` by ``feature``, ``intercept``, and ``sigma`` and ``scale`` where
    they are unknown; ``scale`` by ``block`` when several are), ``sample_stats`` (``lp`` and the
    sampler's own), ``log_prior``, and, when there are rows, ``observed_data`` (``y`` by
    ``obs_id``). ``constant_data`` holds what is known: X, weights, a given σ, given scales (as
    ``scale``, or as ``given_scale`` beside unknown ones). Where columns share local scales the
    prior density of β is no product over columns: it is left out of ``log_prior``, and ``lp`` too.

    Parameters
    ----------
    draws : Draws
        Arrays of shape (chain, draw, …).
    at : ndarray of int, optional
        Rows to show, each as often as it occurs here: with a frequency written out, ``obs_id`` says
        which copy it is, and ``constant_data`` holds the position of its ``row`` and no weights.

    Returns
    -------
    xarray.DataTree
        Engine, seed, versions, the declared unit of `scale` and whether columns were standardised
        are attributes of the root and of ``posterior``.

    References
    ----------
    ArviZ schema, https://python.arviz.org/en/latest/schema/schema.html.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
    >>> sorted(to_tree(post.draws)["posterior"].data_vars)
    ['beta', 'intercept', 'scale', 'sigma']
    """
    from arviz_base import from_dict

    problem = draws.problem
    groups: dict[str, dict[str, Any]] = {"posterior": _posterior(draws)}
    prior = log_prior(draws)
    # Without the prior density of β there is no density of the draws.
    density = {"lp": log_posterior(draws, prior)} if "beta" in prior else {}
    groups["sample_stats"] = {**density, **draws.stats}
    groups["log_prior"] = prior
    coords: dict[str, Any] = {"feature": list(problem.features)}
    if len(draws.scale_labels) > 1:
        coords["block"] = list(draws.scale_labels)
    given = "given_scale" if draws.scale_labels else "scale"
    constant, fixed_labels = _constant(problem, given, at)
    if fixed_labels:
        coords["fixed_block"] = fixed_labels
    if problem.design is not None:
        y = problem.design.y
        groups["observed_data"] = {"y": y if at is None else y[at]}
        labels = problem.design.obs_id
        coords["obs_id"] = labels if at is None else _copies(labels, at)
    if constant:
        groups["constant_data"] = constant
    dims = {
        "beta": ["feature"],
        "y": ["obs_id"],
        "X": ["obs_id", "feature"],
        "weights": ["obs_id"],
        "offset": ["obs_id"],
        "trials": ["obs_id"],
        "row": ["obs_id"],
        "scale": ["block"] if len(draws.scale_labels) > 1 else [],
    }
    dims[given] = ["fixed_block"] if fixed_labels else dims.get(given, [])
    attrs = _attrs(draws)
    tree: xarray.DataTree = from_dict(
        groups, coords=coords, dims=dims, attrs={"/": attrs, "posterior": attrs}
    )
    return tree


def _copies(labels: Any, at: Rows) -> Any:
    """Labels of rows written out: as they are if each occurs once, else which copy of how many."""
    times = np.bincount(at, minlength=len(labels))
    if len(at) == len(labels) and np.all(times == 1):
        return labels
    first = np.searchsorted(at, at)
    which = np.arange(len(at)) - first + 1
    said = [
        as_text(labels[row]) + (f" ({k} of {times[row]})" if times[row] > 1 else "")
        for row, k in zip(at, which, strict=True)
    ]
    return np.array(said, dtype=np.str_)


def _posterior(draws: Draws) -> dict[str, Any]:
    """The unknowns."""
    out: dict[str, Any] = {"beta": draws.beta}
    if draws.problem.intercept:
        out["intercept"] = draws.intercept
    out |= {name: one.values for name, one in draws.unknowns.items() if name in draws.theta}
    if len(draws.scale_labels) == 1:
        out["scale"] = draws.scale[..., 0]
    elif draws.scale_labels:
        out["scale"] = draws.scale
    return out


def _constant(problem: Problem, scale: str, at: Rows | None) -> tuple[dict[str, Any], list[str]]:
    """What is known, and the labels of the given scales, called `scale`, if there are several."""
    out: dict[str, Any] = {}
    if problem.design is not None:
        weights = problem.design.weights
        out["X"] = problem.design.X if at is None else problem.design.X[at]
        if weights is not None:
            out |= {"weights": weights} if at is None else {"row": at}
        for name in ("offset", "trials"):
            if (values := getattr(problem.design, name)) is not None:
                out[name] = values if at is None else values[at]
    out |= {name: np.asarray(value) for name, value in problem.known.items()}
    given = [(block.label, block.scale) for block in problem.blocks if block.scale is not None]
    if len(given) == 1:
        out[scale] = np.asarray(given[0][1])
    elif given:
        out[scale] = np.array([value for _, value in given])
        return out, [label for label, _ in given]
    return out, []


def _attrs(draws: Draws) -> dict[str, Any]:
    """Provenance; plain strings and numbers, so that every file format can hold them."""
    units = {block.label: str(block.prior.unit) for block in draws.problem.blocks}
    return {
        "inference_library": "bayesreg",
        "inference_library_version": versions(STACK)["bayesreg"],
        "versions": json.dumps(versions(STACK)),
        "engine": draws.engine,
        "seed": int(draws.seed),
        "warmup": int(draws.warmup),
        "independent": int(draws.independent),
        "complete": int(draws.complete),
        "wall_seconds": float(draws.wall),
        "scale_unit": next(iter(units.values())) if len(set(units.values())) == 1 else "by block",
        "scale_units": json.dumps(units),
        "standardize": int(draws.problem.standardize),
        "model": repr(Model.of(draws.problem)),
    }


def log_prior(draws: Draws) -> dict[str, Array]:
    """Log prior density of β (chain, draw, feature) in penalised coordinates, σ and scale.

    Flat parts contribute 0; p(σ²) ∝ 1/σ² contributes its density per dσ, as everywhere here. β is
    left out where its density given σ and scale is no product over columns (grouped columns, R2D2,
    the slab of a regularised horseshoe): there it is known only with the local scales.
    """
    problem = draws.problem
    b = draws.beta * problem.x_sd
    beta = np.zeros(draws.beta.shape)
    unknown = {label: k for k, label in enumerate(draws.scale_labels)}
    for block in problem.blocks:
        columns = problem.proper[block.columns]
        s = np.full(draws.sigma.shape, block.scale or 0.0)
        if block.hyper is not None:
            s = draws.scale[..., unknown[block.label]]
        effective = s[..., None] * block.relative
        if block.prior.unit == "sigma":
            effective = effective * draws.sigma[..., None]
        if block.separable:
            beta[..., columns] = block.prior.log_density(b[..., columns], effective)
    out = {"beta": beta} if all(block.separable for block in problem.blocks) else {}
    for name, own in problem.unknown.items():
        out[name] = np.asarray(own.log_density(draws.theta[name]))
    if draws.scale_labels:
        scales = log_hyperprior(draws)
        out["scale"] = scales if len(draws.scale_labels) > 1 else scales[..., 0]
    return out


def log_hyperprior(draws: Draws) -> Array:
    """Log prior density of every unknown scale (chain, draw, scale)."""
    hyper = {block.label: block.hyper for block in draws.problem.blocks}
    out = np.zeros(draws.scale.shape)
    for k, label in enumerate(draws.scale_labels):
        if (prior := hyper[label]) is not None:
            out[..., k] = prior.log_density(draws.scale[..., k])
    return out


def log_posterior(draws: Draws, prior: dict[str, Array]) -> Array:
    """Log likelihood plus log prior (chain, draw), of a Gaussian from cross-products alone."""
    total = sum(v.sum(axis=tuple(range(2, v.ndim))) for v in prior.values())
    if not draws.problem.exact:
        return np.asarray(_on_rows(draws) + total)
    moments, n = draws.problem.moments, draws.problem.n
    full = np.concatenate([-draws.beta, np.ones((*draws.sigma.shape, 1))], axis=-1)
    if moments.root is not None:
        rss = np.square(full @ moments.root.T).sum(axis=-1)
    elif moments.columns is not None:
        rss = moments.quadratic(full.reshape(-1, full.shape[-1])).reshape(full.shape[:-1])
    else:
        rss = np.einsum("cdi,cdi->cd", full @ moments.cross, full)
    rss = rss + n * np.square(moments.y_mean - draws.intercept - draws.beta @ moments.x_mean)
    likelihood = -0.5 * n * np.log(2 * np.pi * draws.sigma**2) - 0.5 * rss / draws.sigma**2
    return np.asarray(likelihood + total)


def _on_rows(draws: Draws) -> Array:
    """Log likelihood (chain, draw) by blocks of rows; as it was found where these are elsewhere."""
    if draws.problem.design is None and LOG_L in draws.stats:
        return draws.stats[LOG_L]
    design, out = rows_of(draws.problem), np.zeros(draws.sigma.shape)
    weights, size = design.frequencies, max(1, CELLS // draws.sigma.size)
    theta = {name: value[..., None] for name, value in draws.theta.items()}
    for start in range(0, design.n, size):
        part = slice(start, start + size)
        known = design.known.take(part)
        eta = known.added_to(draws.beta @ design.X[part].T + draws.intercept[..., None], -1)
        beside = theta | known.facts(-1)
        out += draws.problem.likelihood.log_density(design.y[part], eta, beside) @ weights[part]
    return out
