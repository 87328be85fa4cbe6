"""Do two engines agree? Means, sds and quantiles of every unknown, in Monte Carlo errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics.checks import Checks, examine
from bayesreg.diagnostics.run import Run, run_of_draws, run_of_tree
from bayesreg.engines.draws import Draws, array_stats
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.language.text import plain

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.05, 0.5, 0.95)
# Probability that two correct engines are called different.
FALSE_ALARM = 1e-3
# MCSEs are estimates themselves: those of quantiles rest on the spacing of some 30 order statistics
# and vary by 20 %. Over 800 pairs of runs of 4 × 1000 draws (normal, Laplace, t₃; autocorrelation
# 0 to 0.95) z had sd 0.93–1.08 and an excess kurtosis of about 0.3, that of a t with 4 + 6/0.3 df.
DEGREES = 24
# Two runs with noise in common are correlated draw by draw; independent ones have a correlation of
# sd 1/√ESS, and six of those once in 5e8.
SHARED = 6.0


@dataclass(frozen=True, eq=False)
class Agreement:
    r"""Whether two runs sampled one posterior.

    Attributes
    ----------
    ok : bool or None
        True if every |z| is within `limit`; None, no verdict, if a run failed its own checks.
    why : str
        The verdict in words, with the multiplicity of the test.
    max_z, mean_z2, limit : float
        Largest |z|, mean of z² (1 is expected), and what |z| is allowed.
    table : DataFrame
        One row per unknown and statistic: unknown, statistic (mean, sd, q5, q50, q95), a, b,
        mcse (of the difference), z.
    skipped : tuple of str
        Known quantities, equal in both runs, of which nothing is to be compared.
    """

    ok: bool | None
    why: str
    max_z: float
    mean_z2: float
    limit: float
    table: pd.DataFrame
    skipped: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Verdict and the largest differences."""
        word = {True: "agree", False: "DISAGREE", None: "no verdict"}[self.ok]
        largest = self.table.reindex(self.table["z"].abs().sort_values(ascending=False).index)
        return f"{word}: {self.why}\n{plain(largest.head(5).round(4)).to_string(index=False)}"


@explained
def agreement(a: Any, b: Any) -> Agreement:
    r"""Compare two runs of different engines on one problem.

    .. math:: z = (\hat\theta_a - \hat\theta_b) / \sqrt{\mathrm{MCSE}_a^2 + \mathrm{MCSE}_b^2}

    for the mean, sd and 5, 50 and 95 % quantiles of β, β₀, log σ and log scale, MCSE by ArviZ. The
    runs agree if no |z| among the K statistics exceeds a limit that two correct engines exceed with
    probability 1e-3 at most (Bonferroni over K, Student t with 24 degrees of freedom because MCSEs
    are themselves estimated).

    Parameters
    ----------
    a, b : Posterior, Draws or DataTree
        A foreign DataTree needs ``beta`` by ``feature`` in its posterior group, and ``intercept``,
        ``sigma`` and ``scale`` where these are unknown.

    Returns
    -------
    Agreement

    Raises
    ------
    BadArgument
        If both are one engine with one seed, or the unknowns or the data differ.

    References
    ----------
    Vehtari et al. (2021), Bayesian Analysis 16(2), §4, https://doi.org/10.1214/20-BA1221 (MCSE of
    means, sds and quantiles).

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model().condition(data.X, data.y, standardize=True)
    >>> one, two = (br.sample(problem, engine="direct", seed=s) for s in (1, 2))
    >>> agreement(one, two).ok
    True
    """
    (one, one_checks), (two, two_checks) = _run(a), _run(b)
    _refuse_same_run(one, two)
    _refuse_different_data(a, b)
    two = _named_alike(one, two)
    skipped = _refuse_different_unknowns(one, two)
    table = _table(one, two)
    z = table["z"].to_numpy()
    limit = limit_for(len(z))
    max_z = float(np.max(np.abs(z))) if np.all(np.isfinite(z)) else float("nan")
    ok, why = _verdict(table, limit, (one, one_checks), (two, two_checks))
    if skipped:
        why += f"; known, hence not compared: {', '.join(skipped)}"
    return Agreement(ok, why, max_z, float(np.mean(z**2)), limit, table, skipped)


def limit_for(count: int) -> float:
    """Largest |z| allowed among `count` statistics."""
    from scipy.special import stdtrit

    return float(stdtrit(DEGREES, 1.0 - FALSE_ALARM / (2 * max(1, count))))


def _run(source: Any) -> tuple[Run, Checks]:
    """The unknowns of a Posterior, Draws or foreign DataTree, and their checks."""
    draws = getattr(source, "draws", source)
    run = run_of_draws(draws) if isinstance(draws, Draws) else run_of_tree(draws)
    checks = getattr(source, "checks", None)
    return run, checks if isinstance(checks, Checks) else examine(run)


def _refuse_same_run(a: Run, b: Run) -> None:
    """Equal seeds of one engine give equal draws, which agree whatever they are."""
    same = a.engine is not None and a.engine == b.engine and a.seed == b.seed
    shared = set(a.values) & set(b.values)
    same = same or any(np.array_equal(a.values[k], b.values[k]) for k in shared)
    if same:
        raise BadArgument(
            "both are the same draws (one engine, one seed), which agree whatever they are; "
            "compare another engine, or at least another seed"
        )


def _refuse_different_data(a: Any, b: Any) -> None:
    """Where both runs carry their problem: the same rows, y and units."""
    one, two = getattr(a, "draws", a), getattr(b, "draws", b)
    if not (isinstance(one, Draws) and isinstance(two, Draws)):
        return
    p, q = one.problem, two.problem
    pairs = (
        (p.n, q.n, "N"),
        (p.moments.y_mean, q.moments.y_mean, "mean y"),
        (p.least_squares.yy, q.least_squares.yy, "y"),
    )
    for left, right, what in pairs:
        if not np.isclose(left, right, rtol=1e-9, atol=0.0):
            raise BadArgument(f"the runs have different data ({what}: {left:g} and {right:g})")
    units = [tuple((k.label, k.prior.unit) for k in r.blocks if k.scale is None) for r in (p, q)]
    if units[0] != units[1]:
        raise BadArgument(f"the scales have different units: {units[0]} and {units[1]}")


def _named_alike(a: Run, b: Run) -> Run:
    """Coefficients that a run numbers 0, 1, 2, …, named by position after the other run's."""
    ours, theirs = ([k for k in r.values if k.startswith("beta[")] for r in (a, b))
    numbers = [f"beta[{j}]" for j in range(len(ours))]
    if ours == theirs or theirs != numbers:
        return b
    renamed = dict(zip(theirs, ours, strict=True))
    values = {renamed.get(k, k): v for k, v in b.values.items()}
    return Run(values, b.fixed, b.stats, b.engine, b.seed, b.independent, b.complete)


def _refuse_different_unknowns(a: Run, b: Run) -> tuple[str, ...]:
    """The known quantities of both; any other difference between the unknowns is an error."""
    for one, two, which in ((a, b, "second"), (b, a, "first")):
        known = [name for name in one.values if name in two.fixed]
        if known:
            raise BadArgument(
                f"{known[0]} is unknown in one run and known in the {which}; the runs sample "
                "different models"
            )
        missing = [name for name in one.values if name not in two.values]
        if missing:
            raise BadArgument(
                f"the {which} run has no {', '.join(missing[:5])}; the runs must have the same "
                "columns and unknowns, under the names beta[feature], intercept, sigma, scale"
            )
    both = tuple(name for name in a.fixed if name in b.fixed)
    for name in both:
        if not np.isclose(a.fixed[name], b.fixed[name], rtol=1e-9, atol=1e-12):
            raise BadArgument(
                f"{name} is known as {a.fixed[name]:g} in one run and as {b.fixed[name]:g} in the "
                "other"
            )
    return tuple(a.fixed) + tuple(name for name in b.fixed if name not in a.fixed)


def _table(a: Run, b: Run) -> pd.DataFrame:
    """Statistics of both runs and their differences over the combined MCSE."""
    import pandas as pd

    names = list(a.values)
    one, two = _statistics(a, names), _statistics(b, names)
    labels = list(one)
    left, right = (np.array([s[k][0] for k in labels]) for s in (one, two))
    errors = np.hypot(*(np.array([s[k][1] for k in labels]) for s in (one, two)))
    with np.errstate(all="ignore"):
        z = (left - right) / errors
    return pd.DataFrame(
        {
            "unknown": np.repeat(names, len(labels)),
            "statistic": labels * len(names),
            "a": left.T.ravel(),
            "b": right.T.ravel(),
            "mcse": errors.T.ravel(),
            "z": z.T.ravel(),
        }
    )


def _statistics(run: Run, names: list[str]) -> dict[str, tuple[Array, Array]]:
    """Mean, sd and quantiles of each unknown, and their MCSEs: name to (values, errors)."""
    values = np.stack([run.values[name] for name in names])
    nan = np.full(len(names), np.nan)
    if not np.all(np.isfinite(values)) or values.shape[-1] < 4:
        return dict.fromkeys(("mean", "sd", *(f"q{100 * q:.0f}" for q in QUANTILES)), (nan, nan))
    stats = array_stats()
    with np.errstate(all="ignore"):
        out = {
            "mean": (values.mean(axis=(1, 2)), stats.mcse(values, method="mean")),
            "sd": (values.std(axis=(1, 2), ddof=1), stats.mcse(values, method="sd")),
        }
        for q in QUANTILES:
            error = stats.mcse(values, method="quantile", prob=q)
            out[f"q{100 * q:.0f}"] = (np.quantile(values, q, axis=(1, 2)), error)
    return out


def _shared_noise(a: tuple[Run, Checks], b: tuple[Run, Checks]) -> str | None:
    """An unknown whose draws are correlated between the runs, one by one, or None."""
    one, two = a[0].values, b[0].values
    for name, x in one.items():
        y = two[name]
        if x.shape != y.shape:
            return None
        effective = min(c.table["ess_bulk"].get(name, np.nan) for c in (a[1], b[1]))
        correlation = np.corrcoef(x.ravel(), y.ravel())[0, 1]
        if abs(correlation) > SHARED / np.sqrt(max(effective, 1.0)):
            return name
    return None


def _verdict(
    table: pd.DataFrame, limit: float, a: tuple[Run, Checks], b: tuple[Run, Checks]
) -> tuple[bool | None, str]:
    """True, False, or None where a run failed its own checks."""
    for (run, checks), which in ((a, "first"), (b, "second")):
        if not checks.ok:
            name = f"{which} run" + (f" ({run.engine})" if run.engine else "")
            return None, f"no verdict, because the {name} failed its checks: {checks.why}"
    shared = _shared_noise(a, b)
    if shared is not None:
        return None, (
            f"no verdict, because both runs draw {shared} from the same random numbers, so that "
            "their difference is too small; give one of them another seed"
        )
    z = table["z"]
    if not np.all(np.isfinite(z)):
        return None, "no verdict, because a Monte Carlo error is zero or undefined"
    worst = table.iloc[int(np.argmax(np.abs(z)))]
    counted = (
        f"largest |z| = {abs(worst['z']):.2f} ({worst['statistic']} of {worst['unknown']}), limit "
        f"{limit:.2f} for {len(table)} statistics at a false-alarm rate of {FALSE_ALARM:g}; "
        f"mean z² = {float((z**2).mean()):.2f}"
    )
    if abs(worst["z"]) <= limit:
        return True, f"all within Monte Carlo error: {counted}"
    return False, f"beyond Monte Carlo error: {counted}; one of the two engines is wrong here"
