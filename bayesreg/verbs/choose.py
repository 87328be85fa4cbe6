"""choose: which λ, by which argument, and what prior that is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bayesreg.language.arguments import did_you_mean, integer
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.model.problem import Problem
from bayesreg.priors import Laplace
from bayesreg.results.choice import Choice, Rule
from bayesreg.solvers.path import one_block, penalised
from bayesreg.verbs.fit import need_problem, path, refuse_many_passes
from bayesreg.verbs.hyper import own_settled
from bayesreg.verbs.judges import JUDGES, Bench, ridge_evidence

RULES = (
    "evidence", "evidence-draws", "posterior", "cv", "cv-1se", "repeated-cv", "gcv", "loo",
    "aic", "bic", "ebic",
)  # fmt: skip
OF_PATH = ("aic", "bic", "ebic")  # which the passes of a path tell without another


@explained
def choose(
    problem: Problem,
    by: Iterable[str] | str | None = None,
    *,
    lams: Any = None,
    n: int = 100,
    l1_ratio: float | None = None,
    folds: Any = 10,
    groups: Any = None,
    repeats: int = 5,
    seed: int = 0,
) -> Choice:
    r"""Weigh every argument for a λ along one path: what each selects, and what prior that is.

    ============== =================================================================================
    rule           selects
    ============== =================================================================================
    evidence       the maximum of p(y | σ, λ), β integrated out, over λ and an unknown σ: exactly
                   for Normal, else by Monte Carlo with its error; under a likelihood that is not
                   Gaussian by Laplace's approximation, for Normal
    evidence-draws the same there by independent draws about the mode, with its Monte Carlo error
    posterior      the median of p(λ | y) under the prior's hyperprior
    cv             the smallest K-fold cross-validated squared error, or deviance −2 log p(y)
    cv-1se         the largest λ within one standard error of it
    repeated-cv    the smallest error averaged over `repeats` random partitions
    gcv, loo       for Normal: generalised cross-validation, and exact leave-one-out; under a
                   likelihood that is not Gaussian "loo" is ALO, leave-one-out to first order
    aic, bic       the smallest −2 log L + 2·df, or + log(N)·df
    ebic           the smallest BIC + 2 log C(p, min(columns kept, p/2))
    ============== =================================================================================

    Parameters
    ----------
    problem : Problem
        One penalised prior (and Flat columns). Its scale, where known, is ignored; its hyperprior
        serves "posterior" alone. What a likelihood that is not Gaussian has of its own and does not
        know (σ, df, a shape) is held at the value that `fit_map` gives it, which the notes say;
        "posterior" averages over it.
    by : str or sequence of str, optional
        Rules. Unsaid, all that apply; those that do not are in ``choice.left_out`` with the reason.
    lams, n, l1_ratio
        As in :func:`bayesreg.path`. Rules other than "evidence" and "posterior" choose among these.
        Where rows are read in passes under a likelihood that is not Gaussian, "aic", "bic" and
        "ebic" apply, in the passes of the path.
    folds, groups : int, splitter or iterable, array (n,)
        As in scikit-learn: a number of random folds, an object with ``split``, or test sets; rows
        of one group are held out together.
    repeats : int, default 5
        Partitions of "repeated-cv".
    seed : int, default 0
        Of folds and draws: the same seed gives the same answer.

    Returns
    -------
    Choice

    Raises
    ------
    BadArgument
        If a rule is not known, or an argument means nothing here.
    NotSupported
        If a rule asked for by name does not apply, or the problem has no path.

    References
    ----------
    MacKay (1992), Neural Computation 4(3); Hastie, Tibshirani & Friedman (2009), *The Elements of
    Statistical Learning*, 2nd ed., ch. 7; Golub, Heath & Wahba (1979), Technometrics 21(2); Chen &
    Chen (2008), Biometrika 95(3).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> choice = br.choose(problem, by=["evidence", "cv", "bic"])
    >>> choice.table["scale"].round(2).to_dict()
    {'evidence': 0.26, 'cv': 0.77, 'bic': 0.12}
    """
    need_problem(problem)
    one_block(problem)
    wanted = _wanted(by, exact=problem.exact)
    apart = _apart(problem, wanted, by)
    integer(repeats, "repeats")
    integer(seed, "seed", 0)
    whole, (problem, own) = problem, own_settled(problem, seed)
    sigma, source = _first_sigma(problem)
    source = "as fit_map has it" if whole.sigma is None and problem.sigma is not None else source
    # λ_max of a ray grows as 1/l1_ratio while λ₂ shrinks the effects all along: look further down.
    far = lams is None and l1_ratio not in (None, 0, 1) and problem.p < problem.nu
    along = path(problem.given(sigma=sigma), lams, n, 1e-4 if far else None, l1_ratio)
    share, given = along.ray.l1_ratio, lams is not None
    bench = Bench(
        problem, whole, along, by is not None, given, sigma, share, folds, groups, repeats, seed
    )
    bench.notes.extend([f"The likelihood has {own}."] * bool(own))
    bench.left_out |= dict.fromkeys(apart, "takes passes over the rows for each λ, or all at once")
    for name in (name for name in wanted if name not in apart):
        try:
            JUDGES[name](bench, name)
        except NotSupported as error:
            if by is not None:
                raise NotSupported(f"rule {name!r} does not apply here: {error}") from error
            bench.left_out[name] = str(error)
    rules = {name: bench.rules[name] for name in wanted if name in bench.rules}
    if not rules:
        raise NotSupported("no rule applies here: " + "; ".join(bench.left_out.values()))
    return _chosen(bench, rules, source)


def _apart(problem: Problem, wanted: Iterable[str], by: Any) -> list[str]:
    """The rules that need more than the path, where rows are read in passes.

    Raises
    ------
    NotSupported
        If one of them is asked for by name.
    """
    if problem.stream is None or problem.exact:
        return []
    found = [name for name in wanted if name not in OF_PATH]
    if found and by is not None:
        refuse_many_passes(problem, f"rule {found[0]!r}")
    return found


def _chosen(bench: Bench, rules: dict[str, Rule], source: str) -> Choice:
    """The result, with the one σ by which λ and the prior's scale are translated."""
    sigma, source = bench.sigma_of(rules, source)
    finite = [rule.lam for rule in rules.values() if np.isfinite(rule.lam)]
    known = bench.problem.given(sigma=sigma)
    in_passes = known.stream is not None and not known.exact
    used = [curve for curve in bench.curves.values() if set(curve.rules) & set(rules)]
    return Choice(
        source=bench.problem,
        path=bench.path if in_passes else path(known, bench.path.lam, l1_ratio=bench.l1_ratio),
        selected=path(known, finite or bench.path.lam[:1], l1_ratio=bench.l1_ratio),
        rules=rules,
        curves={curve.rules[0]: curve for curve in used},
        posterior=bench.posterior,
        left_out=bench.left_out,
        sigma=sigma,
        sigma_source=source,
        l1_ratio=bench.l1_ratio,
        cross_validation=bench.__dict__.get("cv"),
        notes=tuple(bench.notes),
    )


def _first_sigma(problem: Problem) -> tuple[float, str]:
    """σ known; or, for the elastic net's λ₂, that of ridge or lasso; else 1, which nobody needs."""
    if problem.sigma is not None:
        return problem.sigma, "known"
    if not penalised(problem).mixed:
        return 1.0, "not needed"
    try:
        return ridge_evidence(problem)[0], "at the maximal evidence of ridge"
    except NotSupported:
        one = problem.given(prior=Laplace(loc=one_block(problem).prior.loc))
        return choose(one, "cv" if problem.design is not None else "bic").sigma, "of the lasso"


def _wanted(by: Any, *, exact: bool) -> tuple[str, ...]:
    """The rules asked for, in the order of RULES; unsaid, no correction of what is exact."""
    if by is None:
        return tuple(name for name in RULES if not (exact and name == "evidence-draws"))
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in RULES:
            hint = did_you_mean(name, RULES)
            raise BadArgument(f"by: there is no rule {name!r}{hint} Rules: {', '.join(RULES)}")
    if not names:
        raise BadArgument(f"by is empty; leave it out for all rules: {', '.join(RULES)}")
    return tuple(name for name in RULES if name in names)
