"""How much the posterior would move if the prior, or the data, counted a little more or less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesreg.diagnostics.tree import log_hyperprior, log_posterior, log_prior
from bayesreg.engines.draws import array_stats
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.engines.draws import Draws

# Kallioinen, Paananen, Bürkner & Vehtari (2024), §2.2.1: a change that is worth a look.
SENSITIVE = 0.05
ALPHAS = 0.99, 1.01  # as ArviZ has them
COLUMNS = 50  # largest |sd(x)·β| first; each takes a few milliseconds


def sensitivity(draws: Draws) -> pd.DataFrame | None:
    r"""Power-scaling sensitivity of β to the prior and to the likelihood, by column.

    The distance that a marginal moves, per doubling, as p(θ)^α or p(y | θ)^α does with α about 1,
    by importance sampling from the draws there are: ``az.psense``. Where scales are unknown it is
    their hyperprior that is raised to α, as the rest of the prior then follows.

    Parameters
    ----------
    draws : Draws
        At least 30 of them.

    Returns
    -------
    DataFrame or None
        ``prior`` and ``likelihood`` by column, at most 50; None where there is nothing to scale.

    References
    ----------
    Kallioinen, Paananen, Bürkner & Vehtari (2024), "Detecting and diagnosing prior and likelihood
    sensitivity with power-scaling", Statistics and Computing 34(57),
    https://doi.org/10.1007/s11222-023-10366-5.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> tight = br.Model(br.Normal(5.0)).condition(data.X, data.y, standardize=True)
    >>> bool(sensitivity(br.sample(tight, seed=1).draws).loc["bmi", "prior"] > 0.05)
    True
    """
    import pandas as pd

    scaled = _top(draws)
    proper = draws.problem.proper
    if scaled is None or not len(proper):
        return None
    likelihood = log_posterior(draws, {})
    size = np.abs(draws.beta.mean(axis=(0, 1))) * draws.problem.column_sd
    columns = proper[np.argsort(-size[proper], kind="stable")][:COLUMNS]
    names = [draws.problem.features[j] for j in columns]
    beta = draws.beta[..., columns]
    if not np.all(np.isfinite(likelihood)) or np.any(np.ptp(beta, axis=(0, 1)) == 0.0):
        return None
    found = {
        kind: _psense(beta, density)
        for kind, density in (("prior", scaled), ("likelihood", likelihood))
    }
    return pd.DataFrame(found, index=pd.Index(names, name="feature"))


def _top(draws: Draws) -> Array | None:
    """Log density of the top of the prior's hierarchy (chain, draw): of β where no scale is."""
    top = log_hyperprior(draws) if draws.scale_labels else log_prior(draws).get("beta")
    return None if top is None else np.asarray(top.sum(axis=-1))


def _psense(beta: Array, density: Array) -> list[float]:
    """What ``az.psense`` does, on arrays: distances of each column (chain, draw, column)."""
    stats = array_stats()
    weights = []
    for alpha in ALPHAS:
        weight = np.exp(stats.power_scale_lw(density, alpha=alpha, axis=(0, 1)))
        weights.append(weight / weight.sum())
    return [
        float(stats.power_scale_sense(beta[..., j], *weights, *ALPHAS))
        for j in range(beta.shape[-1])
    ]
