"""Penalty: what a prior is as a penalty, with its objective in words and in other libraries' terms.

One objective, in sums over rows (weights w_i), with an unpenalised intercept:

    J(β₀, β) = φ·Σ w_i (−log p(y_i | η_i)) + λ₁‖β‖₁ + ½λ₂‖β‖²,    η_i = offset_i + β₀ + x_i'β
    J/φ      = −log posterior + constant

Under Gaussian noise φ = σ², and the first term is ½Σ w_i (y_i − η_i)²; under Laplace noise φ = σ,
and it is Σ w_i|y_i − η_i|; for yes/no outcomes and counts φ = 1.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from bayesreg.conventions import named
from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import NotSupported
from bayesreg.language.misnamed import explained_throughout
from bayesreg.likelihoods import Gaussian, Likelihood
from bayesreg.model.assumed import Assumed, assumed
from bayesreg.model.blocks import Block, fix_scales
from bayesreg.model.conversion import Conversion, alternatives, convert
from bayesreg.model.facts import Facts
from bayesreg.priors.base import Majorised, Penalised


@explained_throughout
@dataclass(frozen=True, eq=False)
class Penalty:
    r"""What the prior is as a penalty in J = φ·Σw(−log p(y | β₀ + x'β)) + λ₁‖b‖₁ + ½λ₂‖b‖².

    Attributes
    ----------
    blocks : tuple of Block
        Priors and the columns that each one serves.
    theta : mapping
        What of the likelihood's own unknowns is known, by name: ``sigma`` and the like.
    n, rows : float, int or None
        Sum of weights, and the number of rows where that is known.
    standardize, intercept : bool
        Whether b_j = sd(x_j)·β_j, and whether there is an unpenalised β₀.
    flat : tuple of str
        Names of unpenalised columns.
    likelihood : Likelihood
        Whose loss stands before the penalty, multiplied by its φ.
    shifted : bool
        Whether η has an offset.

    References
    ----------
    Hoerl & Kennard (1970), Technometrics 12(1); Tibshirani (1996), JRSS B 58(1), §5.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(prior=br.Laplace(scale=25.0), likelihood=br.Gaussian(sigma=54.0))
    >>> penalty = model.condition(data.X, data.y, standardize=True).penalty
    >>> penalty.lam
    116.64
    >>> penalty.to("sklearn.Lasso")["alpha"].__round__(4)
    0.2639
    """

    blocks: tuple[Block, ...]
    theta: Mapping[str, float]
    n: float
    standardize: bool
    intercept: bool
    flat: tuple[str, ...] = ()
    likelihood: Likelihood = field(default_factory=Gaussian)
    shifted: bool = False
    rows: int | None = None

    @property
    def sigma(self) -> float | None:
        """σ where known; 1 under a likelihood that has none."""
        return self.theta.get("sigma", None if self.likelihood.has_sigma else 1.0)

    @property
    def phi(self) -> float | None:
        """φ where known."""
        known = not self.likelihood.has_sigma or "sigma" in self.theta
        return float(self.likelihood.dispersion(self.theta)) if known else None

    @property
    def root(self) -> float | None:
        """√φ where known: the σ of the formulae of priors."""
        return None if self.phi is None else math.sqrt(self.phi)

    @property
    def known(self) -> bool:
        """Whether every λ is a number: nothing that it depends on is unknown."""
        return all(self._missing(block) is None for block in self.blocks)

    @property
    def l1(self) -> Any:
        """λ₁: a number, or one per penalised column; NotSupported while something is unknown."""
        return self._simplify(self._vector("l1"))

    @property
    def l2(self) -> Any:
        """λ₂: a number, or one per penalised column; NotSupported while something is unknown."""
        return self._simplify(self._vector("l2"))

    @property
    def lam(self) -> Any:
        """The one λ that is not zero; NotSupported where both are, or where λ is unknown."""
        l1, l2 = self.l1, self.l2
        if np.any(l1) and np.any(l2):
            raise NotSupported(
                "this penalty has both λ₁ and λ₂: read penalty.l1 and penalty.l2 instead of .lam"
            )
        return l1 if np.any(l1) else l2

    @property
    def kind(self) -> str:
        """Ridge, lasso, elastic net, group lasso, the family of another prior, mixed, or none."""
        if not self.blocks:
            return "least squares" if self.likelihood.has_sigma else "maximum likelihood"
        if not all(isinstance(block.prior, Majorised) for block in self.blocks):
            return "no penalty"
        if any(block.grouped for block in self.blocks):
            return "group lasso" if self.in_groups else "group penalty"
        names = {"normal": "ridge", "laplace": "lasso", "elastic_net": "elastic net"}
        names |= {"student_t": "Student-t", "cauchy": "Cauchy"}
        families = [block.prior.family for block in self.blocks]
        kinds = {names.get(name, name.replace("_", " ")) for name in families}
        return kinds.pop() if len(kinds) == 1 else "mixed penalty"

    @property
    def why_no_map(self) -> str | None:
        """Why the posterior has no mode that can be found, in words; None where it has."""
        for block in self.blocks:
            if not isinstance(block.prior, Majorised):
                return f"no MAP: {block.prior.why_no_map}"
            if not (block.separable or self.in_groups):
                return (
                    f"no MAP: {block.label!r} has a group penalty, which no solver here minimises"
                )
        return None

    @property
    def objective(self) -> str:
        """The objective in words, with every λ as a formula and, where known, as a number."""
        letter, effect = ("b", "Zb") if self.standardize else ("β", "Xβ")
        eta = "offset + " * self.shifted + "β₀ + " * self.intercept + effect
        fit = self.likelihood.words(eta)
        if not self.blocks:
            return fit
        if self.why_no_map is not None:
            return f"{fit} − {self.in_phi('σ²·')}log p({letter}); {self.why_no_map}"
        parts, where = [], [f"η = {eta}"] if "η" in fit else []
        for block in self.blocks:
            tag = "" if len(self.blocks) == 1 else f"_{block.label}"
            if isinstance(block.prior, Penalised):
                parts += self._terms(block, letter, tag)
                where += self._values(block, tag)
            else:
                term, values = self._majorised(block, letter + tag)
                parts.append(term)
                where += values
        if self.standardize:
            where.append("b = sd(x)·β")
        return f"{fit} + {' + '.join(parts)}" + (f" with {', '.join(where)}" if where else "")

    def in_phi(self, text: str) -> str:
        """A formula of priors, where φ = σ², under this likelihood: φ = σ, or 1 without a σ."""
        if self.likelihood.phi == "σ²":
            return text
        if self.likelihood.phi == "σ":  # divided by σ
            if "σ²" in text:
                return text.replace("σ²", "σ", 1)
            if "σ/" not in text:
                return text.replace("/scale²", "/(σ·scale²)")
            return re.sub(r"(^|[\s(])σ/", r"\g<1>1/", text).replace("σ/", "/")
        text = re.sub(r"(^|[\s(])σ²?/", r"\g<1>1/", text)
        return re.sub(r"σ²?·?", "", text)

    def at(self, *, sigma: float | None = None, scale: Any = None) -> Penalty:
        """The penalty with unknown σ or scale(s) given.

        Parameters
        ----------
        sigma : float, optional
            Noise sd in the unit of y.
        scale : float or sequence of float, optional
            The unknown scale in its declared unit, or one per unknown scale in order of `blocks`.

        Raises
        ------
        BadArgument
            If a value is not positive, or as many scales are not unknown.
        """
        changes: dict[str, Any] = {}
        if sigma is not None:
            changes["theta"] = {**self.theta, "sigma": one_positive(sigma, "sigma")}
        if scale is not None:
            changes["blocks"] = fix_scales(self.blocks, scale)
        return dataclasses.replace(self, **changes)

    def to(self, target: str, **facts: float) -> Conversion:
        """Arguments with which another library minimises the same objective.

        Parameters
        ----------
        target : str
            Library and function, such as ``"sklearn.Lasso"``; it must minimise the same loss.
        **facts : float, optional
            What the target must know beside N and σ: ``sd_y``, the sd of y with divisor N, for
            the ridge part of glmnet and its like; ``rms_y`` in a fit without an intercept.

        Returns
        -------
        Conversion
            A dict of arguments, with `.objective` (what that library minimises) and `.needs`
            (what must be done to the data first, or None).

        Raises
        ------
        BadArgument
            If the target is not known, or a fact is missing.
        NotSupported
            If no arguments of the target express this penalty.
        """
        named(target)
        self._refuse_what_is_ours(target)
        own = Facts.of(n=self.n, rows=self.rows, sigma=self.theta.get("sigma"))
        return convert(self, target, own.and_said(**facts))

    @classmethod
    def from_(
        cls,
        library: str,
        /,
        *,
        data: Any = None,
        X: Any = None,
        y: Any = None,
        weights: Any = None,
        n: float | None = None,
        sd_y: float | None = None,
        rms_y: float | None = None,
        sigma: float | None = None,
        likelihood: Likelihood | None = None,
        standardize: bool | None = None,
        intercept: bool | None = None,
        **arguments: Any,
    ) -> Assumed:
        """What the arguments of another library assume: λ₁ and λ₂ of J, and the prior that is.

        A Penalty knows its columns and its prior, and these arguments know neither: a model
        under `Assumed.prior`, conditioned on data, has it.

        Parameters
        ----------
        library, data, X, y, weights, n, sd_y, rms_y, sigma, likelihood, standardize, intercept
            As for `translate`, of which this is the first half.
        **arguments : number or str
            The library's own, by its own names; ``lambda_`` where they are no names in Python.

        Returns
        -------
        Assumed
            With `.l1`, `.l2`, `.lam`, `.objective`, `.prior(sigma)` and `.to(library)`.

        Raises
        ------
        BadArgument
            If library or argument is not known, a value is none, or a fact is missing.
        NotSupported
            If what it minimises is no J: with a penalised intercept, or another loss.

        Examples
        --------
        >>> import bayesreg as br
        >>> ridge = br.Penalty.from_("glmnet", lambda_=0.5, alpha=0, n=442, sd_y=77.0)
        >>> ridge.l2.__round__(4), ridge.standardize
        (2.8701, True)
        """
        facts = Facts.of(data, X=X, y=y, weights=weights, n=n, sd_y=sd_y, rms_y=rms_y, sigma=sigma)
        return assumed(
            library,
            arguments,
            facts,
            likelihood=likelihood,
            standardize=standardize,
            intercept=intercept,
        )

    def _refuse_what_is_ours(self, target: str) -> None:
        """Raise NotSupported for what a λ₁ and a λ₂ of all columns cannot say."""
        if self.flat:
            raise NotSupported(
                f"{target} penalises every column, and {self.flat[0]!r} is Flat here; "
                "project the flat columns out of y and X first"
            )
        if any(block.prior.loc for block in self.blocks):
            raise NotSupported(
                f"{target} shrinks towards 0 only: subtract X·loc from y and use loc=0"
            )
        if self.shifted:
            raise NotSupported(
                f"{target} knows no offset: subtract it from y under Gaussian noise; counts with "
                "an exposure E are y/E with sample_weight=E, whose alpha is λ/Σ(w·E)"
            )
        if self.in_groups:
            raise NotSupported(
                f"{target} penalises single columns, and here norms of groups of them"
            )

    @property
    def stated(self) -> str:
        """What is minimised here, as a sentence."""
        return f"bayesreg minimises {self.objective}"

    checked: ClassVar[str] = ""  # by the tests of its own
    notes: ClassVar[tuple[str, ...]] = ()  # λ₁ and λ₂ are these under no condition

    @property
    def counterparts(self) -> tuple[str, ...]:
        """Functions of other libraries that minimise the same loss with such a penalty."""
        return alternatives(self.likelihood, self.l1, self.l2)

    @property
    def linear_quadratic(self) -> bool:
        """Whether every prior is λ₁|b| + ½λ₂b² by column, so that λ₁ and λ₂ say all of it."""
        return all(isinstance(b.prior, Penalised) and b.separable for b in self.blocks)

    @property
    def in_groups(self) -> bool:
        """Whether it is λ₁‖b_g‖₂ on some groups of columns, and λ₁|b| + ½λ₂b² on the others."""
        for block in self.blocks:
            able = isinstance(block.prior, Penalised) and (block.separable or block.prior.by_group)
            if not able:
                return False
        return any(block.grouped for block in self.blocks)

    def vector(self, which: str) -> Array | None:
        """λ₁ ("l1") or λ₂ ("l2") per penalised column; None while unknown, or where none is."""
        return self._vector(which) if self.known and self.linear_quadratic else None

    def _missing(self, block: Block) -> str | None:
        """What keeps the penalty of a block from being a function of b alone, in words."""
        prior = block.prior
        if not isinstance(prior, Majorised):
            return f"{prior!r} is not a penalty: {prior.why_no_map}"
        if not (block.separable or self.in_groups):
            return "its columns share a local scale, so it penalises norms of groups"
        if block.scale is None:
            return "its scale is unknown: use penalty.at(sigma=, scale=)"
        words = prior.formulae.values() if isinstance(prior, Penalised) else ["σ"]
        if self.sigma is None and any("σ" in self.in_phi(text) for text in words):
            return "σ is unknown: use penalty.at(sigma=)"
        return None

    def _vector(self, which: str) -> Array:
        out = np.zeros(sum(len(block.columns) for block in self.blocks))
        for block in self.blocks:
            out[block.columns] = self._lams(block, which)
        return out

    def _lams(self, block: Block, which: str) -> Any:
        """λ₁ or λ₂ per column of a block."""
        reason, prior = self._missing(block), block.prior
        if isinstance(prior, Majorised) and not isinstance(prior, Penalised):
            raise NotSupported(
                f"there is no λ of {block.label!r}: {prior.words('b_j')} is no multiple of one "
                "norm; .objective has it in words"
            )
        if reason is not None or not isinstance(prior, Penalised):
            raise NotSupported(f"λ of {block.label!r} is not a number: {reason}")
        assert block.scale is not None
        scale = block.scale * block.relative
        root = 1.0 if self.root is None else self.root  # a λ that ignores σ needs none
        if prior.unit == "sigma" and self.sigma is not None:
            scale = scale * (self.sigma / root)  # λ's see √φ, and a scale in σ is one of σ itself
        return prior.l1(root, scale) if which == "l1" else prior.l2(root, scale)

    @staticmethod
    def _simplify(values: Array) -> Any:
        return (
            float(values[0])
            if len(values) and np.all(values == values[0])
            else (values if len(values) else 0.0)
        )

    def _terms(self, block: Block, letter: str, tag: str) -> list[str]:
        """The penalty of one block in symbols."""
        assert isinstance(block.prior, Penalised)
        single = len(block.prior.formulae) == 1
        of = f"{letter}{tag}" + (" − loc" if block.prior.loc else "")
        index = "_j" if np.ptp(block.relative) > 0 else ""
        if block.grouped:
            stem = f"({of})" if block.prior.loc else of
            return [f"λ{tag} Σ_g‖{stem}_g{'/relative_g' if index else ''}‖₂"]
        shapes = {
            "λ₁": f"‖{of}‖₁" if not index else f"|{of}|_j",
            "λ₂": f"‖{of}‖²" if not index else f"({of})_j²",
        }
        out = []
        for symbol in block.prior.formulae:
            name = ("λ" if single else symbol) + tag + index
            half = "½" if symbol == "λ₂" else ""
            out.append(f"{'Σ ' if index else ''}{half}{name}{shapes[symbol]}")
        return out

    def _majorised(self, block: Block, letter: str) -> tuple[str, list[str]]:
        """A penalty of another shape in symbols, and the numbers in it that are known."""
        assert isinstance(block.prior, Majorised)
        text = block.prior.words(f"({letter}_j − loc)" if block.prior.loc else f"{letter}_j")
        if np.ptp(block.relative) > 0:
            text = text.replace("scale", "scale_j")
        term, *values = self.in_phi(text).split(" with ")
        if self.sigma is not None and self.likelihood.has_sigma:
            values.append(f"σ = {self.sigma:.6g}")
        if block.scale is not None:
            low, high = (block.scale * float(pick(block.relative)) for pick in (np.min, np.max))
            one = f"scale = {low:.6g}"
            values.append(one if low == high else f"scale_j from {low:.4g} to {high:.4g}")
        return term, values

    def _values(self, block: Block, tag: str) -> list[str]:
        """The λ's of one block: formula and, where known, number."""
        assert isinstance(block.prior, Penalised)
        single = len(block.prior.formulae) == 1
        unit = "" if block.prior.unit == "y" else " (scale in units of σ)"
        out = []
        for symbol, formula in block.prior.formulae.items():
            text = f"{'λ' if single else symbol}{tag} = {self.in_phi(formula)}{unit}"
            if self._missing(block) is None:
                values = self._lams(block, "l1" if symbol == "λ₁" else "l2")
                values = np.mean(values * block.relative) if block.grouped else values
                low, high = float(np.min(values)), float(np.max(values))
                text += f" = {low:.6g}" if low == high else f", {low:.4g} to {high:.4g} by column"
            out.append(text)
            unit = ""
        return out

    def __repr__(self) -> str:
        """The kind and the objective."""
        return f"{self.kind}: {self.objective}"
