"""Laws of sums over rows: the same bits from every source, and parts that add up to the whole."""

from __future__ import annotations

import pickle
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest

import bayesreg as br
from bayesreg.data.blocks import Block
from bayesreg.data.moments import Moments
from bayesreg.data.sums import FirstPass, merged
from bayesreg.data.whitening import Whitening, factored, whitened_root
from bayesreg.language.errors import BadArgument, BadData
from tests import nist
from tests.test_moments import collinear, difference, exact, least_squares, rows

FIELDS = ("n", "rows", "x_mean", "y_mean", "gram", "root", "low")
CASES = {
    "many chunks": lambda: rows(40_001, 6),
    "ill-conditioned": lambda: collinear(20_000),
    "few rows": lambda: rows(9, 30),
    "as many rows": lambda: rows(31, 30),
    "one more": lambda: rows(32, 30),
}


def cut(X, y, w, size):
    """Blocks of so many rows."""
    parts = (slice(i, i + size) for i in range(0, len(y), size))
    return [(X[k], y[k]) if w is None else (X[k], y[k], w[k]) for k in parts]


def frequencies(n, seed=1):
    """Weights, of which a third are zero."""
    return np.random.default_rng(seed).integers(0, 3, n).astype(float)


def bits(moments):
    """Everything that is kept, to the last bit."""
    values = [getattr(moments, name) for name in FIELDS]
    return [None if v is None else np.asarray(v).tobytes() for v in values]


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_every_source_and_size_of_block_gives_the_same_bits(make, weighted):
    X, y = make()
    w = frequencies(len(y)) if weighted else None
    whole = bits(Moments.of(X, y, w))
    for size in (7 if len(y) < 100 else 977, 13_000, 65_536):
        assert bits(Moments.from_blocks(cut(X, y, w, size))) == whole
    assert bits(Moments.of(np.asfortranarray(X), y, w)) == whole
    columns = [Block(tuple(X.T), y, w)]
    names = [f"x{j + 1}" for j in range(X.shape[1])]
    assert bits(Moments.summed(lambda part: part(columns), names)) == whole
    if len(y) < 100:
        assert bits(Moments.from_blocks(cut(X, y, w, 1))) == whole
    assert bits(Moments.of(X[::-1], y[::-1], None if w is None else w[::-1])) != whole


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_parts_made_anywhere_add_up_to_the_whole(make, weighted):
    """Parts travel as bytes, some are empty, and a second pass is made of parts as well."""
    X, y = make()
    w = frequencies(len(y)) if weighted else None
    cuts = np.sort(np.random.default_rng(2).integers(0, len(y) + 1, 7))
    edges = [0, 0, *cuts, len(y), len(y)]
    blocks = [Block(X[a:b], y[a:b], None if w is None else w[a:b], a) for a, b in pairwise(edges)]
    calls = []

    def spread(part):
        calls.append(part)
        there = [pickle.loads(pickle.dumps(part)) for _ in blocks]
        back = [pickle.loads(pickle.dumps(f([b]))) for f, b in zip(there, blocks, strict=True)]
        return merged([part.zero, *back])

    names = [f"x{j + 1}" for j in range(X.shape[1])]
    whole, parts = Moments.of(X, y, w), Moments.summed(spread, names)
    assert difference(whole, parts) < 2e-15
    assert parts.rows == whole.rows
    assert (parts.root is None) == (whole.root is None)
    assert len(calls) == 1 + (whole.root is not None and whole.gram is not None)
    assert whole.gram is None or bits(parts) != bits(Moments.summed(lambda f: f(blocks[3:]), names))


def test_a_part_twice_is_other_rows():
    """Negative control: what a retry that counted rows twice would give."""
    X, y = rows(200, 3)
    part = FirstPass(("a", "b", "c", "y"))
    halves = [part([Block(X[k], y[k])]) for k in (slice(0, 100), slice(100, 200))]
    assert (halves[0] + halves[1]).read == 200
    assert (halves[0] + halves[0]).read == 200  # so that rows alone do not tell
    assert reduce(add, [*halves, halves[0]]).rows == 300
    assert not np.allclose((halves[0] + halves[0]).total.cross, sum(halves, part.zero).total.cross)


@pytest.mark.parametrize("name", ["a far first chunk", "sorted", "steps", "alternating"])
def test_drift_costs_no_digits(name):
    """Each chunk is taken about the mean of the one before, so that no start can be a bad one."""
    rng = np.random.default_rng(3)
    n = 200_000
    size = 1e6
    base = {
        "a far first chunk": np.where(np.arange(n) < 30_000, size, 0.0),
        "sorted": np.linspace(0.0, size, n),
        "steps": np.floor(np.arange(n) / 70_000) * size,
        "alternating": (np.arange(n) // 20_000 % 2) * size,
    }[name]
    X = rng.standard_normal((n, 2)) + np.stack([base, 0 * base], axis=1)
    y = X[:, 1] + rng.standard_normal(n)
    mean, cross = exact(X, y)
    m = Moments.of(X, y)
    scale = np.sqrt(np.diagonal(cross))
    assert np.abs((m.cross - cross) / np.outer(scale, scale)).max() < 1e-14
    assert np.allclose(np.append(m.x_mean, m.y_mean), mean, rtol=1e-15, atol=1e-16 * size)


def test_means_are_known_to_twice_the_digits():
    """Means of 1e6 with sd 1: their sum with what rounding took, against integers."""
    rng = np.random.default_rng(4)
    k = rng.integers(-(2**20), 2**20, (50_000, 2))  # steps of 2⁻²⁰
    X = 1e6 + k / 2**20
    m = Moments.of(X, X[:, 0])
    for part in (m, Moments.of(X[:777], X[:777, 0]) + Moments.of(X[777:], X[777:, 0])):
        for j in range(2):
            mean = 10**6 + Fraction(int(k[:, j].sum()), 2**20 * 50_000)
            assert abs(float(mean - Fraction(part.x_mean[j]) - Fraction(part.low[j]))) < 1e-15
            assert abs(float(mean - Fraction(part.x_mean[j]))) > 1e-12


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_a_bad_row_has_its_number_whatever_the_blocks(weighted):
    X, y = rows(3000, 3)
    X[2137, 1] = np.nan
    w = frequencies(3000) if weighted else None
    if weighted:
        w[2137] = 1.0
    for size in (1000, 7, 3000):
        with pytest.raises(BadData, match=r"'x2': 1, first in row 2137 \(from 0\)"):
            Moments.from_blocks(cut(X, y, w, size))


# The second pass -----------------------------------------------------------------------------


def centred(case):
    """Rows about their mean."""
    z = np.column_stack([case["X"], case["y"]])
    return z - z.mean(axis=0)


def digits(root, case):
    """Digits of the slopes that a root gives."""
    sd = np.sqrt(np.einsum("ij,ij->j", root, root))
    R = np.linalg.qr(root / sd, mode="r")
    slopes = np.linalg.solve(R[:-1, :-1], R[:-1, -1]) * sd[-1] / sd[:-1]
    return nist.digits(slopes, case["coef"][int(case["intercept"]) :]).min()


@pytest.mark.parametrize("name", ["Longley", "Filip", "Wampler1", "Wampler3", "Wampler5"])
def test_a_whitened_pass_is_a_qr(name):
    """On NIST's hardest: as many digits as Householder's QR of the rows, half a digit allowed."""
    case = nist.case(name)
    z = centred(case)
    block, zero = [Block(z[:, :-1], z[:, -1])], np.zeros(z.shape[1])
    root = whitened_root(lambda part: part(block), zero, zero, z.T @ z, len(z))
    assert np.array_equal(root, np.triu(root))
    wanted = digits(np.linalg.qr(z, mode="r"), case)
    assert digits(root, case) > wanted - 0.5
    if name in ("Filip", "Wampler1"):  # negative control: the factor of the first pass alone
        assert digits(factored(z.T @ z)[0], case) < wanted - 0.5


@pytest.mark.parametrize("condition", [1e4, 1e8, 1e12])
def test_residuals_are_those_of_a_qr(condition):
    """Residual sums of squares far below what products resolve."""
    rng = np.random.default_rng(5)
    z = rng.standard_normal((400, 7))
    z[:, 3] = z[:, 0] - z[:, 1] + z[:, 3] / condition
    z[:, -1] = z[:, :-1].sum(axis=1) + 1e-7 * z[:, -1]
    block, zero = [Block(z[:, :-1], z[:, -1])], np.zeros(7)
    root = whitened_root(lambda part: part(block), zero, zero, z.T @ z, 400)
    wanted = np.linalg.qr(z, mode="r")[-1, -1] ** 2
    assert abs(root[-1, -1] ** 2 / wanted - 1) < 1e-6
    once = factored(z.T @ z)[0]
    assert abs(once[-1, -1] ** 2 / wanted - 1) > 1e-4


def test_columns_that_do_not_vary_are_zero_in_the_root():
    X, y = collinear()
    X = np.insert(X, 1, 3.0, axis=1)
    m = Moments.of(X, y)
    assert m.root.shape == (6, 6)
    assert not m.root[:, 1].any()
    assert np.allclose(m.root.T @ m.root, m.cross, rtol=1e-12)
    nothing = Whitening(np.zeros(2), np.zeros(2)).then(np.zeros((2, 2)))
    assert not nothing.root().any()


# Saved -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_saved_moments_come_back_bit_for_bit_and_are_added_to(make, tmp_path):
    X, y = make()
    first, second = Moments.of(X[:-5], y[:-5]), Moments.of(X[-5:], y[-5:])
    first.save(tmp_path / "sums.breg")
    back = Moments.load(tmp_path / "sums.breg")
    assert bits(back) == bits(first) == bits(br.load(tmp_path / "sums.breg"))
    assert back.names == first.names
    assert bits(back + second) == bits(first + second)
    assert difference(Moments.of(X, y), back + second) < 1e-13
    with pytest.raises(BadArgument, match="exists"):
        back.save(tmp_path / "sums.breg")
    with pytest.raises(BadArgument, match="only one has 'x1', only the other has 'other'"):
        back + Moments.of(X, y, names=["other", *first.names[1:]])


def test_other_files_are_no_moments(tmp_path):
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    br.fit_map(model.condition(*rows(20, 2), standardize=True)).save(tmp_path / "fit.breg")
    with pytest.raises(BadData, match="holds 'map', not 'moments'"):
        Moments.load(tmp_path / "fit.breg")
    with pytest.raises(BadArgument, match="there is no file"):
        Moments.load(tmp_path / "none.breg")


def test_a_sum_that_is_ill_conditioned_keeps_its_digits():
    """Two days, each well-conditioned, whose means are far apart in all columns."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((400, 3)) + 1e6 * (np.arange(400) >= 200)[:, None]
    y = X[:, 0] - X[:, 1] + rng.standard_normal(400)
    both = Moments.of(X[:200], y[:200]) + Moments.of(X[200:], y[200:])
    whole = Moments.of(X, y)
    assert both.root is not None
    # The columns have a condition number of 1e6, which is what rounding costs of the largest slope.
    slopes, reference = least_squares(both)[1:], least_squares(whole)[1:]
    largest = np.abs(reference).max()
    assert np.abs(slopes - reference).max() < 1e-9 * largest
    products = np.linalg.solve(both.gram[:3, :3], both.gram[:3, 3])
    assert np.abs(products - reference).max() > 1e-7 * largest, "the control lost no digits"
