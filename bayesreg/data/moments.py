"""Moments: all that a Gaussian likelihood needs of the data; additive over rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import listed, positions
from bayesreg.data.columns import refuse_duplicates
from bayesreg.data.conditioning import factored, loses_digits
from bayesreg.data.container import Target, load_payload, save_payload
from bayesreg.data.fields import taken_apart
from bayesreg.data.formed_moments import cleaned, formed, looped, of_sparse, tell
from bayesreg.data.frames import take_response
from bayesreg.data.passes import Total
from bayesreg.data.projected_columns import ProjectedColumns, refuse_unformed
from bayesreg.data.saved_moments import restored
from bayesreg.data.sparse import is_sparse
from bayesreg.data.stores.stream import stream_of
from bayesreg.data.sums import two_sum
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import few, shown

EPS = float(np.finfo(float).eps)


@explained_throughout
@dataclass(frozen=True, eq=False)
class Moments:
    r"""Sample size, means and centred cross-products of the rows of [X y].

    :math:`C = \sum_i w_i (z_i - \bar z)(z_i - \bar z)'` with :math:`z_i = (x_i, y_i)`, merged
    pairwise (Chan, Golub & LeVeque 1983, doi:10.1080/00031305.1983.10483115). Where forming C would
    cost digits (condition number of its unit-diagonal form above 1e4, or 1 − R² below 1e-6) a root
    A with A'A = C is kept besides it, from a QR of the centred rows; where p + 1 ≥ rows the centred
    rows themselves are the root, and C is not formed.

    Attributes
    ----------
    n : float
        Sum of the weights (frequencies).
    rows : int
        Rows of positive weight.
    x_mean : ndarray (p,)
    y_mean : float
    gram : ndarray (p + 1, p + 1) or None
        C, y last.
    root : ndarray (m, p + 1) or None
    names : tuple of str
    low : ndarray (p + 1,) or None
        What rounding took from the means: the mean is ``x_mean + low[:p]`` to twice the digits.
    centred : bool
        False after `about_zero`.
    y_name : str
    columns : ProjectedColumns or None
        The columns of a sparse X too wide for products, in place of `gram` and `root`.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesreg.data.moments import Moments
    >>> X, y = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([1.0, 3.0, 2.0, 6.0])
    >>> whole = Moments.of(X, y)
    >>> parts = Moments.of(X[:3], y[:3]) + Moments.of(X[3:], y[3:])
    >>> whole.n, whole.x_mean, parts.cross
    (4.0, array([3.]), array([[14., 13.],
           [13., 14.]]))
    """

    n: float
    rows: int
    x_mean: Array
    y_mean: float
    gram: Array | None
    root: Array | None
    names: tuple[str, ...]
    low: Array | None = None
    centred: bool = True
    y_name: str = "y"
    columns: ProjectedColumns | None = None

    def __repr__(self) -> str:
        kept = "cross-products" if self.root is None else "a root of the cross-products"
        kept = kept if self.columns is None else "the sparse columns themselves"
        kept += "" if self.centred else " about zero"
        return (
            f"Moments: {self.rows} row{'s' * (self.rows != 1)} (N = {self.n:g}), {self.p} columns "
            f"({few(self.names)}), response {shown(self.y_name)!r}; means and {kept}\n"
            "  .x_mean, .y_mean, .cross, .x_sd, .y_sd, .names"
        )

    @classmethod
    def of(
        cls,
        X: object,
        y: object = None,
        weights: object = None,
        names: Sequence[str] | None = None,
        *,
        y_name: str | None = None,
        warn: bool = True,
        missing: str = "refuse",
    ) -> Moments:
        """Moments of X (n, p), y (n,) and optional frequencies (n,).

        Parameters
        ----------
        X, y, weights, missing : array, sparse matrix or data frame, or source and its column names
            As for `Model.condition`; float32 and integers are converted chunk by chunk. With `save`
            and ``+`` no source needs to be read twice.
        names : sequence of str, optional
            Column names; those of the frame, or x1, ..., xp, if not given.
        y_name : str, optional
            What y is called; its own name, or "y", if not given.
        warn : bool
            False to keep quiet about weights that look normalised.

        Raises
        ------
        BadData
            NaN, infinite or extreme values (named by column and first row), or different lengths.
        """
        stream = stream_of(X, y, {"weights": weights}, missing)
        if stream is not None:
            return stream.summed(cls.summed, aloud=warn)
        X, y = take_response(X, y)
        X, weights = take_response(X, weights, "weights")
        if is_sparse(X):
            found = of_sparse(cls, X, y, weights, names, y_name, aloud=warn)
        else:
            found = looped(cls, [(X, y, weights)], names, y_name, copy=False, aloud=warn)
        return cast(Moments, found)

    @classmethod
    def from_blocks(cls, blocks: Iterable[Any], names: Sequence[str] | None = None) -> Moments:
        """Moments of rows that come in blocks (X, y) or (X, y, weights), one block in memory.

        Parameters
        ----------
        blocks : iterable of tuples
            A list, or any object that can be iterated over again, allows the second pass that an
            ill-conditioned X needs; a generator does not, and then a warning says so. Frames are
            joined by column name, in the order of the first; arrays by position.
        names : sequence of str, optional

        Raises
        ------
        BadData
            As for `of`; rows are counted over all blocks. Blocks whose columns, or whose y, have
            other names.
        """
        return cast(Moments, looped(cls, blocks, names, None, copy=True, aloud=True))

    @classmethod
    def summed(
        cls,
        total: Total,
        names: Sequence[str],
        y_name: str = "y",
        *,
        repeatable: bool = True,
        warn: bool = True,
    ) -> Moments:
        """Moments of rows that only a map and a sum reach: in files, in a database, on a cluster.

        Parameters
        ----------
        total : callable
            Gets a map, which makes of an iterable of `blocks.Block` a sum with ``+``; applies it to
            all rows, at once or part by part, and returns the sum of what it gave. The map and its
            sums pickle; ``map.zero`` is the sum of no rows. It is called once, and again for each
            further pass that an ill-conditioned X needs, of which there are seldom more than one.
        names : sequence of str
            The columns of X.
        y_name : str
        repeatable : bool
            Whether the rows can be read again; if not, a warning says what that costs.
        warn : bool
            False to keep quiet, also of weights that look normalised.

        Examples
        --------
        >>> import numpy as np
        >>> from bayesreg.data.blocks import Block
        >>> from bayesreg.data.moments import Moments
        >>> x, y = np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 3.0, 2.0, 6.0])
        >>> parts = [Block((x[:2],), y[:2]), Block((x[2:],), y[2:], start=2)]
        >>> Moments.summed(lambda part: part(parts[:1]) + part(parts[1:]), ["x"]).cross
        array([[14., 13.],
               [13., 14.]])
        """
        refuse_duplicates(names, "X")
        notes: list[str] = []
        said = (*map(str, names), y_name)
        found = formed(cls, total, said, again=repeatable, copy=True, notes=notes)
        tell(notes if warn else [])
        return cast(Moments, found)

    @property
    def p(self) -> int:
        """Number of columns of X."""
        return len(self.x_mean)

    @cached_property
    def cross(self) -> Array:
        """The cross-products (p + 1, p + 1), y last; formed from the root if only that is kept."""
        if self.gram is not None:
            return self.gram
        if self.columns is not None:
            raise refuse_unformed("this", self.p)
        assert self.root is not None
        return np.asarray(self.root.T @ self.root)

    def quadratic(self, contrasts: Array) -> Array:
        """v'Cv (L,) for contrasts v (L, p + 1) of the columns and y, without forming C if wide."""
        if self.gram is not None:
            return np.asarray(np.einsum("li,li->l", contrasts @ self.gram, contrasts))
        if self.columns is not None:
            return self.columns.quadratic(contrasts)
        assert self.root is not None
        return np.square(contrasts @ self.root.T).sum(axis=1)

    @cached_property
    def _squares(self) -> Array:
        """The diagonal of the cross-products, without forming them."""
        if self.gram is not None:
            return np.maximum(np.diagonal(self.gram), 0.0)
        if self.columns is not None:
            return np.append(self.columns.squares, self.columns.y @ self.columns.y)
        assert self.root is not None
        return np.asarray(np.einsum("ij,ij->j", self.root, self.root))

    @cached_property
    def x_sd(self) -> Array:
        """Weighted 1/N standard deviations (p,); root mean squares after `about_zero`."""
        return np.sqrt(self._squares[:-1] / self.n)

    @property
    def y_sd(self) -> float:
        """Weighted 1/N standard deviation of y; its root mean square after `about_zero`."""
        return float(np.sqrt(self._squares[-1] / self.n))

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Columns (p,) that do not vary beyond the rounding of their mean; exactly zero here."""
        return np.asarray(self._squares[:-1] == 0)

    def save(self, path: Target, *, overwrite: bool = False) -> None:
        """Write to one checksummed file; see :meth:`load`."""
        if self.columns is not None:
            raise refuse_unformed("a file of moments", self.p)
        save_payload(path, "moments", *taken_apart(self), overwrite=overwrite)

    @classmethod
    def load(cls, path: Target) -> Moments:
        """Read moments that were saved, to the last bit; those of further rows are added by ``+``.

        Raises
        ------
        BadData
            If the file is truncated, altered, of a newer format, or holds something else.

        Examples
        --------
        >>> import bayesreg as br, tempfile
        >>> first, second = br.Moments.of([[1.0], [2.0]], [1.0, 3.0]), br.Moments.of([[4.0]], [4.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first.save(f"{folder}/sums.breg")
        ...     (br.Moments.load(f"{folder}/sums.breg") + second).rows
        3
        """
        payload = load_payload(path, "moments")
        return cast("Moments", restored(cls, {**payload.meta, **payload.arrays}))

    def about_zero(self) -> Moments:
        """The same data about 0 instead of the mean, for a model without an intercept.

        Columns whose means are large beside their sds are nearly parallel about 0, and products
        would lose what tells them apart. A root keeps it: the mean as one row, above a root of the
        centred rows. A large row is first, for then reflections are accurate row by row (Cox &
        Higham 1998, "Stability of Householder QR factorization for weighted least squares
        problems", in Numerical Analysis 1997, Longman).
        """
        if not self.centred:
            return self
        if self.columns is not None:
            return self._wide_about_zero()
        spread = np.sqrt(self.n) * self._means
        gram = None if self.gram is None else self.gram + np.outer(spread, spread)
        root = self.root
        if root is None and gram is not None and loses_digits(gram):
            root = _root_of(self)
        if root is not None:
            root = np.concatenate([spread[None], root])
            root = np.linalg.qr(root, mode="r") if gram is not None else root
        zero = np.zeros(self.p)
        return replace(self, x_mean=zero, y_mean=0.0, gram=gram, root=root, low=None, centred=False)

    def _wide_about_zero(self) -> Moments:
        """`about_zero` of sparse columns that are kept."""
        assert self.columns is not None
        own = self.columns
        plain = ProjectedColumns.about_zero(own.rows, own.target, own.weights)
        zero = np.zeros(self.p)
        return replace(self, x_mean=zero, y_mean=0.0, low=None, centred=False, columns=plain)

    @property
    def _means(self) -> Array:
        return np.append(self.x_mean, self.y_mean)

    @property
    def _low(self) -> Array:
        return np.zeros(self.p + 1) if self.low is None else self.low

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of rows, columns by name.

        A root on either side stays; where only the sum is ill-conditioned, as when means differ
        much more than rows do, there is one as well.
        """
        other = _alike(self, other)
        n, rows = self.n + other.n, self.rows + other.rows
        delta = (other._means - self._means) + (other._low - self._low)
        spread = np.sqrt(self.n * other.n / n) * delta
        mean, low = two_sum(self._means, self._low + delta * (other.n / n))
        gram, root = None, None
        if self.gram is not None or other.gram is not None or rows > self.p + 1:
            gram = self.cross + other.cross + np.outer(spread, spread)
        lost = gram is not None and np.diagonal(gram).all() and loses_digits(gram)
        if lost or self.root is not None or other.root is not None:
            one, two = _root_of(self), _root_of(other)
            if one is not None and two is not None:
                root = np.concatenate([one, two, spread[None]])
                root = np.linalg.qr(root, mode="r") if len(root) > self.p + 1 else root
        found = cleaned(
            replace(
                self, n=n, rows=rows, x_mean=mean[:-1], y_mean=float(mean[-1]), gram=gram,
                root=root, low=low, y_name=other.y_name if self.y_name == "y" else self.y_name,
            )
        )  # fmt: skip
        return cast(Moments, found)

    def __radd__(self, other: object) -> Moments:
        """So that ``sum(parts)`` begins, which adds the first to 0."""
        if isinstance(other, int) and other == 0:
            return self
        raise BadArgument(f"only Moments can be added to Moments, not {type(other).__name__}")

    def __sub__(self, other: Moments) -> Moments:
        """The moments without the rows of `other`, which must be among them.

        The difference is taken on cross-products: a root is lost, and with it the digits that it
        saved; a column that no longer varies beyond rounding counts as constant. Where X is
        ill-conditioned, form the moments of the remaining rows instead.
        """
        other = _alike(self, other)
        n, rows = self.n - other.n, self.rows - other.rows
        if rows < 1 or not n > EPS * self.n:
            raise BadArgument(
                f"cannot take {other.rows} rows (weight {other.n:g}) from {self.rows} rows (weight "
                f"{self.n:g}): nothing would be left"
            )
        back = (self._means - other._means) + (self._low - other._low)
        mean, low = two_sum(self._means, self._low + back * (other.n / n))
        spread = np.sqrt(self.n * other.n / n) * back
        gram = self.cross - other.cross - np.outer(spread, spread)
        squares = np.diagonal(gram)
        floor = 32 * EPS * (self._squares + n * mean**2 * EPS)
        if np.any(squares < -floor):
            name = (*self.names, "y")[int(np.argmin(squares + floor))]
            raise BadArgument(
                f"these rows are not among those of the total: column {name!r} would be left with "
                "a negative sum of squares"
            )
        dead = squares <= floor
        gram[dead], gram[:, dead] = 0.0, 0.0
        found = cleaned(
            replace(
                self, n=n, rows=rows, x_mean=mean[:-1], y_mean=float(mean[-1]), gram=gram,
                root=None, low=low,
            )
        )  # fmt: skip
        return cast(Moments, found)


def _root_of(moments: Moments) -> Array | None:
    """The root that is kept, or the Cholesky factor of a well-conditioned gram, or None."""
    return factored(moments.cross) if moments.root is None else moments.root


def _alike(one: Moments, other: Moments) -> Moments:
    """The other's columns in the order of this one's, which must have the same names."""
    if not isinstance(other, Moments):
        raise BadArgument(f"only Moments can be added to Moments, not {type(other).__name__}")
    if one.columns is not None or other.columns is not None:
        raise refuse_unformed("a sum of moments", one.p)
    if one.centred != other.centred:
        raise BadArgument("one of the moments is about zero and the other about its mean")
    if "y" not in (one.y_name, other.y_name) and one.y_name != other.y_name:
        raise BadArgument(
            f"y is called {one.y_name!r} on one side and {other.y_name!r} on the other"
        )
    if set(one.names) != set(other.names):
        left, right = set(one.names), set(other.names)
        sides = {"one": [n for n in one.names if n not in right],
                 "the other": [n for n in other.names if n not in left]}  # fmt: skip
        only = [f"only {side} has {listed(found)}" for side, found in sides.items() if found]
        raise BadArgument(f"the columns differ: {', '.join(only)}")
    if one.names == other.names:
        return other
    order = positions(one.names, other.names, "the other", "this one")
    both = [*order, len(order)]
    return replace(
        other,
        names=one.names,
        x_mean=other.x_mean[order],
        gram=None if other.gram is None else other.gram[np.ix_(both, both)],
        root=None if other.root is None else other.root[:, both],
        low=None if other.low is None else other.low[both],
    )
