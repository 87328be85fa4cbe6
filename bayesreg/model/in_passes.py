r"""The loss of a likelihood on rows that are read in passes: what travels, and what returns.

A point c = (c₀, c_z) travels, of η = offset + c₀ + z'c_z with z = (x − x̄)/sd, and one sum over
rows returns: −log L there, its slope and its curvature. Given the point before, the same sum has
what bounds how far −log L + penalty is from its least: with u and h the slope and curvature by row
at the point before, u⁺ = u + h·Δη is what the quadratic that touches there predicts; its products
with the columns are known once that quadratic is minimised, and Σ w·FY(η, u⁺/w) is the part of the
duality gap that the rows have (:mod:`bayesreg.solvers.loss_gaps`).

Rows are re-cut to chunks of one size, so that neither blocks nor their source change a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import Block
from bayesreg.data.chunks import Recut
from bayesreg.data.conditioning import rooted
from bayesreg.data.moments import Moments
from bayesreg.data.stores.parts import Part
from bayesreg.data.streamed import Streamed
from bayesreg.data.sums import merged
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.likelihoods.base import Likelihood, Theta
from bayesreg.model.coordinates import Coordinates

EPS = float(np.finfo(float).eps)
DRAWS = 256  # points that are scored at once
Index = NDArray[np.intp]


class Rows(NamedTuple):
    """A chunk: columns z (1 + P, k), the first all 1; y, weights, offset or 0, and facts."""

    z: Array
    y: Array
    weights: Array
    offset: Any
    facts: dict[str, Array]


@dataclass(frozen=True, eq=False)
class Frame:
    """What turns parts of a stream into chunks of [1 z].

    Attributes
    ----------
    mean, sd : ndarray (P,)
        z = (x − mean)/sd.
    """

    mean: Array
    sd: Array

    def chunks(self, parts: Iterable[Part]) -> Iterator[Rows]:
        """Chunk after chunk, each good until the next is asked for."""
        rest = iter(parts)
        first = next(rest, None)
        if first is None:
            return
        shifted, tried = first.known.offset is not None, first.known.trials is not None
        p = len(self.mean)
        beside = shifted + tried
        recut = Recut(p + beside + 2, np.concatenate([[0.0], self.mean, np.zeros(beside + 1)]))
        for chunk in recut(_widened(first, rest)):
            z = chunk.z[: p + 1]
            z[1:] /= self.sd[:, None]
            others = iter(chunk.z[p + 1 : -1])
            offset = next(others) if shifted else 0.0
            facts = {"trials": next(others)} if tried else {}
            yield Rows(z, chunk.z[-1], chunk.weights, offset, facts)


def _widened(first: Part, rest: Iterator[Part]) -> Iterator[Block]:
    """Parts as blocks whose first column is 1 and whose last are what is known beside."""
    part: Part | None = first
    while part is not None:
        known = [one for one in (part.known.offset, part.known.trials) if one is not None]
        block = part.block
        columns = (np.broadcast_to(1.0, len(part)), *part.columns, *known)
        yield replace(block, X=columns, y=part.y)
        part = next(rest, None)


@dataclass(frozen=True, eq=False)
class Sums:
    """What a pass brings back of a point.

    Attributes
    ----------
    rows : int
    value : float
        −log L.
    slope, terms : ndarray (1 + P,)
        Σ u·(1, z), and Σ |u|·|(1, z)|.
    curve : ndarray (1 + P, 1 + P)
        Σ h·(1, z)(1, z)'.
    hidden : float
        Σ |u|(1 + |η|): what rounding hides of the value, over ε.
    distance : float
        Σ w·FY(η, u⁺/w), where a point before was given; else ∞.
    pull, pulls : ndarray (1 + P,)
        Σ u⁺·(1, z), and Σ |u⁺|·|(1, z)|.
    """

    rows: int
    value: float
    slope: Array
    terms: Array
    curve: Array
    hidden: float
    distance: float
    pull: Array
    pulls: Array

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) + getattr(other, name) for name in vars(self)))


@dataclass(frozen=True, eq=False)
class Bends:
    """A map: a run of rows to their :class:`Sums` at a point, given the point before.

    Attributes
    ----------
    less : float
        By which u⁺ is made smaller, so that rounding leaves it within ‖Z'u‖ ≤ λ₁.
    """

    frame: Frame
    likelihood: Likelihood
    theta: Theta
    at: Array
    before: Array | None = None
    less: float = 0.0

    def __call__(self, parts: Iterable[Part]) -> Sums:
        """The sums of all rows that the parts have."""
        width = len(self.at)
        zero = np.zeros(width)
        none = Sums(0, 0.0, zero, zero, np.zeros((width, width)), 0.0, 0.0, zero, zero)
        return merged([none, *map(self._of, self.frame.chunks(parts))])

    def _of(self, rows: Rows) -> Sums:
        z, y, w, offset, facts = rows
        theta = {**self.theta, **facts}
        eta = self.at @ z + offset
        slope, bend = self.likelihood.derivatives(y, eta, theta)
        u, h = w * slope, w * bend
        density = self.likelihood.log_density(y, eta, theta)
        size, root = np.abs(z), z * np.sqrt(h)
        distance, pulled = np.inf, np.zeros_like(u)
        if self.before is not None:
            old = self.before @ z + offset
            slope, bend = self.likelihood.derivatives(y, old, theta)
            pulled = (1.0 - self.less) * w * (slope + bend * (eta - old))
            distance = float(w @ self.likelihood.fenchel_young(y, eta, pulled / w, theta))
        return Sums(
            len(y), -float(w @ density), z @ u, size @ np.abs(u), root @ root.T,
            float(np.abs(u) @ (1.0 + np.abs(eta))), distance, z @ pulled, size @ np.abs(pulled),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scores:
    """A map: a run of rows to log L (K,), up to a constant, at points (K, 1 + P)."""

    frame: Frame
    likelihood: Likelihood
    theta: Theta
    points: Array

    def __call__(self, parts: Iterable[Part]) -> Array:
        """Σ w log p over all rows that the parts have."""
        return merged([np.zeros(len(self.points)), *map(self._of, self.frame.chunks(parts))])

    def _of(self, rows: Rows) -> Array:
        total = self.likelihood.summed(rows.y, rows.weights, rows.facts)
        out = np.empty(len(self.points))
        for first in range(0, len(out), DRAWS):
            some = slice(first, first + DRAWS)
            out[some] = total(self.points[some] @ rows.z + rows.offset, self.theta)
        return out


@dataclass(frozen=True, eq=False)
class Met:
    """Where a pass was: b (p,), γ (k,), the point that travelled, and what it brought back."""

    b: Array
    free: Array
    at: Array
    sums: Sums


@dataclass(frozen=True, eq=False)
class InPasses:
    """The loss of a problem whose rows are read in passes.

    Attributes
    ----------
    stream : Streamed
    likelihood, theta : Likelihood, mapping
        With its own unknowns at known values.
    coordinates : Coordinates
        What b is.
    met : list of Met
        Where optima were found, the last one last.
    """

    stream: Streamed
    likelihood: Likelihood
    theta: Theta
    coordinates: Coordinates
    met: list[Met] = field(default_factory=list)

    @classmethod
    def of(
        cls, stream: Streamed | None, likelihood: Likelihood, theta: Theta, at: Coordinates
    ) -> InPasses:
        """Of a problem that has a stream.

        Raises
        ------
        NotSupported
            If it has none.
        """
        if stream is None:
            raise NotSupported("the rows of this problem are not read in passes; .loss has them")
        return cls(stream, likelihood, theta, at)

    @cached_property
    def frame(self) -> Frame:
        """Of the problem's own centring and divisors."""
        return Frame(self.coordinates.x_mean, self.coordinates.x_sd)

    @cached_property
    def places(self) -> Index:
        """Which entries of c are γ, in order."""
        first = [0] if self.coordinates.intercept else []
        return np.concatenate([first, 1 + self.coordinates.flat]).astype(np.intp)

    def points(self, b: Array, free: Array) -> Array:
        """c (…, 1 + P) of b (…, p) and γ (…, k)."""
        c = np.zeros((*b.shape[:-1], 1 + self.stream.p))
        c[..., 1 + self.coordinates.proper] = b + self.coordinates.loc
        c[..., self.places] = free
        return c

    def look(self, b: Array, free: Array, before: Met | None = None, less: float = 0.0) -> Met:
        """A pass at b and γ, given where the one before was; `less` as of :class:`Bends`."""
        at = self.points(b, free)
        old = None if before is None else before.at
        with np.errstate(all="ignore"):
            sums = self.stream.total_of_runs(
                Bends(self.frame, self.likelihood, self.theta, at, old, less)
            )
        return Met(np.asarray(b, dtype=float), np.asarray(free, dtype=float), at, sums)

    def rest_at(self, met: Met) -> None:
        """Remember where a search has ended, for the next one to begin there."""
        self.stream.latest[self._measures] = met

    def latest(self) -> Met | None:
        """Where the last search over these rows ended, in b and γ of this problem; or None.

        Sums over rows know of no prior, so that a pass under one serves under another.
        """
        met: Met | None = self.stream.latest.get(self._measures)
        if met is None or (met.at[0] != 0.0 and not self.coordinates.intercept):
            return None
        return self._placed(met)

    def first(self, look: Callable[[], Met]) -> Met:
        """What `look` brings the first time, in b and γ of this problem, and that ever after.

        So that draws do not depend on what else was asked of the rows before.
        """
        at = self.coordinates
        key = b"".join([b"first", bytes([at.intercept]), at.flat.tobytes(), self._measures])
        if key not in self.stream.latest:
            self.stream.latest[key] = look()
        return self._placed(self.stream.latest[key])

    def _placed(self, met: Met) -> Met:
        b = met.at[1 + self.coordinates.proper] - self.coordinates.loc
        return replace(met, b=b, free=met.at[self.places])

    def scores(self, b: Array, free: Array) -> Array:
        """Log L (K,) up to a constant of b (K, p) and γ (K, k): one pass for all of them."""
        points = self.points(b, free)
        with np.errstate(all="ignore"):
            return self.stream.total_of_runs(
                Scores(self.frame, self.likelihood, self.theta, points)
            )

    def moments(self, met: Met) -> Moments:
        """Of the weighted least squares that touches the loss where a pass was.

        Its y is η less the offset, less u/h; how much of it no column explains is not known of
        these sums, does not matter to b, and stands as one a row.
        """
        sums, sd = met.sums, self.coordinates.x_sd
        n = float(sums.curve[0, 0])
        mean = sums.curve[1:, 0] / n
        cross = sums.curve[1:, 1:] - n * np.outer(mean, mean)
        along, rest = met.at[1:], sums.slope[1:] - mean * sums.slope[0]
        xy = cross @ along - rest
        y_mean = met.at[0] + float(mean @ along) - sums.slope[0] / n
        explained = float(xy @ np.linalg.lstsq(cross, xy, rcond=None)[0]) if len(xy) else 0.0
        gram = np.empty((len(sd) + 1, len(sd) + 1))
        gram[:-1, :-1] = cross * np.outer(sd, sd)
        gram[:-1, -1] = gram[-1, :-1] = xy * sd
        gram[-1, -1] = explained + sums.rows
        return Moments(
            n=n, rows=sums.rows, x_mean=self.coordinates.x_mean + sd * mean, y_mean=y_mean,
            gram=gram, root=rooted(gram), names=self.stream.names, y_name=self.stream.y_name,
        )  # fmt: skip

    def found(self, b: Array) -> Met | None:
        """What a pass at an optimum b brought back, now or before a result was saved; or None."""
        here = (one for one in reversed(self.met) if np.array_equal(one.b, b))
        kept: Met | None = next(here, None) or self.stream.optima.get(self._key(b))
        return kept

    def nearest(self, b: Array) -> Met:
        """What a pass at the optimum nearest to b brought back.

        Raises
        ------
        NotSupported
            If no optimum is known.
        """
        tail = self._key(b)[-16 * self.stream.p :]
        kept = [one for key, one in self.stream.optima.items() if key.endswith(tail)]
        near: list[Met] = [one for one in [*self.met, *kept] if one.b.shape == b.shape]
        if not near:
            raise NotSupported("no pass was at an optimum yet; fit_map(problem) finds it")
        return min(near, key=lambda one: float(np.linalg.norm(one.b - b)))

    @property
    def at_zero(self) -> Met:
        """Where b is 0 and γ at its best.

        Raises
        ------
        NotSupported
            If no pass was there yet.
        """
        met = self.found(np.zeros(len(self.coordinates.proper)))
        if met is None:
            raise NotSupported("no pass was at b = 0 yet, where a path begins; path(problem) goes")
        return met

    def free_beside(self, b: Array) -> Array:
        """γ (…, k) at its best beside optima b (…, p), as passes have found it.

        Raises
        ------
        NotSupported
            Of another b: passes would have to find γ.
        """
        if b.ndim > 1:
            found = [self.free_beside(one) for one in b]
            return np.reshape(found, (len(b), len(self.places)))
        met = self.found(b)
        if met is None:
            raise NotSupported(
                "the intercept beside these coefficients takes passes over the rows; "
                "fit_map(problem) finds both"
            )
        return met.free

    def keep(self, met: Met) -> None:
        """Remember an optimum, here and with the rows."""
        self.met.append(met)
        self.rest_at(met)
        self.stream.optima[self._key(met.b)] = met

    @property
    def _measures(self) -> bytes:
        """What a point of all columns is measured in, and the likelihood's own unknowns."""
        at, own = self.coordinates, sorted(self.theta.items())
        return np.concatenate([at.x_mean, at.x_sd, [value for _, value in own]]).tobytes()

    def _key(self, b: Array) -> bytes:
        """b and what it is measured from and in: with the rows, they say which γ is best."""
        at = self.coordinates
        return np.concatenate([at.proper, b + at.loc, at.x_mean, at.x_sd]).tobytes()
