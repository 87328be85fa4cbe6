"""Moments of the columns of a formula, from the cells that its rows are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bayesreg.data.cell_formula import MOST, Plan, plan
from bayesreg.data.conditioning import loses_digits
from bayesreg.data.formed_moments import cleaned
from bayesreg.data.formula_rows import FormulaRows
from bayesreg.data.grouped import Grouped, Grouping, TooManyCells
from bayesreg.data.moments import Moments
from bayesreg.data.rows import check_total
from bayesreg.data.stores.stream import Stream
from bayesreg.data.sums import two_sum, unvarying, without
from bayesreg.data.terms import Term
from bayesreg.language.arguments import Array
from bayesreg.language.warned import warn

NUMBERS = 2**22  # of pseudo-rows that are held at once


def by_cells(stream: Stream, terms: Sequence[Term]) -> Moments | None:
    """The moments of a formula's columns from its cells; None where its rows are in many."""
    coder, source = stream.coder, stream.source
    if not isinstance(coder, FormulaRows) or not source.repeatable or not source.held:
        return None
    found = plan(coder, terms, source)
    if found is None:
        return None
    grouping = Grouping(len(found.columns.keys), response=False, most=MOST)
    try:
        cells = stream.otherwise(found.columns, grouping)
    except TooManyCells:
        return None
    stream.read.cells, stream.binary = len(cells), found.binary(cells.keys)
    notes = list(stream.notes)
    moments = moments_of(cells, found, stream.roles.y, notes)
    for note in notes:
        warn(note)
    return moments


def moments_of(cells: Grouped, how: Plan, y_name: str, notes: list[str]) -> Moments:
    """The moments of all rows: exact, for within a cell every column is linear in its atoms.

    Of a cell are made a row √n(z̄ − mean), and of the scatter LL' of its atoms the rows of L', coded
    as the columns are. Their products are those of all rows, and so is their R, of which a second
    pass over the cells, not the rows, is made where products lose digits.
    """
    names = how.columns.rows.names
    n = float(cells.n.sum())
    check_total(n, cells.rows, notes)
    mean, low = _mean(cells, how, n)
    gram = np.zeros((len(names) + 1, len(names) + 1))
    for rows in _pseudo_rows(cells, how, mean, low):
        gram += rows.T @ rows
    gram = without(unvarying(np.diagonal(gram), mean, n), gram)
    root = None
    if loses_digits(gram):
        root = np.zeros((0, len(gram)))
        for rows in _pseudo_rows(cells, how, mean, low):
            root = np.linalg.qr(np.concatenate([root, rows]), mode="r")
    found: Moments = cleaned(
        Moments(n, cells.rows, mean[:-1], float(mean[-1]), gram, root, names, low, y_name=y_name)
    )
    return found


def _mean(cells: Grouped, how: Plan, n: float) -> tuple[Array, Array]:
    """The mean of every column, y last, to twice the digits."""
    total = sum(w @ z for w, z in _means(cells, how)) / n
    left = sum(w @ (z - total) for w, z in _means(cells, how)) / n
    return two_sum(np.asarray(total), np.asarray(left))


def _parts(cells: Grouped, how: Plan) -> Iterator[tuple[slice, Array]]:
    """Some cells at a time, and the codes (c, p + 1) of their columns, y last."""
    size = max(1, NUMBERS // ((len(how.atom) + 1) * (len(how.columns.atoms) + 2)))
    for start in range(0, len(cells), size):
        some = slice(start, start + size)
        codes = how.codes(cells.keys[some])
        yield some, np.concatenate([codes, np.ones((len(codes), 1))], axis=1)


def _means(cells: Grouped, how: Plan) -> Iterator[tuple[Array, Array]]:
    """Weights (c,) and means (c, p + 1) of cells."""
    for some, codes in _parts(cells, how):
        yield cells.n[some], codes * _atoms(cells.mean[some], how)


def _atoms(values: Array, how: Plan) -> Array:
    """Of each column its atom's value (…, p + 1) among those of all atoms, y last; one of none."""
    wide = np.concatenate([values, np.ones((*values.shape[:-1], 1))], axis=-1)
    last = values.shape[-1]
    return np.asarray(wide[..., np.append(np.where(how.atom < 0, last, how.atom), last - 1)])


def _pseudo_rows(cells: Grouped, how: Plan, mean: Array, low: Array) -> Iterator[Array]:
    """Rows (·, p + 1) whose products are those of all rows about their mean."""
    within = np.append(how.atom >= 0, True)
    for some, codes in _parts(cells, how):
        between = codes * _atoms(cells.mean[some], how) - mean - low
        yield between * np.sqrt(cells.n[some])[:, None]
        roots = _roots(cells.scatter[some])
        spread = np.where(within, _atoms(roots, how), 0.0) * codes[:, None]
        yield spread.reshape(-1, len(mean))


def _roots(scatter: Array) -> Array:
    """Rows L' (c, m, m) of the scatters LL', which may be singular, each atom on its own scale."""
    sd = np.sqrt(np.diagonal(scatter, axis1=1, axis2=2))
    safe = np.where(sd > 0.0, sd, 1.0)
    values, vectors = np.linalg.eigh(scatter / safe[:, :, None] / safe[:, None, :])
    rows = np.sqrt(np.maximum(values, 0.0))[:, :, None] * np.swapaxes(vectors, 1, 2)
    return np.asarray(rows * safe[:, None, :])
