"""Results as maketables asks for them, so that its tables reach Word, Typst, LaTeX and HTML.

A class says by attributes named ``__maketables_…__`` what it has; that library is not imported. A
posterior has no p-value and an optimum no standard error: there these are missing, and no stars
are given.

References
----------
https://github.com/py-econometrics/maketables/blob/main/PLUGIN_EXTRACTOR_FORMAT.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.text import shown

if TYPE_CHECKING:
    import pandas as pd

# What stands under a table: the keys of that library, their words, and the fact of a summary.
STATISTICS = {
    "N": ("Observations", "rows"),
    "r2": ("R² in-sample", "R² in-sample"),
    "sigma": ("σ", "σ"),
    "scale": ("Prior scale", "scale"),
    "lam": ("λ", "λ"),
    "log_evidence": ("Log evidence", "log evidence"),
    "prior": ("Prior", "prior"),
    "draws": ("Draws", "draws"),
}
USUAL = ["N", "r2", "sigma", "lam", "prior"]


def published[Result: type](cls: Result) -> Result:
    """A class of results with what ``maketables.ETable([fit, post])`` reads.

    Cells are written as ``coef_fmt`` says, with ``b``, ``se``, ``ci95l`` and ``ci95u`` as parts:
    ``coef_fmt="b:.2f [ci95l:.2f, ci95u:.2f]"`` has intervals in place of posterior sds.
    """
    read: dict[str, Any] = {
        "coef_table": property(_coefficients),
        "stat": _statistic,
        "depvar": property(lambda self: shown(self.problem.moments.y_name)),
        "stat_labels": {key: said for key, (said, _) in STATISTICS.items()},
        "default_stat_keys": list(USUAL),
        "vcov_info": property(lambda self: {"vcov_type": self.summary().title}),
    }
    for name, attribute in read.items():
        setattr(cls, f"__maketables_{name}__", attribute)
    return cls


def _coefficients(self: Any) -> pd.DataFrame:
    """Estimate b, posterior sd as se, and the interval of 95 %; of an optimum, b alone."""
    import pandas as pd

    problem, table = self.problem, self.summary()
    names = ["Intercept"] * problem.intercept + [shown(name) for name in problem.features]
    empty = np.full(len(names), np.nan)
    if "beta" in table:
        first = [self.intercept] * problem.intercept
        columns = {"b": np.array([*first, *table["beta"]]), "se": empty}
    else:
        rows = table.iloc[: len(names)]
        wanted = {"b": "mean", "se": "sd", "ci95l": "eti95_lb", "ci95u": "eti95_ub"}
        columns = {name: rows[own].to_numpy(dtype=float) for name, own in wanted.items()}
    columns |= {"t": empty, "p": empty}
    return pd.DataFrame(columns, index=pd.Index(names, name="Coefficient"))


def _statistic(self: Any, key: str) -> Any:
    """One number or word under the table; None where there is none."""
    said = self.summary().facts.get(STATISTICS[key][1]) if key in STATISTICS else None
    return int(said) if key == "N" and said is not None else said
