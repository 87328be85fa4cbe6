"""Checks of draws: ArviZ's convergence diagnostics, and what they let pass.

R̂, ESS and MCSE are ArviZ's (rank-normalised, split, folded). They accept infinite draws, chains
that are copies of one another and a chain that never moved, so those are looked for first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.diagnostics.run import Run, run_of_draws, short_name
from bayesreg.diagnostics.suspicions import suspicions
from bayesreg.engines.draws import APPROXIMATE, RATIO, array_stats
from bayesreg.engines.weighed import Share
from bayesreg.language.text import plain

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.engines.draws import Draws


# Vehtari et al. (2021), §4: R̂ below 1.01, and ESS of 100 per chain so that R̂ and MCSE are reliable.
RHAT_MAX = 1.01
ESS_PER_CHAIN = 100
# Quantiles of the tail ESS: Vehtari et al. (2021), eq. 14. ArviZ's default follows its plots' 89 %.
TAIL = (0.05, 0.95)
# Betancourt (2016), https://arxiv.org/abs/1604.00695, and ArviZ's `diagnose`.
BFMI_MIN = 0.3
# Reaching the depth limit costs efficiency, not validity; PyMC's own check allows 5 % of draws.
TREEDEPTH_MAX = 0.05


@dataclass(frozen=True, eq=False)
class Checks:
    r"""Whether draws can be trusted, why, and the numbers behind it.

    Attributes
    ----------
    ok : bool
        Every check passed. A run of one chain never passes: R̂ needs two.
    why : str
        The worst number of each check, or every failure and what to do.
    table : DataFrame
        By unknown (``beta[bmi]``, ``intercept``, ``log sigma``, ``log scale``): mean, sd,
        mcse_mean, ess_bulk, ess_tail, rhat (NaN where not available).
    failures : tuple of str
        One sentence per failed check; empty when `ok`.
    divergences : int or None
        Divergent transitions; None where the engine has no such thing.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), "Rank-normalization, folding, and
    localization: an improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2),
    https://doi.org/10.1214/20-BA1221.
    """

    ok: bool
    why: str
    table: pd.DataFrame
    failures: tuple[str, ...] = ()
    divergences: int | None = None

    def by_unknown(self) -> pd.DataFrame:
        """ESS and R̂ indexed as ``post.summary()`` is: ``bmi``, ``sigma``, ``scale``.

        All three are rank based, hence the same for σ and log σ.
        """
        columns = self.table[["ess_bulk", "ess_tail", "rhat"]]
        return columns.rename(index={name: short_name(name) for name in columns.index})

    def __repr__(self) -> str:
        """Verdict, reason and table."""
        verdict = "checks passed" if self.ok else "CHECKS FAILED"
        return f"{verdict}: {self.why}\n{plain(self.table.round(4)).to_string(max_rows=30)}"


def check(draws: Draws) -> Checks:
    r"""Check draws of β, β₀, log σ and log scale.

    Passed when all draws are finite, no unknown is constant, no chain is stuck or a copy of
    another, R̂ ≤ 1.01, bulk and tail ESS ≥ 100 per chain, and, where the sampler reports them, there
    are no divergences, at most 5 % of draws at the depth limit, and E-BFMI ≥ 0.3. Of engine
    "laplace" they say how far from exact it is. For independent draws ESS is their number and MCSE
    is sd/√S, so R̂ does not apply.

    Parameters
    ----------
    draws : Draws
        From any engine.

    Returns
    -------
    Checks

    References
    ----------
    Vehtari et al. (2021), Bayesian Analysis 16(2), https://doi.org/10.1214/20-BA1221; Betancourt
    (2016), "Diagnosing suboptimal cotangent disintegrations", https://arxiv.org/abs/1604.00695.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
    >>> check(post.draws).ok
    True
    """
    return examine(run_of_draws(draws))


def examine(run: Run) -> Checks:
    """Check any run, foreign ones included."""
    chains, length = run.shape
    bad, failures = suspicions(run)
    if not run.complete:
        failures.append(
            f"the run was interrupted: {length} draws per chain are kept; sample again for the rest"
        )
    table = _table(run, usable=not bad)
    facts: list[str] = []
    if not bad:
        if run.independent:
            facts.append(f"{chains * length} independent draws, all finite; R-hat does not apply")
        else:
            _judge_chains(table, chains, length, facts, failures)
    divergences = _judge_sampler(run, facts, failures)
    return Checks(
        ok=not failures,
        why="; ".join(failures or facts),
        table=table,
        failures=tuple(failures),
        divergences=divergences,
    )


def _table(run: Run, *, usable: bool) -> pd.DataFrame:
    """Mean, sd, MCSE, ESS and R̂ by unknown; NaN where the draws are unusable."""
    import pandas as pd

    values = np.stack(list(run.values.values()))
    chains, length = run.shape
    size = chains * length
    with np.errstate(all="ignore"):
        mean, sd = values.mean(axis=(1, 2)), values.std(axis=(1, 2), ddof=min(1, size - 1))
    mcse, bulk, tail, rhat = (np.full(len(values), np.nan) for _ in range(4))
    if usable and run.independent:
        mcse, bulk, tail = sd / np.sqrt(size), np.full_like(sd, size), np.full_like(sd, size)
    elif usable and length >= 4:
        stats = array_stats()
        mcse = stats.mcse(values, method="mean")
        bulk = stats.ess(values, method="bulk")
        tail = stats.ess(values, method="tail", prob=TAIL)
        rhat = stats.rhat(values) if chains > 1 else rhat
    return pd.DataFrame(
        {
            "mean": mean,
            "sd": sd,
            "mcse_mean": mcse,
            "ess_bulk": bulk,
            "ess_tail": tail,
            "rhat": rhat,
        },
        index=pd.Index(list(run.values), name="unknown"),
    )


def _judge_chains(
    table: pd.DataFrame, chains: int, length: int, facts: list[str], failures: list[str]
) -> None:
    """Compare R̂ and ESS with their limits."""
    if length < 4:
        failures.append(f"{length} draws per chain are too few for R-hat and ESS; use draws=1000")
        return
    if chains == 1:
        failures.append(
            "R-hat is not available: one chain cannot be compared with another; use chains=4"
        )
    else:
        rhat = table["rhat"]
        worst = str(rhat.idxmax())
        above = int((~(rhat <= RHAT_MAX)).sum())
        if above:
            failures.append(
                f"R-hat is above {RHAT_MAX} for {above} of {len(rhat)} unknowns (largest "
                f"{rhat.max():.3f}, {worst}): the chains have not mixed; use more tune= and draws="
            )
        else:
            facts.append(f"R-hat at most {RHAT_MAX} (largest {rhat.max():.3f}, {worst})")
    least = ESS_PER_CHAIN * chains
    for column, what in (("ess_bulk", "bulk ESS"), ("ess_tail", "tail ESS")):
        ess = table[column]
        worst = str(ess.idxmin())
        below = int((~(ess >= least)).sum())
        if below:
            failures.append(
                f"{what} is below {least} for {below} of {len(ess)} unknowns (smallest "
                f"{ess.min():.0f}, {worst}): too few effective draws; use more draws="
            )
        else:
            facts.append(f"{what} at least {least} (smallest {ess.min():.0f}, {worst})")


def _judge_weights(run: Run, facts: list[str], failures: list[str]) -> None:
    """What draws weighed by the rows come to, or would where they are not."""
    share = Share.of(np.asarray(run.stats[RATIO]))
    if run.engine != APPROXIMATE:
        facts.append(str(share))
        return
    said = f"a normal approximation, not exact: {share} that would mend it"
    if share.ok:
        facts.append(said)
    else:
        failures.append(f"{said}, so that it is far from the posterior; take fewer columns")


def _judge_sampler(run: Run, facts: list[str], failures: list[str]) -> int | None:
    """Divergences, tree depth and E-BFMI, for samplers that report them."""
    divergences = None
    if RATIO in run.stats:
        _judge_weights(run, facts, failures)
    if "diverging" in run.stats:
        divergences = int(np.sum(run.stats["diverging"]))
        if divergences:
            failures.append(
                f"{divergences} divergent transitions: parts of the posterior were not reached; "
                "raise target_accept, or use an engine that is exact here"
            )
        else:
            facts.append("no divergences")
    if "reached_max_treedepth" in run.stats:
        share = float(np.max(np.mean(run.stats["reached_max_treedepth"], axis=1)))
        if share > TREEDEPTH_MAX:
            failures.append(
                f"{share:.0%} of the draws of a chain reached the depth limit: steps are too "
                "short; use more tune="
            )
    if "energy" in run.stats and run.shape[1] >= 4:
        energy = np.asarray(run.stats["energy"], dtype=float)
        with np.errstate(all="ignore"):
            bfmi = float(np.min(array_stats().bfmi(energy)))
        if not bfmi >= BFMI_MIN:
            failures.append(
                f"E-BFMI is {bfmi:.2f}, below {BFMI_MIN}: the tails are explored slowly; use more "
                "draws= or another engine"
            )
        else:
            facts.append(f"E-BFMI at least {BFMI_MIN} (smallest {bfmi:.2f})")
    return divergences
