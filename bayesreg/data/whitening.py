"""The second pass: a root of cross-products that are nearly singular, from sums alone.

Rows whitened by a Cholesky factor of the cross-products have products near the identity, which lose
no digits; the factor of these times the first is what a QR of the rows would give (CholeskyQR2:
Yamamoto, Nakatsukasa, Yanagisawa & Fukaya 2015, ETNA 44, 306–326; shifted where the products are
not positive definite: Fukaya, Kannan, Nakatsukasa, Yamamoto & Yanagisawa 2020, SIAM J. Sci. Comput.
42(1), doi:10.1137/18M1218212). Unlike a QR it is a sum over rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from bayesreg.data.blocks import Block, positive_rows
from bayesreg.data.chunks import Chunk, Recut
from bayesreg.data.conditioning import cholesky, condition_of_unit
from bayesreg.data.sums import EPS, merged
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

WHITE = 1e3  # condition number below which whitened products are good to their last digits
MOST = 3  # times that rows are whitened: each divides the condition number of rows by 1e7 or more


@dataclass(frozen=True, eq=False)
class Products:
    """Rows, and the sum of their products."""

    rows: int
    cross: Array

    def __add__(self, other: Products) -> Products:
        """Those of both sets of rows."""
        return Products(self.rows + other.rows, self.cross + other.cross)


@dataclass(frozen=True, eq=False)
class Whitening:
    """A map: blocks of rows to the products of u = M'(z − mean), where M inverts factors.

    Attributes
    ----------
    mean, low : ndarray (p + 1,)
        The mean is their unrounded sum.
    factors : tuple of ndarray
        R₁ (k, p + 1), R₂, …: z − mean = (…R₂R₁)'u.
    inverses : tuple of ndarray
        Mᵢ with RᵢMᵢ = 1.
    """

    mean: Array
    low: Array
    factors: tuple[Array, ...] = ()
    inverses: tuple[Array, ...] = ()

    @property
    def zero(self) -> Products:
        """The products of no rows."""
        k = self.inverses[-1].shape[1]
        return Products(0, np.zeros((k, k)))

    def __call__(self, blocks: Iterable[Block]) -> Products:
        """The products of all rows that the blocks have."""
        recut = Recut(len(self.mean), self.mean)
        return merged(chain([self.zero], map(self._of_chunk, recut(map(positive_rows, blocks)))))

    def _of_chunk(self, chunk: Chunk) -> Products:
        z = chunk.z
        z -= self.low[:, None]
        if chunk.weighted:
            z *= np.sqrt(chunk.weights)
        for inverse in self.inverses:
            z = inverse.T @ z
        return Products(z.shape[1], z @ z.T)

    def then(self, cross: Array) -> Whitening:
        """Followed by the whitening of what has these products."""
        factor, inverse = factored(cross)
        return replace(self, factors=(*self.factors, factor), inverses=(*self.inverses, inverse))

    def root(self) -> Array:
        """The product of the factors, square: zero rows below where columns do not vary."""
        width = len(self.mean)
        found = self.factors[0]
        for factor in self.factors[1:]:
            found = factor @ found
        return np.concatenate([found, np.zeros((width - len(found), width))])


def whitened_root(
    total: Callable[[Whitening], Products], mean: Array, low: Array, cross: Array, rows: int
) -> Array:
    """R (p + 1, p + 1) with R'R the centred cross-products, which are known to few digits.

    `total` applies a map to the rows, wherever they are, and sums what it gives.
    """
    whitening = Whitening(mean, low).then(cross)
    for _ in range(MOST):
        found = total(whitening)
        if found.rows != rows:
            raise BadData(
                f"the blocks gave {rows} rows when read first and {found.rows} the second time"
            )
        whitening = whitening.then(found.cross)
        if condition_of_unit(found.cross) <= WHITE:
            break
    return whitening.root()


def factored(cross: Array) -> tuple[Array, Array]:
    """R (k, p) and M (p, k) with R'R the products of the k columns that vary, and RM = 1.

    What rounding has made indefinite gets the smallest shift that makes it definite: the next
    products are those of rows times the inverse of R, whatever R is. In the order of the columns, y
    last, so that a large residual touches none of them.
    """
    from scipy.linalg.lapack import dtrtri

    live = np.flatnonzero(np.diagonal(cross) > 0)
    scale = np.sqrt(np.diagonal(cross)[live])
    lower = _shifted(cross[np.ix_(live, live)] / scale / scale[:, None])
    factor, inverse = np.zeros((len(live), len(cross))), np.zeros((len(cross), len(live)))
    factor[:, live] = lower.T * scale
    inverse[live] = dtrtri(lower, lower=1)[0].T / scale[:, None]
    return factor, inverse


def _shifted(unit: Array) -> Array:
    """The Cholesky factor of a unit-diagonal matrix plus the smallest shift that succeeds."""
    found, shift = cholesky(unit), EPS
    while found is None:
        found = cholesky(unit + shift * np.eye(len(unit)))
        shift *= 4.0
    return found
