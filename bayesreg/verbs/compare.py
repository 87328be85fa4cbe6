"""compare: several priors on one data set, each with its MAP, closed form and posterior."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from bayesreg.data.arrival import Held, arrive
from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.data.provenance import provenance
from bayesreg.data.rows import counting
from bayesreg.diagnostics import compare_elpd
from bayesreg.language.arguments import settled_seed
from bayesreg.language.errors import (
    BadArgument,
    NotConverged,
    NotSupported,
)
from bayesreg.language.misnamed import explained
from bayesreg.language.warned import warn
from bayesreg.likelihoods import Likelihood
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.model.model import Model, flat_terms, suited, taken
from bayesreg.model.problem import Problem
from bayesreg.priors import Normal
from bayesreg.results.closed_form import ClosedForm
from bayesreg.results.comparison import Comparison
from bayesreg.results.entry import Entry
from bayesreg.results.equal_footing import EqualFooting
from bayesreg.results.fit_to_rows import left_out_in_passes
from bayesreg.results.map_fit import MapFit
from bayesreg.results.posterior import Posterior
from bayesreg.results.same_lam import SameLam
from bayesreg.verbs.bounded import condition_bounded
from bayesreg.verbs.calibrate import asked_in, on_equal_footing
from bayesreg.verbs.choose import choose
from bayesreg.verbs.comparable import read_together, refuse_incomparable
from bayesreg.verbs.fit import closed_form, fit_map, path, sample
from bayesreg.verbs.named_models import models_by_name
from bayesreg.verbs.verdict import sentences
from bayesreg.verbs.verification import verified

if TYPE_CHECKING:
    import pandas as pd


@explained
def compare(
    priors: Any,
    X: Any = None,
    y: Any = None,
    *,
    formula: str | None = None,
    data: Any = None,
    likelihood: Likelihood | str | None = None,
    standardize: bool = False,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    trials: Any = None,
    missing: str = "refuse",
    seed: int | None = None,
    verify: bool = False,
    intercept: bool = True,
    engine: str | None = None,
    draws: int = 1000,
    chains: int = 4,
    dataset: str = "the data",
    calibrate: Any = None,
    watch: Callable[[Entry], object] | None = None,
) -> Comparison:
    r"""Fit several priors to one data set and compare them by leave-one-out prediction.

    Parameters
    ----------
    priors : mapping or list
        Of names, as tables and plots show them, to priors, mappings of columns to priors, or
        models. A prior may be a text such as ``"laplace(scale=2)"``; a list has the texts and
        families for names, and so has a text with commas.
    X, y, weights, offset, exposure, trials, missing
        As in :meth:`Model.condition`; rows that are read in passes are read once for all priors,
        and compared by what needs no single row.
    formula, data : str and data frame, optional
        ``"y ~ x + C(g)"`` on a frame, instead of X and y, as in :meth:`Model.condition_formula`.
        One coding serves every prior: where one of them is Flat on a factor, a level is left out.
    likelihood : Likelihood or str, default Gaussian()
        For the values that are priors; models bring their own. Those of one response may be
        compared: Gaussian, Student-t and Laplace noise, or Poisson and negative binomial.
    standardize, intercept : bool
        As in :meth:`Model.condition`.
    seed : int, optional
        Drawn and recorded when not given.
    verify : bool, default False
        Also sample every posterior with PyMC's NUTS and test the agreement (minutes); where rows
        are read in passes and NUTS would need all, the verdict says that it was left out.
    engine : str, optional
        For every posterior; unsaid, the fastest exact one for each.
    draws, chains : int, default 1000, 4
        As in :func:`sample`.
    dataset : str, default "the data"
        How the verdict calls the data.
    calibrate : str or mapping, optional
        Set the scales of all priors so that they agree before the data, as
        :func:`bayesreg.calibrate` does: ``"r2=0.5"``, ``"expected_nonzero=3"``, ``"sd=2"`` or
        ``"match=ridge"``. The verdict says so.
    watch : callable, optional
        Called with each prior's Entry as soon as it is complete.

    Returns
    -------
    Comparison

    Raises
    ------
    BadArgument, NotSupported
        If `priors` is empty or holds something else; if likelihoods have no comparable densities.
    BadData
        If the data cannot be used, or a posterior does not exist.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, https://doi.org/10.1007/s11222-016-9696-4.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> fits = br.compare(["ridge", "lasso"], data.X, data.y, standardize=True, seed=1)
    >>> fits["ridge"].post.engine
    'direct'
    """
    models = models_by_name(priors, likelihood_of("gaussian" if likelihood is None else likelihood))
    beside = {"weights": weights, "offset": offset, "exposure": exposure, "trials": trials}
    models, source = _read(models, formula, data, X, y, beside, missing)
    seed, how = settled_seed(seed), _How(standardize, intercept, engine, draws, chains)
    models, even, agreed = _even(models, source, calibrate, how)
    entries, said, timing = _each(models, source, how, seed, watch)
    table = ranked({k: e.loo for k, e in entries.items() if e.loo is not None})
    result = Comparison(
        entries=entries,
        table=table,
        data=source if isinstance(source, Design) else None,
        dataset=dataset,
        verdict=(*sentences(entries, table, _describe(source, dataset, standardize)), *agreed),
        warnings=_said(source, said),
        provenance=provenance(source, seed, standardize, draws=draws, chains=chains),
        timing=timing,
        footing=even,
        **_along(entries),
    )
    return verified(result) if verify else result


def ranked(scores: dict[str, Any]) -> pd.DataFrame:
    """The priors by what they predict; no rows where there were none to leave out."""
    import pandas as pd

    return compare_elpd(scores) if scores else pd.DataFrame()


class _How(NamedTuple):
    """What every prior of a comparison shares."""

    standardize: bool
    intercept: bool
    engine: str | None
    draws: int
    chains: int


def _even(
    models: dict[str, Model], source: Held, asked: Any, how: _How
) -> tuple[dict[str, Model], EqualFooting | None, tuple[str, ...]]:
    """The models at scales that agree before the data, where that is asked; and that in words."""
    if asked is None:
        return models, None, ()
    inside = how.intercept and getattr(source, "intercept", True) is not False
    even = on_equal_footing(
        models, source, asked_in(asked), standardize=how.standardize, intercept=inside
    )
    return even.models, even, (even.sentence,)


def _each(
    models: Mapping[str, Model],
    source: Held,
    how: _How,
    seed: int,
    watch: Callable[[Entry], object] | None,
) -> tuple[dict[str, Entry], list[str], dict[str, float]]:
    """The entry of each prior, what was warned of, and the seconds that each took."""
    seeds = np.random.SeedSequence(seed).generate_state(len(models))
    entries: dict[str, Entry] = {}
    said: list[str] = []
    timing: dict[str, float] = {}
    for (name, model), one in zip(models.items(), seeds, strict=True):
        started = time.perf_counter()
        problem, notes = condition_bounded(
            model, source, standardize=how.standardize, intercept=how.intercept
        )
        said += [note for note in notes if note not in said]
        entries[name] = _entry(name, problem, int(one), how.engine, how.draws, how.chains)
        if watch is not None:
            watch(entries[name])
        timing[name] = time.perf_counter() - started
    _left_out_together(entries, timing)
    return entries, said + _like_with_like(entries), timing


def _read(
    models: dict[str, Model],
    formula: Any,
    data: Any,
    X: Any,
    y: Any,
    beside: dict[str, Any],
    missing: str,
) -> tuple[dict[str, Model], Held]:
    """The models, with what they learnt of y, and the data."""
    refuse_incomparable({name: model.likelihood for name, model in models.items()})
    if formula is not None or data is not None:
        source: Held = _by_formula(models, formula, data, X, y, beside, missing)
    else:
        models, source = _by_columns(models, X, y, beside, missing)
    for model in models.values():
        source = suited(source, model.likelihood)
    return models, source


def _by_formula(
    models: Mapping[str, Model],
    formula: Any,
    data: Any,
    X: Any,
    y: Any,
    beside: dict[str, Any],
    missing: str,
) -> Held:
    """One coding for every model; a term that is Flat under one of them leaves a level out."""
    if formula is None or data is None or X is not None or y is not None:
        raise BadArgument(
            "formula= and data= go together, instead of X and y: "
            "compare(priors, formula='y ~ x + C(g)', data=frame)"
        )
    from bayesreg.data.formula_arrival import by_formula

    flat = frozenset[str]().union(*(flat_terms(model.prior) for model in models.values()))
    labels = any(model.likelihood.takes_labels for model in models.values())
    known = {name: value for name, value in beside.items() if name != "weights"}
    for model in models.values():
        model.likelihood.refuse_known(**known)
    return by_formula(formula, data, beside, flat_terms=flat, labels=labels, missing=missing)


def _by_columns(
    models: dict[str, Model], X: Any, y: Any, beside: dict[str, Any], missing: str
) -> tuple[dict[str, Model], Held]:
    """Models that have learnt from y what it is, and the data."""
    X, y, beside, origin = arrive(X, y, beside, missing)
    if isinstance(X, Held):
        if y is not None or any(one is not None for one in beside.values()):
            raise BadArgument(f"{type(X).__name__} already holds y and weights")
        return models, X
    if X is None or y is None:
        missing = "X and y are" if X is None else "y is"
        raise BadArgument(
            f"{missing} missing: pass compare(priors, X, y), compare(priors, formula=…, data=…), "
            "or a Design as X"
        )
    for model in models.values():
        model.likelihood.refuse_known(**{k: v for k, v in beside.items() if k != "weights"})
    first = next(iter(models.values())).likelihood
    X, y, found = taken(first, X, y, **beside)
    asked = {name: model.likelihood for name, model in models.items()}
    learnt, y = read_together(asked, y, counting(found["weights"]))
    models = {name: Model(model.prior, learnt[name]) for name, model in models.items()}
    design = Design.of(X, y, **found).knowing(beside)
    return models, dataclasses.replace(design, origin=origin)


def _said(source: Held, notes: list[str]) -> tuple[str, ...]:
    """What was noticed, warned of now; and before it what was warned of when the data were read."""
    for note in notes:
        warn(note)
    return (*(() if isinstance(source, Moments) else source.notes), *notes)


def _entry(
    name: str, problem: Problem, seed: int, engine: str | None, draws: int, chains: int
) -> Entry:
    """MAP, closed form given its hyperparameters, posterior, LOO."""
    post = sample(problem, engine=engine, seed=seed, draws=draws, chains=chains)
    fit, why = None, problem.penalty.why_no_map
    if why is None:
        fit = _optimum(problem, post)
    closed = None if fit is None else in_closed_form(fit)
    loo = post.loo() if problem.design is not None else None
    same = None if why is not None or not problem.p else _at_its_lam(problem, post)
    return Entry(name, problem, fit, why, closed, post, loo, same_lam=same)


def _left_out_together(entries: dict[str, Entry], timing: dict[str, float]) -> None:
    """Rows that are read in passes, left out under all priors in one."""
    stream = next(iter(entries.values())).problem.stream
    if stream is None or not stream.again:
        return
    started = time.perf_counter()
    scores = left_out_in_passes([entry.post for entry in entries.values()])
    for (name, entry), loo in zip(list(entries.items()), scores, strict=True):
        entries[name] = dataclasses.replace(entry, loo=loo)
    timing["leave-one-out"] = time.perf_counter() - started


def _optimum(problem: Problem, post: Posterior) -> MapFit:
    """The MAP; one that is not certified says so itself, in the verdict and in the report."""
    try:
        return fit_map(problem)
    except NotSupported:  # several unknown scales, or no rows for cross-validation
        return fit_map(problem, hyper=post)
    except NotConverged as error:
        reached: Any = error.result
        if reached is None:
            raise
        return cast("MapFit", reached)


def in_closed_form(fit: MapFit) -> ClosedForm | None:
    """The posterior given the hyperparameters of an optimum, where it has a closed form."""
    try:
        return closed_form(fit.problem)
    except NotSupported:
        return None


def _at_its_lam(problem: Problem, post: Posterior) -> SameLam:
    """The MAP at the posterior's own λ; one that is not certified says so itself."""
    try:
        return SameLam(fit_map(problem, hyper=post), post)
    except NotConverged as error:
        reached: Any = error.result
        return SameLam(reached, post)


def _like_with_like(entries: dict[str, Entry]) -> list[str]:
    """K-fold for every prior where one needs it, on the same folds; what that means, in words.

    p(y_i | all but a fold) is another quantity than p(y_i | y_-i): see ``diagnostics.loo``.
    """
    needed = [n for n, e in entries.items() if e.loo is not None and e.loo.kind == "loo_kfold"]
    if not needed:
        return []
    for name, entry in entries.items():
        if entry.loo is not None and name not in needed:
            entries[name] = dataclasses.replace(entry, loo=entry.post.loo("kfold"))
    said = f"importance sampling failed at too many rows under {', '.join(needed)}"
    return [f"{said}: all priors are compared by K-fold cross-validation on the same folds"]


def _along(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """The path of the first prior with λ₁, else with a λ, at its σ̂; and who stops where."""
    fits = {name: e.fit for name, e in entries.items() if e.fit is not None}
    fits = {n: f for n, f in fits.items() if len(f.problem.blocks) == 1}
    fits = {n: f for n, f in fits.items() if f.penalty.linear_quadratic}
    fits = {n: f for n, f in fits.items() if f.problem.stream is None or f.problem.exact}
    if not fits:  # or each λ would take passes over rows that are not at hand
        return {"path": None, "choice": None}
    kinked = [n for n, f in fits.items() if not isinstance(f.problem.blocks[0].prior, Normal)]
    name = (kinked or list(fits))[0]
    theta = {k: float(v[0]) for k, v in fits[name].theta.items()}
    known = fits[name].problem
    course = path(known.at(**{k: v for k, v in theta.items() if k in known.unknown}))
    problem = entries[name].problem
    if not problem.exact:  # whose rules have no σ̂ or the like of their own
        problem = problem.at(**{k: v for k, v in theta.items() if k in problem.unknown})
    rules = _quick(problem)  # on the folds of fit_map, so that "cv" is the λ of the MAP
    return {"path": course, "choice": choose(problem, rules, lams=course.lam) if rules else None}


def _quick(problem: Problem) -> list[str]:
    """The rules for λ that apply here and take no draws: a report must not wait for them."""
    normal = isinstance(problem.blocks[0].prior, Normal)
    rules = ["cv", "cv-1se"] if problem.design is not None else []
    if not problem.exact:
        return [*rules, "aic", "bic"]
    if problem.unknown_sigma and problem.p >= problem.nu:
        return rules  # the columns interpolate y, and every likelihood grows without bound
    rules += ["loo"] if normal and problem.design is not None else []
    return rules + (["evidence", "gcv", "aic", "bic"] if normal else ["aic", "bic", "ebic"])


def _describe(source: Held, dataset: str, standardize: bool) -> str:
    moments = source if isinstance(source, Moments) else source.moments
    origin = "" if isinstance(source, Moments) else source.origin
    columns = f"{moments.p} column{'s' if moments.p != 1 else ''}"
    return (
        f"{dataset} ({origin or f'{moments.rows} rows'}, {columns}, "
        f"{'standardised' if standardize else 'in original units'})"
    )
