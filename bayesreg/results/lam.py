"""LamPosterior: the posterior of a prior's scale, said as a posterior of λ where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.draws import Draws
from bayesreg.engines.factors import scales_of
from bayesreg.language.arguments import Array, interval_names
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import html_table, plain
from bayesreg.model.blocks import Block
from bayesreg.model.problem import Problem
from bayesreg.priors.base import Penalised
from bayesreg.results.quantity import Quantity

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.results.map_fit import MapFit


@explained_throughout
@dataclass(frozen=True, eq=False)
class LamPosterior:
    r"""Posterior of λ₁ and λ₂ of J, draw by draw from σ and scale; of the scale where no λ exists.

    A Laplace prior has λ = σ/scale per draw (σ²/scale in unit "y"), a Normal prior 1/scale²
    (σ²/scale²), an elastic net both. Other priors are not λ₁‖b‖₁ + ½λ₂‖b‖²: for them it is the
    posterior of the scale alone, and `notes` say so. Where columns have factors of their own
    (`relative`, or a scale each) λ is that of a factor 1; where there is no σ, σ is 1.

    Attributes
    ----------
    quantities : tuple of Quantity
        By name: λ, λ₁, λ₂ or scale, with ``[block]`` where priors differ by column.
    formulae : dict of str to str
        Each of them in σ and scale.
    notes : tuple of str
        Which priors have no λ, and why.
    optimum : dict of str to float
        The values that a MAP used, as given to :meth:`beside`.

    References
    ----------
    Park & Casella (2008), "The Bayesian lasso", JASA 103,
    https://doi.org/10.1198/016214508000000337.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> post = br.sample(problem, seed=1)
    >>> np.allclose(post.lam["λ"].draws, 1 / post.draws.scale[..., 0] ** 2, rtol=1e-14)
    True
    >>> bool(0 < post.lam.beside(br.fit_map(problem)).summary().loc["λ", "p_below"] < 1)
    True
    """

    quantities: tuple[Quantity, ...]
    formulae: dict[str, str]
    notes: tuple[str, ...] = ()
    optimum: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, draws: Draws) -> LamPosterior:
        """λ, or else scale, of every block and draw."""
        several = len(draws.problem.blocks) > 1
        quantities, formulae, notes = [], {}, []
        for block, scale in scales_of(draws):
            tag = f"[{block.label}]" if several else ""
            for name, formula, values in _values(draws.problem, block, draws.sigma, scale):
                quantities.append(Quantity(name + tag, values))
                formulae[name + tag] = formula
            if not isinstance(block.prior, Penalised):
                notes.append(
                    f"{type(block.prior).__name__}{f' on {block.label}' if several else ''} is no "
                    "penalty λ₁‖b‖₁ + ½λ₂‖b‖², so it has no λ: its scale is shown"
                )
        return cls(tuple(quantities), formulae, tuple(notes))

    def beside(self, fit: MapFit) -> LamPosterior:
        """The same with the λ's that a MAP used, to see where they lie in their posterior.

        Parameters
        ----------
        fit : MapFit
            Result of ``br.fit_map`` on the same problem, whatever chose its λ.
        """
        blocks, several = fit.problem.blocks, len(fit.problem.blocks) > 1
        optimum = {}
        for block in blocks:
            sigma, scale = np.asarray(fit.sigma), np.asarray(block.scale, dtype=float)
            for name, _, value in _values(fit.problem, block, sigma, scale):
                optimum[f"{name}[{block.label}]" if several else name] = float(value)
        shown = {q.name for q in self.quantities}
        return replace(self, optimum={k: v for k, v in optimum.items() if k in shown})

    @property
    def table(self) -> pd.DataFrame:
        """`summary` at its default level."""
        return self.summary()

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Formula, mean, sd, median and interval of each λ; the MAP's, and P(λ < the MAP's).

        Parameters
        ----------
        level : float, default 0.95
            Probability inside the equal-tailed interval.

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        import pandas as pd

        rows = {}
        for q in self.quantities:
            row: dict[str, Any] = {"formula": self.formulae[q.name], **q.summary(level)}
            if self.optimum:
                used = self.optimum.get(q.name, float("nan"))
                told = not (np.isnan(used) or q.known)
                row |= {"map": used, "p_below": q.below(used) if told else float("nan")}
            rows[q.name] = row
        columns = ["formula", "mean", "sd", "median", *interval_names(level)]
        columns += ["map", "p_below"] if self.optimum else []
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def plot(self, ax: Any = None) -> Any:
        """Draw the density of each λ or scale, the MAP's marked; returns an array of Axes."""
        from bayesreg.plots import plot_scale

        return plot_scale({"posterior": self}, ax)

    def __getitem__(self, name: str) -> Quantity:
        """Posterior of one λ or scale by name."""
        found = {q.name: q for q in self.quantities}
        if name not in found:
            raise BadArgument(f"no {name!r} here; there are {', '.join(found) or 'none'}")
        return found[name]

    def __repr__(self) -> str:
        """Notes and table."""
        head = [*self.notes, "" if self.quantities else "no prior has a scale here"]
        if self.quantities:
            head.append(plain(self.summary()).to_string(float_format="{:.4g}".format))
        return "\n".join(part for part in head if part)

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        from html import escape

        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return notes + html_table(self.summary())


def _values(
    problem: Problem, block: Block, sigma: Array, scale: Array
) -> Iterator[tuple[str, str, Array]]:
    """Name, formula and value of each λ of a block at factor 1, or of its scale."""
    prior = block.prior
    if not isinstance(prior, Penalised):
        unit = "σ" if prior.unit == "sigma" else problem.likelihood.moved
        yield "scale", f"scale, in units of {unit}", scale
        return
    # λ's see √φ for σ, and a scale in units of σ is one of σ itself.
    likelihood = problem.likelihood
    theta = {"sigma": sigma} if likelihood.has_sigma else {}
    root = np.sqrt(likelihood.dispersion(theta))
    if prior.unit == "sigma":
        scale = scale * (sigma / root)
    single = len(prior.formulae) == 1
    for symbol, formula in prior.formulae.items():
        at: Any = prior.l1 if symbol == "λ₁" else prior.l2
        said = problem.penalty.in_phi(formula)
        yield "λ" if single else symbol, said, np.asarray(at(root, scale), dtype=float)
