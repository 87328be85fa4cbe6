"""Blocks: which column has which prior, its scale, and which columns share a local scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.arrival import Held
from bayesreg.data.design import Design
from bayesreg.data.grammar import same
from bayesreg.data.moments import Moments
from bayesreg.data.streamed import Streamed
from bayesreg.language.arguments import Array, did_you_mean, positive
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.text import outline
from bayesreg.priors import Flat, HalfCauchy, HalfStudentT
from bayesreg.priors.base import Prior, ScaleMixture, beside_sigma, without_sigma
from bayesreg.priors.hyper import HyperPrior

if TYPE_CHECKING:
    from bayesreg.data.terms import Term
    from bayesreg.likelihoods import Likelihood

REST = "rest"  # the label of the columns that a mapping does not name


def settled_under(likelihood: Likelihood, prior: Prior) -> Prior:
    """The prior in a unit that this likelihood has."""
    rule = beside_sigma if likelihood.has_sigma else without_sigma
    settled: Prior = rule(prior, type(likelihood).__name__)
    return settled


def worth(likelihood: Likelihood, source: Any) -> tuple[float, float]:
    """N, and the sd of noise with which N measurements would know as much of η as these rows."""
    if isinstance(source, Streamed) and source.seen is not None:
        y, weights, facts = source.seen.as_row
        return source.seen.n, likelihood.unit_sd(y, weights, likelihood.unknowns | facts)
    if not isinstance(source, Design):
        return source.n if isinstance(source, Moments) else source.moments.n, 1.0
    theta = likelihood.unknowns | source.known.facts(-1)
    return source.moments.n, likelihood.unit_sd(source.y, source.frequencies, theta)


def assign(
    prior: Prior | Mapping[Any, Prior],
    names: Sequence[str],
    terms: Sequence[Term],
    n: float,
    noise: float = 1.0,
) -> tuple[NDArray[np.intp], tuple[Block, ...]]:
    """Positions of the Flat columns, and one Block per proper prior.

    What the `n` rows know of η is what as many with noise of the sd `noise` would.

    Raises
    ------
    BadArgument
        If a key or a group names no column or term, two of them share a column, a column has no
        prior, or the length of `scale` or `relative` is not the number of columns.
    """
    shares = _shares(prior, names, terms)
    flat = sorted(j for _, one, columns in shares if isinstance(one, Flat) for j in columns)
    position = np.full(len(names), -1)
    position[np.setdiff1d(np.arange(len(names)), flat)] = np.arange(len(names) - len(flat))
    blocks = tuple(
        _block(label, one, position[columns], _grouping(one, columns, names, terms), n, noise)
        for label, one, columns in shares
        if not isinstance(one, Flat) and columns
    )
    return np.asarray(flat, dtype=np.intp), blocks


def _shares(
    prior: Prior | Mapping[Any, Prior], names: Sequence[str], terms: Sequence[Term]
) -> list[tuple[str, Prior, list[int]]]:
    """(label, prior, columns) per key; ``...`` takes what is left."""
    if isinstance(prior, Prior):
        return [(prior.family, prior, list(range(len(names))))]
    known = {name: [j] for j, name in enumerate(names)}
    known |= {term.name: list(term.columns) for term in terms}
    taken: dict[int, str] = {}
    shares: list[tuple[str, Prior, list[int]]] = []
    for key, one in prior.items():
        if key is ...:
            continue
        found = _named(key, known, "a prior is given for")
        for j in found:
            if j in taken:
                raise BadArgument(
                    f"column {names[j]!r} gets two priors, from {taken[j]!r} and {key!r}"
                )
            taken[j] = str(key)
        shares.append((str(key), one, found))
    rest = [j for j in range(len(names)) if j not in taken]
    if ... in prior:
        shares.append((REST, prior[...], rest))
    elif rest:
        raise BadArgument(
            f"column {names[rest[0]]!r} has no prior ({len(rest)} such); "
            "add `...: prior` to the mapping for the rest"
        )
    return shares


def _named(key: Any, known: Mapping[Any, list[int]], what: str) -> list[int]:
    """The columns of a name: as it is written, or another way to write the same term."""
    if key in known:
        return known[key]
    for name, columns in known.items():
        if isinstance(key, str) and same(name, key):
            return columns
    raise BadArgument(f"{what} {key!r}, which is no column or term{did_you_mean(key, known)}")


def _grouping(
    prior: Prior, columns: list[int], names: Sequence[str], terms: Sequence[Term]
) -> NDArray[np.intp]:
    """Index of each column's group, counted in order of the columns."""
    sets: list[list[int]] = []
    if prior.groups == "factors":
        sets = [list(term.columns) for term in terms if term.coding is not None]
    elif prior.groups is not None:
        sets = _named_sets(prior, columns, names, terms)
    if not sets:
        return np.arange(len(columns))
    leader = {j: one[0] for one in sets for j in one}
    index: dict[int, int] = {}
    return np.array([index.setdefault(leader.get(j, j), len(index)) for j in columns], np.intp)


def _named_sets(
    prior: Prior, columns: list[int], names: Sequence[str], terms: Sequence[Term]
) -> list[list[int]]:
    """The columns of each group that `groups` names, by their own names or their terms'."""
    known = {term.name: list(term.columns) for term in terms}
    known |= {name: [j] for j, name in enumerate(names)}
    what, taken, sets = f"{type(prior).__name__}: groups", set[int](), []
    for one in prior.groups:
        found: list[int] = []
        for name in one:
            found += _named(name, known, f"{what} names")
        for j in found:
            if j in taken:
                raise BadArgument(
                    f"{what} names column {names[j]!r} twice; a column is in one group"
                )
            if j not in columns:
                raise BadArgument(
                    f"{what} names column {names[j]!r}, which has another prior; name columns of "
                    "this one"
                )
            taken.add(j)
        sets.append(found)
    return sets


def _block(
    label: str,
    prior: Prior,
    columns: NDArray[np.intp],
    group: NDArray[np.intp],
    n: float,
    noise: float,
) -> Block:
    """One block, with a scale per column turned into relative factors on scale 1."""
    if prior.unit == "y":
        prior = prior.beside_noise(noise)
    prior, factor = prior.among(np.bincount(group))
    given = prior.scale if isinstance(prior.scale, tuple) else prior.relative
    if given is not None and len(given) != len(columns):
        name = "scale" if isinstance(prior.scale, tuple) else "relative"
        raise BadArgument(
            f"{type(prior).__name__}: {name} has {len(given)} values, and there are "
            f"{len(columns)} columns"
        )
    fixed = 1.0 if isinstance(prior.scale, tuple) else prior.scale
    hyper = prior.hyper
    if prior.expected_nonzero is not None:
        hyper = _expected(prior, len(columns), n / noise**2)
    return Block(
        label=label,
        prior=prior,
        columns=columns,
        relative=factor[group] * (1.0 if given is None else np.asarray(given, dtype=float)),
        scale=None if hyper is not None else float(fixed),
        hyper=hyper,
        group=group,
    )


def _expected(prior: Prior, p: int, n: float) -> HyperPrior:
    """``expected_nonzero=m`` is HalfCauchy(m/((p − m)√N)) (Piironen & Vehtari 2017, eq. 3.12).

    In units of η, where there is no σ, it is HalfStudentT(3) of that scale, `n` then being what the
    rows know of η in units of noise sd 1: see `without_sigma`.
    """
    m = prior.expected_nonzero
    if not m < p:
        raise BadArgument(
            f"{type(prior).__name__}: expected_nonzero must be below the number of columns {p}, "
            f"not {m:g}"
        )
    scale = float(m / (p - m) / np.sqrt(n))
    return HalfCauchy(scale) if prior.unit == "sigma" else HalfStudentT(3.0, scale)


DRAWS = 40_000  # of the prior of one coefficient, for two digits of a quantile


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

    def __repr__(self) -> str:
        return outline(self)

    @property
    def sizes(self) -> NDArray[np.intp]:
        """How many columns each group has."""
        return np.bincount(self.group)

    @property
    def known_factors(self) -> Array:
        """Those of `relative` that are not of its prior's making, by the sizes of groups."""
        return np.asarray(self.relative / self.prior.among(self.sizes)[1][self.group])

    @property
    def grouped(self) -> bool:
        """Whether some columns share a local scale."""
        return len(self.sizes) < len(self.columns)

    @property
    def separable(self) -> bool:
        """Whether the coefficients are independent given the block's scale (and σ)."""
        return not (self.grouped or self.prior.coupled)

    def sample(self, rng: np.random.Generator, scale: Array, sigma: Array) -> Array:
        """Draws of b − loc from the prior (S, columns), at scales and noise sds (S,)."""
        unit = self.relative * (sigma[:, None] if self.prior.unit == "sigma" else 1.0)
        if self.separable:
            effective = scale[:, None] * unit
            return np.asarray(self.prior.sample(rng, effective.shape, effective) - self.prior.loc)
        assert isinstance(self.prior, ScaleMixture)
        sd = self.prior.sample_sds(rng, scale, self.sizes)[:, self.group] * unit
        return np.asarray(sd * rng.standard_normal(sd.shape))

    def farthest(self, places: NDArray[np.intp], level: float = 0.95) -> tuple[float, int]:
        """What |b_j − loc| exceeds with prior probability 1 − level, at the place where it is most.

        The scale integrated out, in units of σ = 1: of draws that are always the same, to about two
        digits. Coefficients of one law are widest where `relative` is, so that one is drawn.
        """
        rng, block, seen = np.random.default_rng(0), self, places
        if self.separable:
            k = places[[int(np.argmax(self.relative[places]))]]
            block = dataclasses.replace(
                self, columns=self.columns[k], relative=self.relative[k], group=self.group[:1]
            )
            places, seen = k, np.zeros(1, dtype=np.intp)
        size = max(DRAWS // len(block.columns), 2000)
        scale = (
            np.full(size, self.scale, dtype=float)
            if self.hyper is None
            else self.hyper.sample(rng, size)
        )
        found = np.abs(block.sample(rng, scale, np.ones(size))[:, seen])
        reach = np.quantile(found, level, axis=0)
        most = int(np.argmax(reach))
        return float(reach[most]), int(places[most])


def remarks(blocks: Sequence[Block], before: str = "") -> str:
    """What data settled of the priors, `before` it where there is something; block by block."""
    said = {block.label: block.prior.remark for block in blocks if block.prior.remark}
    told = [f"{label}: {text}" if len(blocks) > 1 else text for label, text in said.items()]
    return before * bool(told) + "; ".join(told)


def only_block(blocks: Sequence[Block], what: str) -> Block:
    """The single block of a problem: `what` moves one thing. NotSupported if there is no such."""
    if not blocks:
        raise NotSupported(
            f"{what}, and here nothing is penalised: there is no column, or every one is Flat, so "
            "that the fit without a penalty is the only one"
        )
    if len(blocks) > 1:
        raise NotSupported(
            f"{what}, and here {len(blocks)} priors have their own; give all penalised columns one "
            "prior"
        )
    return blocks[0]


def fix_scales(blocks: Sequence[Block], scale: Any) -> tuple[Block, ...]:
    """The blocks with their unknown scales set to `scale`: one number, or one per unknown."""
    _count(blocks, scale, also=())
    return with_scale(blocks, scale)


def by_unit(blocks: tuple[Block, ...], ratio: float) -> tuple[Block, ...]:
    """The same with known scales in units of σ multiplied by `ratio`, σ over another unit."""
    return tuple(
        dataclasses.replace(block, scale=block.scale * ratio)
        if block.scale is not None and block.prior.unit == "sigma"
        else block
        for block in blocks
    )


def with_scale(blocks: Sequence[Block], scale: Any) -> tuple[Block, ...]:
    """The blocks at `scale`: one number per unknown scale, or one per block, or a hyperprior."""
    if isinstance(scale, HyperPrior):
        return tuple(dataclasses.replace(block, scale=None, hyper=scale) for block in blocks)
    values = _count(blocks, scale, also=(len(blocks),))
    every = len(values) == len(blocks)
    given = iter(values)
    return tuple(
        dataclasses.replace(block, scale=next(given), hyper=None)
        if every or block.scale is None
        else block
        for block in blocks
    )


def _count(blocks: Sequence[Block], scale: Any, also: tuple[int, ...]) -> list[float]:
    """Positive scales, as many as are unknown or as `also` allows."""
    unknown = [block.label for block in blocks if block.scale is None]
    values = np.atleast_1d(np.asarray(positive(scale, "scale"), dtype=float))
    if len(values) not in (len(unknown), *also):
        raise BadArgument(
            f"scale has {len(values)} value(s), and {len(unknown)} scale(s) are unknown: {unknown}"
        )
    return list(values.tolist())


def with_prior(
    blocks: Sequence[Block],
    prior: Prior,
    likelihood: Likelihood,
    source: Held,
    proper: NDArray[np.intp],
    label: str,
) -> tuple[Prior, tuple[Block, ...]]:
    """One block of all the `proper` columns under one prior, in a unit that the likelihood has.

    Relative factors and groups stay; columns of a block that has no groups get those that the prior
    makes of factors.
    """
    prior = settled_under(likelihood, prior)
    said = isinstance(prior.scale, tuple) or prior.relative is not None
    if said or prior.groups not in (None, "factors"):
        raise BadArgument(
            f"prior={prior!r}: scale per column, relative and groups stay as the columns have "
            "them; leave them out, or condition a new Model"
        )
    if not blocks:
        return prior, ()
    terms = () if isinstance(source, Moments) else source.terms
    groups = [
        one.group
        if one.grouped
        else _grouping(prior, proper[one.columns].tolist(), source.names, terms)
        for one in blocks
    ]
    starts = np.cumsum([0, *(group.max() + 1 for group in groups)])
    columns = np.concatenate([block.columns for block in blocks])
    group = np.concatenate([group + k for group, k in zip(groups, starts, strict=False)])
    one = _block(label, prior, columns, group, *worth(likelihood, source))
    known = np.concatenate([block.known_factors for block in blocks])
    return prior, (dataclasses.replace(one, relative=known * one.relative),)
