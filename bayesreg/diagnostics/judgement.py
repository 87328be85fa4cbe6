"""Judgement: what a difference in elpd with its standard error lets be said.

Both limits are those of Sivula, Magnusson, Matamoros & Vehtari (2025), "Uncertainty in Bayesian
leave-one-out cross-validation based model comparison", https://doi.org/10.48550/arXiv.2008.10296:
below four nats, or with fewer than a hundred rows, the error of a difference is skewed and the
standard error too small, so that no probability follows from the two.
"""

from __future__ import annotations

import math

SMALL = 4.0  # nats
FEW = 100  # rows
# Beyond this the importance weights' variance is too large (Vehtari, Simpson, Gelman, Yao & Gabry
# 2024, JMLR 25(72), §3.2.4).
KHAT = 0.7
# With few rows the truth has twice the stated standard error: on regressions of 30 and 60 rows on
# 12 and 30 columns (estimate − truth)/se has an sd of 1.6 to 1.9 (tests/test_verdict.py).
STANDARD_ERRORS, OF_FEW = 2.0, 4.0


def doubt(difference: float, rows: float, khat: float = 0.0) -> str:
    """Why the normal approximation of a difference's error means nothing; empty where it serves.

    Parameters
    ----------
    difference : float
        Of two elpd, in nats.
    rows : float
        How many, a row of weight w counted w times.
    khat : float, default 0
        The larger k̂ of the two estimates; NaN counts as good.

    Examples
    --------
    >>> doubt(3.1, 442.0), doubt(6.4, 30.0), doubt(6.4, 442.0)
    ('below 4 nats', 'fewer than 100 rows', '')
    """
    if khat > KHAT:
        return f"Pareto k̂ above {KHAT}"
    if abs(difference) < SMALL:
        return f"below {SMALL:.0f} nats"
    return f"fewer than {FEW} rows" if rows < FEW else ""


def p_worse(difference: float, dse: float, rows: float, khat: float = 0.0) -> float:
    """P(the true difference is below 0) under a normal; NaN where `doubt` says why not."""
    if difference == 0.0 or doubt(difference, rows, khat):
        return math.nan
    return 1.0 if dse == 0.0 else 0.5 * math.erfc(difference / dse / math.sqrt(2.0))


def clear(difference: float, dse: float, rows: float, khat: float = 0.0) -> bool:
    """Whether a difference is beyond four nats and beyond its error, of either sign.

    Two standard errors; four with fewer than a hundred rows; never where k̂ is too large.

    Examples
    --------
    >>> clear(6.4, 3.5, 442.0), clear(12.0, 3.5, 442.0), clear(12.0, 3.5, 30.0)
    (False, True, False)
    """
    errors = OF_FEW if rows < FEW else STANDARD_ERRORS
    return not khat > KHAT and abs(difference) >= SMALL and abs(difference) > errors * dse
