"""Penalty: what a prior is as a penalty, with its objective in words and in other libraries' terms.

One objective, in sums over rows (weights w_i), with an unpenalised intercept:

    J(β₀, β) = ½ Σ w_i (y_i − β₀ − x_i'β)² + λ₁‖β‖₁ + ½λ₂‖β‖²,    J/σ² = −log posterior + constant
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.errors import BadArgument, NotSupported
from bayesreg.priors.base import Penalised, Prior, positive
from bayesreg.priors.hyper import HyperPrior

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """The columns that share one prior, and its scale where that is known.

    Attributes
    ----------
    label : str
        The family, or the key of the mapping that named these columns.
    prior : Prior
        The prior of each coefficient.
    columns : ndarray of int
        Positions among the proper columns.
    relative : ndarray (len(columns),)
        Known factors on the block's scale.
    scale : float or None
        The block's scale in the prior's unit; None while it is unknown.
    hyper : HyperPrior or None
        The prior of an unknown scale.
    group : ndarray of int (len(columns),)
        Which columns share a local scale: 0, 1, …, each in a group of its own unless asked.
    """

    label: str
    prior: Prior
    columns: NDArray[np.intp]
    relative: Array
    scale: float | None
    hyper: HyperPrior | None
    group: NDArray[np.intp]

    @property
    def sizes(self) -> NDArray[np.intp]:
        """How many columns each group has."""
        return np.bincount(self.group)


@dataclass(frozen=True, eq=False)
class Penalty:
    r"""What the prior is as a penalty in J = ½Σw(y − β₀ − x'β)² + λ₁‖b‖₁ + ½λ₂‖b‖².

    Attributes
    ----------
    blocks : tuple of Block
        Priors and the columns that each one serves.
    sigma : float or None
        Noise sd, where known.
    n : float
        Sum of weights.
    standardize, intercept : bool
        Whether b_j = sd(x_j)·β_j, and whether there is an unpenalised β₀.
    flat : tuple of str
        Names of unpenalised columns.

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
    sigma: float | None
    n: float
    standardize: bool
    intercept: bool
    flat: tuple[str, ...] = ()

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
        """Ridge, lasso, elastic net, least squares, mixed penalty, or no penalty."""
        if not self.blocks:
            return "least squares"
        if not all(isinstance(block.prior, Penalised) for block in self.blocks):
            return "no penalty"
        names = {"normal": "ridge", "laplace": "lasso", "elastic_net": "elastic net"}
        kinds = {names.get(block.prior.family, block.prior.family) for block in self.blocks}
        return kinds.pop() if len(kinds) == 1 else "mixed penalty"

    @property
    def objective(self) -> str:
        """The objective in words, with every λ as a formula and, where known, as a number."""
        letter, residual = ("b", "Zb") if self.standardize else ("β", "Xβ")
        fit = f"½‖y − {'β₀ − ' if self.intercept else ''}{residual}‖²"
        if not self.blocks:
            return fit
        if self.kind == "no penalty":
            return (
                f"{fit} − σ²·Σ log p({letter}_j): the density is unbounded at 0, so J has no "
                "minimum and no MAP exists"
            )
        parts, where = [], []
        for block in self.blocks:
            tag = "" if len(self.blocks) == 1 else f"_{block.label}"
            parts += self._terms(block, letter, tag)
            where += self._values(block, tag)
        if self.standardize:
            where.append("b = sd(x)·β")
        return f"{fit} + {' + '.join(parts)} with {', '.join(where)}"

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
            changes["sigma"] = positive(sigma, "sigma")
        if scale is not None:
            changes["blocks"] = fix_scales(self.blocks, scale)
        return dataclasses.replace(self, **changes)

    def to(self, target: str) -> Conversion:
        """The arguments that make another library minimise the same objective.

        Parameters
        ----------
        target : {"sklearn.Ridge", "sklearn.Lasso", "sklearn.ElasticNet"}
            Class of the other library.

        Returns
        -------
        Conversion
            A dict of arguments, with `.objective` (what that library minimises) and `.needs`
            (what must be done to the data first, or None).

        Raises
        ------
        BadArgument
            If the target is not known.
        NotSupported
            If no arguments of the target express this penalty.
        """
        if target not in CONVERSIONS:
            near = get_close_matches(str(target), CONVERSIONS, n=1, cutoff=0.3)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadArgument(f"no conversion to {target!r}{hint} Known: {', '.join(CONVERSIONS)}")
        arguments, objective = CONVERSIONS[target](self)
        if not self.intercept:
            arguments = {**arguments, "fit_intercept": False}
        return Conversion(arguments, objective, "StandardScaler" if self.standardize else None)

    def vector(self, which: str) -> Array | None:
        """λ₁ ("l1") or λ₂ ("l2") per penalised column, or None while it depends on an unknown."""
        return self._vector(which) if self.known else None

    def _missing(self, block: Block) -> str | None:
        """What keeps the λ's of a block from being numbers, in words."""
        if not isinstance(block.prior, Penalised):
            return f"{block.prior!r} is not a penalty: its density is unbounded at 0"
        words = " ".join(block.prior.formulae.values())
        if block.scale is None:
            return "its scale is unknown: use penalty.at(sigma=, scale=)"
        if self.sigma is None and "σ" in words:
            return "σ is unknown: use penalty.at(sigma=)"
        return None

    def _vector(self, which: str) -> Array:
        size = sum(len(block.columns) for block in self.blocks)
        out = np.zeros(size)
        for block in self.blocks:
            reason = self._missing(block)
            if reason is not None or not isinstance(block.prior, Penalised):
                raise NotSupported(f"λ of {block.label!r} is not a number: {reason}")
            assert block.scale is not None
            scale = block.scale * block.relative
            sigma = 1.0 if self.sigma is None else self.sigma  # a λ that ignores σ needs none
            out[block.columns] = (
                block.prior.l1(sigma, scale) if which == "l1" else block.prior.l2(sigma, scale)
            )
        return out

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

    def _values(self, block: Block, tag: str) -> list[str]:
        """The λ's of one block: formula and, where known, number."""
        assert isinstance(block.prior, Penalised)
        single = len(block.prior.formulae) == 1
        unit = "" if block.prior.unit == "y" else " (scale in units of σ)"
        out = []
        for symbol, formula in block.prior.formulae.items():
            text = f"{'λ' if single else symbol}{tag} = {formula}{unit}"
            if self._missing(block) is None:
                values = self._vector("l1" if symbol == "λ₁" else "l2")[block.columns]
                low, high = float(np.min(values)), float(np.max(values))
                text += f" = {low:.6g}" if low == high else f", {low:.4g} to {high:.4g} by column"
            out.append(text)
            unit = ""
        return out

    def __repr__(self) -> str:
        """The kind and the objective."""
        return f"{self.kind}: {self.objective}"


class Conversion(dict[str, Any]):
    """Arguments for another library: a dict with its `objective` and what it `needs` first."""

    def __init__(self, arguments: dict[str, Any], objective: str, needs: str | None) -> None:
        dict.__init__(self, arguments)
        self.objective = objective
        self.needs = needs


def fix_scales(blocks: Sequence[Block], scale: Any) -> tuple[Block, ...]:
    """The blocks with their unknown scales set to `scale`: one number, or one per unknown."""
    unknown = [block for block in blocks if block.scale is None]
    values = np.atleast_1d(np.asarray(positive(scale, "scale"), dtype=float))
    if len(values) != len(unknown):
        raise BadArgument(
            f"scale has {len(values)} value(s), and {len(unknown)} scale(s) are unknown: "
            f"{[block.label for block in unknown]}"
        )
    given = iter(values.tolist())
    return tuple(
        dataclasses.replace(block, scale=next(given), hyper=None) if block.scale is None else block
        for block in blocks
    )


def _uniform(penalty: Penalty, target: str, *, l1: bool, l2: bool) -> tuple[float, float]:
    """λ₁ and λ₂ as single numbers, or the reason why `target` cannot express them."""
    if penalty.flat:
        raise NotSupported(
            f"{target} penalises every column, and {penalty.flat[0]!r} is Flat here; "
            "project the flat columns out of y and X first"
        )
    if any(block.prior.loc for block in penalty.blocks):
        raise NotSupported(f"{target} shrinks towards 0 only: subtract X·loc from y and use loc=0")
    values = penalty.l1, penalty.l2
    for symbol, value, allowed in zip(("λ₁", "λ₂"), values, (l1, l2), strict=True):
        if np.ndim(value):
            raise NotSupported(
                f"{target} has one {symbol} for all columns, and here it differs by column; divide "
                "each column by its relative scale first"
            )
        if value and not allowed:
            better = (
                "sklearn.ElasticNet"
                if all(np.any(v) for v in values)
                else ("sklearn.Lasso" if symbol == "λ₁" else "sklearn.Ridge")
            )
            raise NotSupported(
                f"{target} has no {symbol}, and here it is {value:.6g}: use {better}"
            )
    return float(values[0]), float(values[1])


def _ridge(penalty: Penalty) -> tuple[dict[str, Any], str]:
    _, l2 = _uniform(penalty, "sklearn.Ridge", l1=False, l2=True)
    return {"alpha": l2}, "‖y − β₀ − Xβ‖² + alpha·‖β‖²"


def _lasso(penalty: Penalty) -> tuple[dict[str, Any], str]:
    l1, _ = _uniform(penalty, "sklearn.Lasso", l1=True, l2=False)
    return {"alpha": l1 / penalty.n}, "‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁"


def _elastic_net(penalty: Penalty) -> tuple[dict[str, Any], str]:
    l1, l2 = _uniform(penalty, "sklearn.ElasticNet", l1=True, l2=True)
    total = l1 + l2
    arguments = {"alpha": total / penalty.n, "l1_ratio": l1 / total if total else 0.5}
    return arguments, ("‖y − β₀ − Xβ‖²/(2N) + alpha·l1_ratio·‖β‖₁ + ½·alpha·(1 − l1_ratio)·‖β‖²")


CONVERSIONS: dict[str, Callable[[Penalty], tuple[dict[str, Any], str]]] = {
    "sklearn.Ridge": _ridge,
    "sklearn.Lasso": _lasso,
    "sklearn.ElasticNet": _elastic_net,
}
