"""Leave-one-out predictive density for any engine: exact, importance sampling, refits, K-fold."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics import psis
from bayesreg.diagnostics.elpd import Pointwise, elpd_data, good_khat, kfold_data
from bayesreg.diagnostics.pointwise import (
    PLAIN,
    Integrated,
    Routes,
    blocks,
    log_mean,
    refuse_zero_density,
)
from bayesreg.diagnostics.refit import BATCHES, CHAINS, LENGTH, held_out
from bayesreg.engines.chains import one_blas_thread
from bayesreg.engines.draws import Rows, Sample, rows_of
from bayesreg.engines.factors import with_factors
from bayesreg.language.arguments import Array, integer
from bayesreg.language.errors import BadArgument, BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws
    from bayesreg.model.problem import Problem

METHODS = ("psis", "kfold")
# PSIS gains nothing but Monte Carlo error from more draws: k̂ = 0.7 is the limit from 2 200 on.
EVALUATIONS, LEAST_DRAWS = 1e8, 2200
# Beyond ALL_ROWS, PSIS is run on SAMPLED_ROWS rows chosen at random, and the difference to a
# normal approximation at every row is scaled up.
ALL_ROWS, SAMPLED_ROWS = 10_000, 4_000
# Ratios with k̂ above this have no variance (Vehtari et al. 2024, §2.3).
HEAVY = 0.5
# Rows whose importance sampling fails are refitted one by one, up to this many; then K-fold.
REFITS, FOLDS = 20, 10
# For the density given the scales, below which its own tail cannot be fitted well; and the
# floating-point operations up to which every row has it, below a second.
GIVEN_DRAWS, CHEAP = 1000, 4e9
CELLS = 2**20  # numbers in one array of rows × draws: 8 MiB
# Where no weight is so many times their mean, they have no tail that could matter, whatever k̂ says
# of its shape: given the scales, ratios may differ by a few per cent.
EVEN = 2.0
# The same rows and folds for every model, so that differences do not see the choice.
ROW_SEED, FOLD_SEED = 315, 316


def loo(
    draws: Draws,
    method: str | None = None,
    *,
    folds: int = FOLDS,
    routes: Routes = PLAIN,
) -> Any:
    r"""Expected log predictive density of a new row, by leaving out each row once.

    .. math:: \mathrm{elpd} = \sum_i w_i \log p(y_i \mid y_{-i})

    Each row by the first of these that serves, named in the coordinate ``method`` of ``elpd_i``:

    * ``exact``: draws of engine ``exact``: a normal or Student t of e_i/(1 − h_i).
    * ``psis``: Pareto-smoothed importance sampling from p(y_i | β, β₀, σ), in blocks of rows.
    * ``integrated``: where k̂ is above 0.5 (ratios without a variance), PSIS over σ and the prior
      variances alone, with β integrated out, if the engine recorded them (κ) and seconds suffice.
    * ``refit``: where k̂ stays above min(1 − 1/log10 S, 0.7), at no more than 20 rows: posterior
      draws without the row, from the moments of the others, 2 × 500 by the engine that drew (2 ×
      2 000 if they are independent). k̂ is then that of the densities whose mean is taken.
    * ``kfold``: where more rows fail, all n rows in K = 10 folds of a fixed random split: 10 such
      runs, each predicting the rows of its fold. So a fallback never takes more than 20 short runs.

    The first four estimate the same number, p(y_i | y_-i), and may be mixed. K-fold estimates
    p(y_i | all but the fold of i), smaller by what n/K rows teach, most so at rows of leverage,
    just those to be replaced. A sum of both kinds would favour the prior whose rows happened to be
    easy. So K-fold replaces every row or none, and ``compare`` takes it for every prior as soon as
    one needs it, on the same folds.

    Columns keep their divisors, so that the prior is the same whichever rows are left out. A row of
    frequency w stands for w rows: *one* copy (all of it, if w < 1) is left out, and its pointwise
    value is w·log p(y_i | y_-i), as for repeated rows. A fold leaves out one copy of each row.

    Above 10 000 rows PSIS is run on 4 000 of them, and the total is estimated by the difference to
    a normal approximation at every row. Above 1e8 rows × draws the draws are thinned to no fewer
    than 2 200, beyond which the limit on k̂ does not depend on their number. ``elpd_i.attrs`` say
    what was done ("note"), by which method ("method"), and the Monte Carlo error of the sum
    ("mcse"), from batches of draws, so that errors which rows share are counted.

    Parameters
    ----------
    draws : Draws
        From any engine, conditioned on rows. Its seed seeds the refits.
    method : {"psis", "kfold"}, optional
        PSIS without a fallback, or K-fold at once; unsaid, as above.
    folds : int, default 10
        K, at least 2; n or more leaves each row out in turn.

    Returns
    -------
    arviz_stats ELPDDataLOO, ELPDDataLOOSubsample or ELPDDataLOOKFold
        ``az.compare`` accepts it. ``elpd_i`` carries y, weight and method as coordinates.

    Raises
    ------
    NotSupported
        If the problem was conditioned on Moments, which have no rows.
    BadArgument
        If `method` or `folds` means nothing, or there are fewer than 30 draws.
    BadData
        If the draws are not finite, or without some row there is no posterior.

    Warns
    -----
    BayesregWarning
        If k̂ stays above its limit for some rows: ``method="psis"``, or a row so far out that draws
        of the posterior without it do not reach it either.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), "Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC", Statistics and Computing 27(5),
    https://doi.org/10.1007/s11222-016-9696-4; Vehtari, Simpson, Gelman, Yao & Gabry (2024), "Pareto
    smoothed importance sampling", JMLR 25(72), https://jmlr.org/papers/v25/19-556.html; Magnusson,
    Vehtari, Jonasson & Andersen (2020), "Leave-one-out cross-validation for Bayesian model
    comparison in large data", AISTATS, https://proceedings.mlr.press/v108/magnusson20a.html.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
    >>> result = loo(post.draws)
    >>> round(result.elpd / 10) * 10, result.elpd_i.attrs["method"]
    (-2400, 'PSIS')
    """
    design = rows_of(draws.problem)
    if method is not None and method not in METHODS:
        raise BadArgument(f"method must be one of {', '.join(METHODS)} or None, not {method!r}")
    integer(folds, "folds", 2)
    # One thread, so that the numbers do not depend on how many there are.
    with one_blas_thread():
        return _loo(draws, design, method, folds, routes)


def _loo(draws: Draws, design: Design, method: str | None, folds: int, routes: Routes) -> Any:
    """By the first method that serves."""
    if draws.engine == "exact" and method is None and routes.exact is not None:
        elpd, lppd = routes.exact(draws.problem, design)
        n, said = len(elpd), np.array("exact")
        values = Pointwise(elpd, lppd, np.zeros(n), design.frequencies, np.broadcast_to(said, n))
        return elpd_data(values, draws.problem, draws=0, note="exact", method="exact")
    if not (np.all(np.isfinite(draws.beta)) and np.all(np.isfinite(draws.sigma))):
        raise BadData("LOO needs finite draws, and some are not; see post.checks.why")
    if method == "kfold":
        return _k_fold(draws, design, folds, routes)
    rows = _sampled_rows(len(design.y))
    values, sample, notes = importance(draws, design, rows, None if method else routes.integrated)
    if sample.size < draws.sigma.size:
        notes.append(f"from {sample.size} of {draws.sigma.size} draws")
    if rows is not None:
        near = routes.normal(draws, design, sample)
        values = dataclasses.replace(values, approximate=near)
        notes.append(f"PSIS on {len(rows)} of {len(design.y)} rows, difference estimator")
    if method is None:
        mended = mend(draws, design, values, good_khat(sample.size), notes, routes)
        if mended is None:
            return _k_fold(draws, design, folds, routes, notes[-1])
        values = mended
    notes.append(noise_said(values.mcse))
    return elpd_data(
        values, draws.problem, draws=sample.size, note="; ".join(notes), method=methods_said(values)
    )


def methods_said(values: Pointwise) -> str:
    """The methods used, in few words."""
    counts = {name: int(np.sum(values.method == name)) for name in ("psis", "integrated", "refit")}
    if counts["psis"]:
        words = {"integrated": "with β integrated out", "refit": "refitted"}
    else:
        words = {"refit": "refitted"}
    return ", ".join(
        ["PSIS", *(f"{counts[name]} {said}" for name, said in words.items() if counts[name])]
    )


def _sampled_rows(n: int) -> Rows | None:
    """The rows on which PSIS is run, sorted; None for all."""
    if n <= ALL_ROWS:
        return None
    chosen = np.random.default_rng(ROW_SEED).choice(n, SAMPLED_ROWS, replace=False)
    return np.sort(chosen)


def importance(
    draws: Draws, design: Design, rows: Rows | None, integrated: Integrated | None
) -> tuple[Pointwise, Sample, list[str]]:
    """Importance sampling of the rows asked for: of scales alone where that is cheap, else of β."""
    at = np.arange(design.n) if rows is None else rows
    if integrated is not None:
        known = with_factors(draws)
        sample = integrated.affordable(
            known, draws.problem, len(at), GIVEN_DRAWS, LEAST_DRAWS, CHEAP
        )
        if sample is not None:
            values = _given_scales(draws.problem, design, sample, at, integrated)
            out = "β and σ" if draws.problem.sigma is None else "β"
            return (
                dataclasses.replace(values, rows=rows), sample, [f"PSIS, {out} integrated out"]
            )  # fmt: skip
    sample = Sample.of(draws, max(EVALUATIONS / len(at), LEAST_DRAWS))
    return _psis(design, sample, rows), sample, ["PSIS"]


def _psis(design: Design, sample: Sample, rows: Rows | None) -> Pointwise:
    """PSIS from p(y_i | β, β₀, σ) on the rows asked for."""
    weights = design.frequencies
    counts = weights if rows is None else weights[rows]
    copies, m = np.minimum(counts, 1.0), len(counts)
    elpd, lppd, khat, influence = np.empty(m), np.empty(m), np.empty(m), np.zeros(sample.size)
    for part, block in blocks(design, sample, rows):
        refuse_zero_density(block, part, rows)
        c = copies[part, None]
        if np.all(c == 1.0):
            found = psis.leave_one(block, sample.r_eff)
        else:
            found = psis.left_out(-c * block, block, sample.r_eff)
        elpd[part], lppd[part], khat[part], one = found
        influence += counts[part] @ one
    mcse = _batch_error(influence * (len(weights) / m), sample.chains)
    method = np.full(m, "psis", dtype="<U10")
    return Pointwise(elpd, lppd, khat, weights, method, rows, mcse=mcse)


def _given_scales(
    problem: Problem, design: Design, sample: Sample, rows: Rows, integrated: Integrated
) -> Pointwise:
    """PSIS of the scales, all else integrated out, at `rows`."""
    weights, m = design.frequencies, len(rows)
    counts = weights[rows]
    elpd, lppd, khat, influence = np.empty(m), np.empty(m), np.empty(m), np.zeros(sample.size)
    step = max(1, CELLS // sample.size)
    for start in range(0, m, step):
        part = slice(start, start + step)
        copies = np.minimum(counts[part], 1.0)
        density, ratio, inside, _ = integrated.leaving_out(
            problem, design, sample, rows[part], copies
        )
        elpd[part], _, khat[part], one = psis.left_out(ratio, density, sample.r_eff)
        lppd[part] = psis.log_mean(inside)
        khat[part][psis.largest_weight(ratio) < EVEN] = 0.0
        influence += counts[part] @ one
    mcse = _batch_error(influence * (len(weights) / m), sample.chains)
    method = np.full(m, "integrated", dtype="<U10")
    return Pointwise(elpd, lppd, khat, weights, method, rows, mcse=mcse)


def _batch_error(influence: Array, chains: int) -> float:
    """Monte Carlo error of a sum over draws from sums of batches, rows' shared draws included."""
    sums = psis.batch_sums(influence, chains, BATCHES)
    return float(sums.std(ddof=1) * np.sqrt(len(sums))) if len(sums) > 1 else 0.0


def mend(
    draws: Draws,
    design: Design,
    values: Pointwise,
    good_k: float,
    notes: list[str],
    routes: Routes,
) -> Pointwise | None:
    """The values where k̂ is too large computed otherwise; None where only K-fold is left."""
    bad = values.khat > good_k
    heavy = np.flatnonzero(values.khat > min(HEAVY, good_k))
    if not len(heavy):
        return values
    worst, total = float(values.khat.max()), len(values.khat)
    said = f"Pareto k̂ above {good_k:.2f} at {bad.sum()} of {total} rows (largest {worst:.2f})"
    values = dataclasses.replace(
        values, elpd=values.elpd.copy(), khat=values.khat.copy(), method=values.method.copy()
    )
    plain = bool(np.any(values.method == "psis"))
    if plain and routes.integrated is not None:
        values = _integrate(draws, design, values, heavy, routes.integrated)
    left = np.flatnonzero(values.khat > good_k)
    if len(left) > REFITS:
        notes.append(said)
        return None
    done = int(np.sum(values.method == "integrated")) if plain else 0
    notes += [said] if bad.any() else []
    notes += [f"β integrated out at {done} rows of k̂ above {HEAVY}"] if done else []
    return _refitted(draws, values, left, notes, routes)


def _refitted(
    draws: Draws, values: Pointwise, left: Rows, notes: list[str], routes: Routes
) -> Pointwise:
    """The rows `left`, each predicted by a posterior without it."""
    engines, square = [], values.mcse**2
    for i in left:
        row = int(i if values.rows is None else values.rows[i])
        try:
            found = held_out(draws, np.array([row]), (1, row), routes)
        except NotSupported as error:
            notes.append(f"not refitted: {error}")
            break
        values.elpd[i], values.khat[i], values.method[i] = found.elpd[0], found.khat[0], "refit"
        square += (float(values.weights[row]) * float(found.mcse[0])) ** 2
        engines.append(found.engine)
    if engines:
        notes.append(f"{len(engines)} refitted by {', '.join(sorted(set(engines)))}")
    return dataclasses.replace(values, mcse=float(np.sqrt(square)))


def noise_said(mcse: float) -> str:
    """The Monte Carlo error of a sum, in words."""
    return f"Monte Carlo error {mcse:.2g} nats"


def _integrate(
    draws: Draws, design: Design, values: Pointwise, heavy: Rows, integrated: Integrated
) -> Pointwise:
    """The rows `heavy` from scales alone, where their k̂ is good then."""
    known = with_factors(draws)
    sample = integrated.affordable(known, draws.problem, len(heavy), GIVEN_DRAWS, LEAST_DRAWS)
    if sample is None:
        return values
    rows = heavy if values.rows is None else values.rows[heavy]
    found = _given_scales(draws.problem, design, sample, rows, integrated)
    good = found.khat <= np.minimum(good_khat(sample.size), values.khat[heavy])
    values.elpd[heavy[good]], values.khat[heavy[good]] = found.elpd[good], found.khat[good]
    values.method[heavy[good]] = "integrated"
    return values


def _k_fold(
    draws: Draws, design: Design, folds: int, routes: Routes, why: str | None = None
) -> Any:
    """Every row predicted from the folds that it is not in."""
    n, weights = len(design.y), design.frequencies
    count = min(folds, n)
    if n < 2:
        raise BadData("K-fold cross-validation needs at least two rows")
    order = np.random.default_rng(FOLD_SEED).permutation(n)
    elpd, khat, square = np.empty(n), np.empty(n), 0.0
    engines = set()
    for k, fold in enumerate(np.array_split(order, count)):
        rows = np.sort(fold)
        found = held_out(draws, rows, (2, count, k), routes)
        elpd[rows], khat[rows] = found.elpd, found.khat
        square += found.error(weights[rows]) ** 2
        engines.add(found.engine)
    notes = [] if why is None else [why]
    mcse = float(np.sqrt(square))
    notes.append(f"{count}-fold by {', '.join(sorted(engines))}, {noise_said(mcse)}")
    lppd = log_mean(design, Sample.of(draws, GIVEN_DRAWS, r_eff=1.0))
    method = np.broadcast_to(np.array("kfold"), n)
    values = Pointwise(elpd, lppd, khat, weights, method, mcse=mcse)
    size = CHAINS * LENGTH
    return kfold_data(values, draws.problem, draws=size, note="; ".join(notes), folds=count)
