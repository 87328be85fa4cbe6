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
    """Estimate b, posterior sd as se, and the interval of 95 %; of an optimum, b alone.

    Levels of factors are set against their reference, and the intercept is where these are.
    """
    import pandas as pd

    problem, table = self.problem, self.summary()
    if problem.effects.coding:
        return _of_effects(self)
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


def _of_effects(self: Any) -> pd.DataFrame:
    """The same of effects."""
    import pandas as pd

    problem, table = self.problem, pd.DataFrame(self.effects())
    names = {"estimate": "b", "mean": "b", "sd": "se", "eti95_lb": "ci95l", "eti95_ub": "ci95u"}
    table = table.rename(columns=names)[[new for old, new in names.items() if old in table]]
    if problem.intercept:
        place = f"Intercept at {problem.effects.anchor}"
        first = pd.DataFrame([_at_anchor(self)], index=[place], columns=table.columns)
        table = pd.concat([first, table])
    table.index = pd.Index([shown(str(name)) for name in table.index], name="Coefficient")
    return table.reindex(columns=[*dict.fromkeys([*table.columns, "se"]), "t", "p"])


def _at_anchor(self: Any) -> list[float]:
    """β₀ where every factor is at its reference: estimate, and sd and interval where there are."""
    effects = self.problem.effects
    if hasattr(self, "draws"):
        values = effects.at_anchor(self.draws.intercept, self.draws.beta)
        return [values.mean(), values.std(ddof=1), *np.quantile(values, [0.025, 0.975])]
    if hasattr(self, "exact"):
        weights = np.zeros(len(self.problem.features))
        weights[list(effects.intercept.columns)] = effects.intercept.weights
        (mean,), (scale,) = self.exact.linear(weights, 1.0)
        half = self.exact.half_width(0.95) * scale
        return [mean, scale * self.exact.inflation, mean - half, mean + half]
    return [float(effects.at_anchor(self.intercept, self.beta.to_numpy(float)))]


def _statistic(self: Any, key: str) -> Any:
    """One number or word under the table; None where there is none."""
    said = self.summary().facts.get(STATISTICS[key][1]) if key in STATISTICS else None
    return int(said) if key == "N" and said is not None else said
