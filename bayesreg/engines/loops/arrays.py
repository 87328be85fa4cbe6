"""What the sampler reads and changes, compiled or not: records of blocks, groups and facts; codes.

Columns stand in the order of their blocks, and within these of their groups.
"""

from __future__ import annotations

import numpy as np

BLOCK = np.dtype(
    [
        ("law", np.int64),  # of its local variances: `local_laws`
        ("first", np.float64),  # numbers of that law
        ("second", np.float64),
        ("table", np.int64),  # row of a law known by its table alone
        ("unknown", np.int64),  # place among the unknown scales, −1 where known
        ("absolute", np.int64),  # 1 where the scale is in the unit of y
        ("code", np.int64),  # of the hyperprior: `slices`
        ("hyper_first", np.float64),
        ("hyper_second", np.float64),
        ("hyper_third", np.float64),
        ("start", np.int64),  # its columns
        ("stop", np.int64),
        ("group_start", np.int64),  # its groups
        ("group_stop", np.int64),
        ("log_scale", np.float64),  # state of the chain
        ("log_slab", np.float64),  # log c², likewise
    ]
)

GROUP = np.dtype(
    [
        ("start", np.int64),  # its columns
        ("stop", np.int64),
        ("table", np.int64),  # row of its collapsed density
        ("t", np.float64),  # local variance: state of the chain
    ]
)

FACTS = np.dtype(
    [
        ("nu", np.float64),
        ("rss", np.float64),
        ("yy", np.float64),
        ("known", np.int64),  # whether σ is known
        ("conjugate", np.int64),  # whether σ² is inverse gamma (shape, rate)
        ("shape", np.float64),
        ("rate", np.float64),
        ("code", np.int64),  # of a prior of σ that is not conjugate
        ("first", np.float64),
        ("second", np.float64),
        ("third", np.float64),
        ("absolute", np.int64),  # whether some block is
        ("crowded", np.int64),  # p ≥ ν/2: scales are drawn with b integrated out
        ("sweeps", np.int64),
        ("log_sigma", np.float64),  # state of the chain
    ]
)

# Of the densities of log ‖u‖ with local variances integrated out: from −60 to 40.
TABLE_LOW, TABLE_STEP, TABLE_NODES = -60.0, 0.01, 10_001

# Laws of local variances, and hyperpriors, by their codes.
CONSTANT, EXPONENTIAL, INVERSE_GAMMA, HALF_CAUCHY, HALF_CAUCHY_PRODUCT, GAMMA, STABLE = range(7)
SLAB, DIRICHLET = 7, 8  # their t is drawn together with what couples them: see `coupled`
TABULATED = 9  # any other law, by a table: see `tabulated`
LAWS = {
    "constant": CONSTANT,
    "exponential": EXPONENTIAL,
    "inverse_gamma": INVERSE_GAMMA,
    "half_cauchy": HALF_CAUCHY,
    "half_cauchy_product": HALF_CAUCHY_PRODUCT,
    "gamma": GAMMA,
    "stable": STABLE,
    "slab": SLAB,
    "dirichlet": DIRICHLET,
    "tabulated": TABULATED,
}
HYPER = {
    "half_student_t": 0,
    "half_normal": 1,
    "exponential": 2,
    "uniform": 3,
    "inverse_gamma_squared": 4,
    "beta_prime_squared": 5,
    "power": 6,
    "": 7,
    "gamma": 8,
    "half_normal_inverse_root": 9,
}

SMALL, LARGE = 1e-300, 1e300  # local variances stay between
LOST = 1e12  # entry of XD²X' beside which the identity still keeps four digits

STEPS = 200  # of a slice: far more than an interval needs that halves, on average, at each refusal
WIDTH = 2.5  # of a slice on a log scale: 2–3 with shrinkage only
TAILS = 6.0  # of a slice on log t, whose law spans several powers of e
BOUND = 300.0  # |log scale| beyond which nothing is looked for

CELL, LEVELS = 64, 7  # steps of an interval of a law's table, and how often it is halved to one
