"""Comparison: several priors, one data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.design import Design
from bayesreg.language.arguments import check_level, interval_names, is_number
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_table, plain, visible
from bayesreg.results import mixture
from bayesreg.results.brief import Brief, brief
from bayesreg.results.effects import beside, coefficients
from bayesreg.results.entry import Entry, leader
from bayesreg.results.map_fit import asked
from bayesreg.results.path import Path

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.diagnostics.adequacy import Adequacy
    from bayesreg.results.choice import Choice
    from bayesreg.results.equal_footing import EqualFooting


@explained_throughout
@dataclass(frozen=True, eq=False)
class Comparison:
    r"""Several priors on one data set: fits, posteriors, predictive comparison, verdict.

    Attributes
    ----------
    entries : dict of str to Entry
        By name, in the order given.
    table : DataFrame
        One row per prior, best first: elpd, its difference to the best with standard error,
        p_worse, effective parameters, stacking weight and the largest Pareto k.
    data : Design or None
        The rows.
    dataset : str
        Name of the data.
    verdict, warnings : tuple of str
        Plain sentences, and what the reader must know.
    path : Path or None
        A regularisation path for the report.
    provenance, timing : dict
        Versions, seed, data hash, rows; and wall times, kept apart.
    choice : Choice or None
        Which λ on that path, by every rule that costs no Monte Carlo.
    footing : EqualFooting or None
        Where scales were set so that priors agree: on what, and what still differs.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), "Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC", Statistics and Computing 27, https://doi.org/10.1007/s11222-016-9696-4.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> priors = {"ridge": br.Normal(), "lasso": br.Laplace()}
    >>> fits = br.compare(priors, data.X, data.y, standardize=True, seed=1)
    >>> sorted(fits.table.index), fits["lasso"].fit.certificate.ok
    (['lasso', 'ridge'], True)
    """

    entries: dict[str, Entry]
    table: pd.DataFrame
    data: Design | None
    dataset: str
    verdict: tuple[str, ...]
    warnings: tuple[str, ...]
    path: Path | None
    provenance: Mapping[str, Any]
    timing: Mapping[str, float]
    choice: Choice | None = None
    footing: EqualFooting | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the priors, in the order given."""
        return tuple(self.entries)

    @property
    def ok(self) -> bool:
        """Whether every certificate, check and agreement holds."""
        return all(
            (e.fit is None or e.fit.certificate.ok)
            and e.post.checks.ok
            and (e.agreement is None or e.agreement.ok is True)
            for e in self.entries.values()
        )

    @property
    def adequacy(self) -> Adequacy | None:
        """Whether the model that predicts best describes the data; None without rows."""
        return leader(self.entries, self.table).adequacy

    def brief(self, level: float = 0.95) -> Brief:
        """The answers for a reader of one page: what predicts, how well, which effects are clear.

        Parameters
        ----------
        level : float, default 0.95
            Probability of the intervals.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        return brief(self, level)

    def __getitem__(self, name: str) -> Entry:
        """The entry of one prior."""
        if name not in self.entries:
            raise BadArgument(f"no prior named {name!r} here; there are {', '.join(self.names)}")
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the priors."""
        return iter(self.entries)

    def __len__(self) -> int:
        """How many priors."""
        return len(self.entries)

    def coefficients(self, level: float = 0.95, *, raw: bool = False) -> pd.DataFrame:
        """One row per prior and effect: MAP, zero or not, mean, sd, interval, P(> 0), κ.

        The effect of a column of numbers is its coefficient; levels of factors are contrasts, and
        `effects` says against what. A sum of several coefficients has no κ.

        Parameters
        ----------
        level : float, default 0.95
            Probability inside the equal-tailed interval.
        raw : bool, default False
            One row per column of the design instead, whatever it is a column of.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        import pandas as pd

        parts = {name: coefficients(e, level, raw=raw) for name, e in self.entries.items()}
        return pd.concat(parts, names=["prior", "feature"])

    def effects(
        self, reference: Any = None, level: float = 0.95, standardized: bool = False
    ) -> pd.DataFrame:
        """`Posterior.effects` by prior, beside the MAP's: ``map`` and whether that is zero.

        Parameters
        ----------
        reference, level, standardized
            As in :meth:`Posterior.effects`.

        Raises
        ------
        BadArgument
            If a factor or level is unknown, or `level` is not between 0 and 1.
        """
        import pandas as pd

        parts = {
            name: beside(e.post.effects(reference, level, standardized),
                         None if e.fit is None else e.fit.effects(reference, standardized))
            for name, e in self.entries.items()
        }  # fmt: skip
        return pd.concat(parts, names=["prior", "effect"])

    def shrinkage(self, level: float = 0.95) -> pd.DataFrame:
        """Shrinkage factor κ by prior and feature: mean, sd, interval; see :class:`Shrinkage`."""
        import pandas as pd

        parts = {name: e.post.shrinkage.summary(level) for name, e in self.entries.items()}
        return pd.concat(parts, names=["prior", "feature"])

    def effective(self, level: float = 0.95) -> pd.DataFrame:
        """Effective number of non-zero coefficients m_eff by prior; NaN where κ is not known."""
        import pandas as pd

        rows = {}
        for name, entry in self.entries.items():
            found = entry.post.shrinkage
            said = found.effective.summary(level) if found.known else {}
            rows[name] = {"columns": found.directions, **said}
        columns = ["columns", "mean", "sd", "median", *interval_names(level)]
        return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)

    def lam(self, level: float = 0.95) -> pd.DataFrame:
        """Posterior of λ (or scale) by prior, the MAP's λ, and P(λ < the MAP's | y)."""
        import pandas as pd

        parts = {name: e.lam.summary(level) for name, e in self.entries.items()}
        return pd.concat(parts, names=["prior", "quantity"])

    def at_same_lam(self) -> pd.DataFrame:
        """MAP and posterior at the same λ, by prior: σ and scale at the posterior's medians.

        ``farthest``, the largest |posterior mean − MAP| in posterior sds, and whose (``effect``);
        ``margin``, log p at the MAP less the largest log p among the draws, in nats; ``exact``, the
        relative difference of mean and MAP in closed form, for Normal; ``certified``. Priors that
        have no MAP or no λ have no row. One by one: ``fits[name].same_lam.distance``.
        """
        import pandas as pd

        rows = {
            name: {
                "farthest": one.farthest,
                "effect": one.effect,
                "margin": one.margin,
                "exact": np.nan if one.exact is None else one.exact,
                "certified": bool(one.fit.certificate.ok),
            }
            for name, entry in self.entries.items()
            if (one := entry.same_lam) is not None
        }
        columns = ["farthest", "effect", "margin", "exact", "certified"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("prior")

    def significance(self, eps: Any, standardized: bool = False) -> pd.DataFrame:
        """P(|β_j| > ε) and P(likelier sign) by prior and feature; see `Posterior.significance`."""
        import pandas as pd

        parts = {
            name: entry.post.significance(eps, standardized=standardized).table
            for name, entry in self.entries.items()
        }
        return pd.concat(parts, names=["prior", "feature"])

    def predict(
        self,
        X: Any,
        return_std: bool = False,
        *,
        weights: Any = None,
        level: float | None = None,
        kind: str = "mean",
        offset: Any = None,
        exposure: Any = None,
        trials: Any = None,
    ) -> Any:
        r"""Predict new rows by all priors together, p(y | x) = Σ_k w_k p(y | x, prior k).

        Parameters
        ----------
        X : array (m, P) or data frame
            New rows.
        return_std : bool, default False
            Also return the sd of a new y: within priors, and between them.
        weights : {"stacking", "equal"} or mapping, optional
            Of the priors: those of ``table["weight"]`` unless given, or equal ones where the data
            do not tell the priors apart; or numbers by name, 0 for names left out, scaled to sum
            to one.
        level, kind, offset, exposure, trials
            As in `Posterior.predict`.

        Returns
        -------
        ndarray (m,), a pair of them, or DataFrame

        Raises
        ------
        BadArgument
            If `weights` is something else, or names a prior that is not here.

        References
        ----------
        Yao, Vehtari, Simpson & Gelman (2018), "Using stacking to average Bayesian predictive
        distributions", Bayesian Analysis 13(3), https://doi.org/10.1214/17-BA1091.
        """
        shares = self.shares(weights)
        kept = {name: w for name, w in shares.items() if w > 0.0}
        posts = [self.entries[name].post for name in kept]
        w = np.array(list(kept.values()))
        known = {"offset": offset, "exposure": exposure, "trials": trials}
        each = [post.predict(X, return_std=True, kind=kind, **known) for post in posts]
        centres, sds = (np.stack(part) for part in zip(*each, strict=True))
        mean = w @ centres
        sd = np.sqrt(w @ (np.square(sds) + np.square(centres - mean)))
        if level is None:
            return (mean, sd) if return_std else mean
        points = asked(posts[0].problem, X, **known)
        joint = mixture.Mixture.of([post.draws for post in posts], list(kept.values()))
        bounds = joint.interval(points, check_level(level), kind)
        return mixture.table(X, level, mean, bounds, sd if return_std else None)

    def shares(self, weights: Any = None) -> dict[str, float]:
        """The weight of each prior in `predict`, all together 1; `weights` as there."""
        if isinstance(weights, Mapping):
            unknown = [name for name in weights if name not in self.entries]
            if unknown:
                raise BadArgument(
                    f"weights: no prior named {unknown[0]!r}; there are {', '.join(self.names)}"
                )
            given = {n: _weight(weights.get(n, 0.0), n) for n in self.names}
            total = sum(given.values())
            if total <= 0.0:
                raise BadArgument("weights are all 0; give one prior a weight above 0")
            return {name: value / total for name, value in given.items()}
        if weights not in (None, "stacking", "equal"):
            raise BadArgument(
                "weights must be 'stacking', 'equal' or numbers by the priors' names, not "
                f"{weights!r}"
            )
        equal = dict.fromkeys(self.names, 1.0 / len(self))
        if weights == "equal" or (weights is None and self.table.empty):
            return equal
        stacked = self.table["weight"].reindex(self.names) if "weight" in self.table else None
        if stacked is not None and np.isfinite(stacked).all():
            return dict(zip(self.names, map(float, stacked), strict=True))
        if stacked is not None and weights is None:
            tied = (1.0 - stacked.sum()) / stacked.isna().sum()  # between them any weights will do
            return dict(zip(self.names, map(float, stacked.fillna(tied)), strict=True))
        if weights is None:
            return equal
        raise BadArgument(
            "there are no stacking weights here: they need rows, and data that tell the priors "
            "apart; weights='equal' averages all alike"
        )

    def plot(self, kind: str = "forest", ax: Any = None) -> Any:
        """Draw "forest", "densities", "priors", "path", "choice", "agreement", or what each did.

        That is "profile" (what it takes from an estimate), "shrinkage" (κ by coefficient),
        "effective" (m_eff), "scale" (as λ where there is one), and "significance" with ε a tenth of
        sd(y) per sd of the column, or of π/√3 in log-odds.
        """
        from bayesreg import plots

        each = self.entries.items()
        kinds: dict[str, Callable[[], Any]] = {
            "forest": lambda: plots.plot_forest(self, ax),
            "densities": lambda: plots.plot_densities(self, ax),
            "priors": lambda: plots.plot_priors(self, ax),
            "agreement": lambda: plots.plot_agreement(self, ax),
            "shrinkage": lambda: plots.plot_shrinkage({k: e.post.shrinkage for k, e in each}, ax),
            "effective": lambda: plots.plot_effective({k: e.post.shrinkage for k, e in each}, ax),
            "scale": lambda: plots.plot_scale({k: e.lam for k, e in each}, ax),
            "profile": lambda: plots.plot_profile({k: e.profiles for k, e in each}, ax),
            "significance": lambda: plots.plot_significance(
                {k: e.significance for k, e in each}, ax
            ),
        }
        if self.path is not None:
            path = self.path
            kinds["path"] = lambda: plots.plot_path(path, ax)
        if self.choice is not None:
            choice = self.choice
            kinds["choice"] = lambda: choice.plot(ax)
        if kind not in kinds:
            raise BadArgument(f"plot kind must be one of {', '.join(kinds)}, not {kind!r}")
        return kinds[kind]()

    def report(
        self,
        path: Any,
        *,
        title: str | None = None,
        author: str | None = None,
        level: float = 0.95,
        sections: Any = None,
        overwrite: bool = False,
    ) -> Any:
        """Write one self-contained report; the ending chooses .html, .md or .json.

        Parameters
        ----------
        path : str or Path
            Where to write. A report that bayesreg wrote is replaced; anything else needs
            `overwrite`.
        title, author : str, optional
            Shown at the top.
        level : float, default 0.95
            Probability of the intervals.
        sections : sequence of str, optional
            Which sections, in order; all unless given.
        overwrite : bool, default False
            Replace a file that bayesreg did not write.

        Raises
        ------
        BadArgument
            If the path cannot be written or would replace a foreign file.
        """
        from bayesreg.report import write

        return write(
            self,
            path,
            title=title,
            author=author,
            level=level,
            sections=sections,
            overwrite=overwrite,
        )

    def save(self, path: Any, *, overwrite: bool = False) -> None:
        """Write data, models, optima, draws and LOO values to one file; see :func:`bayesreg.load`.

        Raises
        ------
        BadArgument
            If the file exists and `overwrite` is not given, or a prior is a class of your own.
        """
        from bayesreg.results.archive import save_comparison

        save_comparison(self, path, overwrite=overwrite)

    def __repr__(self) -> str:
        """The verdict and the table, where there is one."""
        if not len(self.table):
            return "\n".join(map(visible, self.verdict))
        shown = plain(self.table.round(3)).to_string(formatters={"p_worse": _never_one})
        return "\n".join([*map(visible, self.verdict), "", shown])

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        from html import escape

        sentences = "".join(f"<p>{escape(visible(s))}</p>" for s in self.verdict)
        return sentences + (html_table(self.table) if len(self.table) else "")


def _never_one(p: float) -> str:
    """A probability in three decimals; one that rounds to 1 is not 1."""
    return "> 0.999" if p > 0.999 else f"{p:.3f}"


def _weight(value: Any, name: str) -> float:
    """A weight that is a finite number of at least 0."""
    if not is_number(value) or not 0.0 <= value < np.inf:
        raise BadArgument(f"weights: that of {name!r} must be at least 0, not {value!r}")
    return float(value)
