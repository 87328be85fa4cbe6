"""Laws of Moments: additive over rows, exact under offsets, streamed = whole, NIST's digits."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy.linalg import solve_triangular

from bayesreg.data.conditioning import SAFETY, WORST_CONDITION, conditioning
from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning
from tests import nist

EPS = np.finfo(float).eps


def rows(n, p, seed=0, offset=3.0, scales=None):
    """Correlated columns of unequal scale and non-zero mean, and a response."""
    rng = np.random.default_rng(seed)
    scales = 10.0 ** np.linspace(-2, 2, p) if scales is None else scales
    X = rng.standard_normal((n, p)) @ (np.eye(p) + 0.3 * np.ones((p, p)))
    X = offset * scales + X * scales
    y = -7.0 + X @ (rng.standard_normal(p) / scales) + rng.standard_normal(n)
    return X, y


def unit(moments):
    """Cross-products of columns scaled to unit length: relative errors become absolute."""
    scale = np.sqrt(np.diagonal(moments.cross))
    scale = np.where(scale > 0, scale, 1.0)
    return moments.cross / np.outer(scale, scale)


def difference(a, b):
    """Largest difference of two moments, relative to the sds."""
    scale = np.sqrt(np.diagonal(a.cross))
    scale = np.where(scale > 0, scale, 1.0)
    cross = np.abs((a.cross - b.cross) / np.outer(scale, scale)).max()
    sd = np.append(a.x_sd, a.y_sd)
    mean = np.abs(np.append(a.x_mean - b.x_mean, a.y_mean - b.y_mean)) / np.where(sd > 0, sd, 1)
    return max(cross, mean.max(), abs(a.n - b.n) / a.n)


def exact(X, y, w=None):
    """Means and centred cross-products in long double, the plain way."""
    Z = np.column_stack([X, y]).astype(np.longdouble)
    w = np.ones(len(Z), dtype=np.longdouble) if w is None else w.astype(np.longdouble)
    mean = w @ Z / w.sum()
    Z = Z - mean
    return mean.astype(float), ((Z * w[:, None]).T @ Z).astype(float)


def least_squares(moments, *, through_origin=False):
    """Coefficients from the root, or from the Cholesky factor of the gram if only that is kept."""
    m = moments.about_zero() if through_origin else moments
    p, sd = m.p, m.x_sd
    if m.root is not None:
        R = np.linalg.qr(m.root / np.append(sd, 1.0), mode="r")
    else:
        R = np.linalg.cholesky(m.cross / np.outer(np.append(sd, 1), np.append(sd, 1))).T
    slopes = solve_triangular(R[:p, :p], R[:p, p]) / sd
    return slopes if through_origin else np.append(m.y_mean - m.x_mean @ slopes, slopes)


SHAPES = {
    "tall": (400, 5),
    "many chunks": (30_000, 7),
    "square": (6, 5),
    "wide": (9, 30),
    "one column": (50, 1),
    "no column": (20, 0),
    "one row": (1, 3),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_moments_are_those_of_the_plain_formula(shape, weighted):
    X, y = rows(*shape)
    w = np.random.default_rng(1).integers(1, 4, shape[0]).astype(float) if weighted else None
    m = Moments.of(X, y, w)
    mean, cross = exact(X, y, w)
    scale = np.sqrt(np.diagonal(cross)) + (np.diagonal(cross) == 0)
    assert np.abs((m.cross - cross) / np.outer(scale, scale)).max() < 1e-13
    assert np.allclose(np.append(m.x_mean, m.y_mean), mean, rtol=1e-15)
    assert m.n == (shape[0] if w is None else w.sum())
    assert m.rows == shape[0]
    assert (m.gram is None) == (m.p + 1 >= m.rows)
    assert m.root is not None or m.p + 1 < m.rows
    assert m.names == tuple(f"x{j + 1}" for j in range(m.p))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_root_is_a_root(shape):
    X, y = rows(*shape)
    m = Moments.of(X, y)
    if m.root is not None:
        assert m.root.shape[1] == m.p + 1
        assert np.allclose(m.root.T @ m.root, m.cross, rtol=1e-13, atol=0)


@pytest.mark.parametrize("shape", [(400, 5), (9, 30), (40, 30)], ids=["tall", "wide", "mixed"])
@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_blocks_and_sums_equal_the_whole(shape, parts):
    X, y = rows(*shape)
    w = np.random.default_rng(2).uniform(0.5, 3.0, len(y))
    cuts = [np.sort(c) for c in np.array_split(np.random.default_rng(3).permutation(len(y)), parts)]
    whole = Moments.of(X, y, w)
    streamed = Moments.from_blocks([(X[c], y[c], w[c]) for c in cuts])
    added = Moments.of(X[cuts[0]], y[cuts[0]], w[cuts[0]])
    for c in cuts[1:]:
        added = added + Moments.of(X[c], y[c], w[c])
    assert difference(whole, streamed) < 1e-13
    assert difference(whole, added) < 1e-13
    assert added.rows == whole.rows == streamed.rows
    if added.root is not None:
        assert np.allclose(added.root.T @ added.root, whole.cross, rtol=1e-11)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e9])
def test_a_fold_taken_away_leaves_the_others(offset):
    X, y = rows(300, 4, offset=offset, scales=np.array([1.0, 2.0, 0.5, 1.0]))
    fold = np.arange(300) % 5 == 2
    left = Moments.of(X, y) - Moments.of(X[fold], y[fold])
    direct = Moments.of(X[~fold], y[~fold])
    assert difference(direct, left) < 1e-12
    assert left.root is None
    assert left.rows == direct.rows == 240


def test_a_column_that_only_the_fold_varies_in_is_constant_without_it():
    X, y = rows(100, 3)
    X[:, 1] = 0.0
    X[:10, 1] = 1.0
    left = Moments.of(X, y) - Moments.of(X[:10], y[:10])
    assert left.constant.tolist() == [False, True, False]
    assert not left.cross[1].any()


@pytest.mark.parametrize("route", ["gram", "root"])
@pytest.mark.parametrize("centred", [True, False], ids=["centred", "about zero"])
def test_integer_weights_are_repetitions(route, centred):
    X, y = rows(60, 3) if route == "gram" else rows(6, 9)
    w = np.random.default_rng(0).integers(0, 4, len(y))
    w[1] = 0
    weighted = Moments.of(X, y, w)
    repeated = Moments.of(np.repeat(X, w, axis=0), np.repeat(y, w))
    if not centred:
        weighted, repeated = weighted.about_zero(), repeated.about_zero()
    assert weighted.n == repeated.n == w.sum()
    assert weighted.rows == np.count_nonzero(w)
    assert difference(repeated, weighted) < 1e-13


def test_about_zero_is_the_plain_product_of_the_rows():
    for shape in [(200, 4), (5, 8), (22, 20)]:
        X, y = rows(*shape)
        Z = np.column_stack([X, y])
        m = Moments.of(X, y).about_zero()
        assert not m.x_mean.any()
        assert m.y_mean == 0
        assert np.allclose(m.cross, Z.T @ Z, rtol=1e-12)
        assert m.about_zero() is m
        if m.root is not None:
            assert np.allclose(m.root.T @ m.root, Z.T @ Z, rtol=1e-12)
        with pytest.raises(BadArgument, match="about zero"):
            m + Moments.of(X, y)


# Offsets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [100, 20_000])
@pytest.mark.parametrize("cut", [None, 7, 57], ids=["whole", "7 rows and the rest", "57 and rest"])
def test_an_offset_costs_no_digits(n, cut):
    rng = np.random.default_rng(4)
    X = np.round(rng.standard_normal((n, 3)), 2)
    X = np.round(X * 2**20) / 2**20  # so that adding 1e9 rounds nothing
    shifted = X + 1e9
    assert np.array_equal(shifted - 1e9, X) or np.abs(shifted - 1e9 - X).max() < 2e-7
    X = shifted - 1e9
    y = X @ [1.0, -2.0, 0.5] + rng.standard_normal(n)
    plain = Moments.of(X, y)
    far = Moments.of(shifted, y)
    if cut is not None:
        far = Moments.of(shifted[:cut], y[:cut]) + Moments.of(shifted[cut:], y[cut:])
    assert np.abs(unit(plain) - unit(far)).max() < 1e-13
    naive = shifted.T @ shifted - n * np.outer(shifted.mean(0), shifted.mean(0))
    assert np.abs(naive / plain.cross[:3, :3] - 1).max() > 1e-3, "the control lost no digits"


def test_a_nearly_constant_column_is_its_scaled_copy():
    noise = np.random.default_rng(5).standard_normal((5000, 1))
    X = 1e8 + 1e-6 * noise
    copy = (X - 1e8) * 1e6  # exact: what the rounding of X left
    y = copy[:, 0] + noise[:, 0]
    a, b = Moments.of(X, y), Moments.of(copy, y)
    assert not a.constant.any()
    assert abs(unit(a)[0, 1] / unit(b)[0, 1] - 1) < 1e-10
    assert a.x_sd[0] * 1e6 == pytest.approx(b.x_sd[0], rel=1e-10)


CONSTANTS = {
    "zero": 0.0,
    "one": 1.0,
    "a tenth": 0.1,
    "a billion and a third": 1e9 + 1 / 3,
    "minus pi": -np.pi,
    "tiny": 1e-100,
}


@pytest.mark.parametrize("value", CONSTANTS.values(), ids=CONSTANTS)
@pytest.mark.parametrize("n", [3, 40, 30_001])
def test_a_constant_column_is_exactly_constant(value, n):
    X, y = rows(n, 3)
    X[:, 1] = value
    w = np.random.default_rng(0).uniform(1, 2, n)
    half = n // 2
    for m in [
        Moments.of(X, y),
        Moments.of(X, y, w),
        Moments.of(X[:half], y[:half]) + Moments.of(X[half:], y[half:]),
        Moments.of(X, np.full(n, value)),
    ]:
        assert m.constant.tolist() == [False, True, False]
        assert m.x_sd[1] == 0
        assert not m.cross[1].any()
    assert m.y_sd == 0


def test_a_column_of_one_different_row_is_not_constant():
    X, y = rows(10_000, 2)
    X[:, 0] = 1.0
    X[77, 0] = 1.0 + 1e-9
    assert not Moments.of(X, y).constant.any()


def test_columns_of_very_different_scales_keep_their_digits():
    X, y = rows(500, 5, scales=10.0 ** np.array([-12, -6, 0, 6, 12]))
    plain = Moments.of(X / 10.0 ** np.array([-12, -6, 0, 6, 12]), y)
    assert np.abs(unit(plain) - unit(Moments.of(X, y))).max() < 1e-12


# Streams -------------------------------------------------------------------------------------


class Stream:
    """Blocks made anew on every pass, float32 or float64."""

    def __init__(self, blocks, size, dtype, p=20):
        self.blocks, self.size, self.dtype, self.p = blocks, size, dtype, p

    def __iter__(self):
        return map(self.block, range(self.blocks))

    def block(self, k):
        rng = np.random.default_rng(k)
        X = rng.standard_normal((self.size, self.p), dtype=np.float32)
        X += np.arange(self.p, dtype=np.float32)
        y = X[:, 0] + rng.standard_normal(self.size, dtype=np.float32)
        return X.astype(self.dtype, copy=False), y.astype(self.dtype, copy=False)


def peak_memory(work):
    """Result of `work()` and the most bytes that it held at once."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_float32_blocks_equal_float64_rows_in_the_memory_of_a_block():
    stream = Stream(10, 40_000, np.float32)
    m, peak = peak_memory(lambda: Moments.from_blocks(stream))
    parts = list(Stream(10, 40_000, np.float64))
    whole = Moments.of(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))
    assert difference(whole, m) < 1e-12
    assert peak < 2 * 40_000 * 20 * 4


@pytest.mark.slow
def test_ten_million_rows_of_float32():
    stream = Stream(20, 500_000, np.float32)
    m, peak = peak_memory(lambda: Moments.from_blocks(stream))
    again = Moments.from_blocks(Stream(20, 500_000, np.float64))
    assert m.rows == 10_000_000
    assert difference(again, m) < 1e-12
    assert peak < 2 * 500_000 * 20 * 4


def test_a_generator_may_reuse_its_array():
    X, y = rows(40, 30)

    def blocks():
        buffer, response = np.empty((4, 30)), np.empty(4)
        for i in range(0, 40, 4):
            buffer[:], response[:] = X[i : i + 4], y[i : i + 4]
            yield buffer, response

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        assert difference(Moments.of(X, y), Moments.from_blocks(blocks())) < 1e-12


def test_fewer_rows_than_columns_stay_rows_within_two_copies():
    X = np.random.default_rng(0).standard_normal((100, 20_000))
    y = X[:, 0] + 1.0
    X.flags.writeable = False
    m, peak = peak_memory(lambda: Moments.of(X, y))
    assert m.gram is None
    assert m.root.shape == (100, 20_001)
    assert peak < 2 * X.nbytes
    _, peak = peak_memory(lambda: Design.of(X.copy(), y).moments)
    assert peak < 4 * X.nbytes  # the one passed in, its copy, the root, and the names


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.bool_, np.float16, np.float32])
def test_narrow_types_are_widened_before_arithmetic(dtype):
    rng = np.random.default_rng(6)
    X = (rng.uniform(0, 2 if dtype is np.bool_ else 120, (200, 3))).astype(dtype)
    y = rng.standard_normal(200)
    assert difference(Moments.of(X.astype(float), y), Moments.of(X, y)) < 1e-14


def test_layouts_give_one_answer_and_are_left_alone():
    X, y = rows(100, 4)
    reference, before = Moments.of(X, y), X.copy()
    for other in [np.asfortranarray(X), X.tolist(), np.repeat(X, 2, axis=1)[:, ::2]]:
        assert difference(reference, Moments.of(other, y)) < 1e-13
    assert difference(reference, Moments.of(X[::-1], y[::-1])) < 1e-13
    assert np.array_equal(X, before)


# Conditioning --------------------------------------------------------------------------------

DIGITS = {
    "Norris": 11,
    "Pontius": 11,
    "NoInt1": 11,
    "NoInt2": 11,
    "Filip": 6.5,
    "Longley": 11,
    "Wampler1": 9,
    "Wampler2": 11,
    "Wampler3": 9,
    "Wampler4": 7.5,
    "Wampler5": 5.5,
}


@pytest.mark.parametrize("name", DIGITS)
@pytest.mark.parametrize("way", ["whole", "blocks", "added"])
def test_nist_digits(name, way):
    case = nist.case(name)
    X, y = case["X"], case["y"]
    if way == "whole":
        m = Moments.of(X, y)
    elif way == "blocks":
        m = Moments.from_blocks([(X[:2], y[:2]), (X[2:], y[2:])])
    else:
        m = Moments.of(X[::2], y[::2]) + Moments.of(X[1::2], y[1::2])
    coef = least_squares(m, through_origin=not case["intercept"])
    # Adding rounds each part's rows about its own mean: Filip, of condition 1e15, pays for that.
    allowance = 0.5 if way == "added" else 0.0
    assert nist.digits(coef, case["coef"]).min() >= DIGITS[name] - allowance


def test_without_the_root_nist_digits_are_missed():
    missed = 0
    for name in ["Filip", "Wampler1", "Wampler3"]:
        case = nist.case(name)
        gram = Moments.of(case["X"], case["y"]).cross
        sd = np.sqrt(np.diagonal(gram)[:-1])
        unit_gram = gram[:-1, :-1] / np.outer(sd, sd)
        slopes = np.linalg.lstsq(unit_gram, gram[:-1, -1] / sd, rcond=None)[0] / sd
        missed += nist.digits(slopes, case["coef"][1:]).min() < DIGITS[name]
    assert missed == 3


def collinear(n=200):
    X, y = rows(n, 3)
    return np.column_stack([X, X[:, 0] + 1e-4 * np.ptp(X[:, 0]) * X[:, 1] / np.ptp(X[:, 1])]), y


def nearly_exact():
    X, _ = rows(200, 3)
    return X, X @ [1.0, 2.0, 3.0] + 1e-5 * np.random.default_rng(0).standard_normal(200)


ILL = {
    "collinear": (collinear, "condition number"),
    "duplicate": (lambda: (np.repeat(rows(50, 2)[0], 2, axis=1), rows(50, 2)[1]), "condition"),
    "small residual": (nearly_exact, "R²"),
}


def of_condition(number, p, seed=0):
    """Correlations of p columns whose condition number is this, and a y apart from them."""
    rng = np.random.default_rng(seed)
    values = np.geomspace(1.0, 1.0 / number, p)
    q, _ = np.linalg.qr(rng.standard_normal((p, p)))
    cross = np.eye(p + 1)
    cross[:p, :p] = (q * values) @ q.T
    size = np.sqrt(np.diagonal(cross))
    unit = cross / np.outer(size, size)
    return unit, np.linalg.cond(unit[:p, :p])


@pytest.mark.parametrize("p", [2, 20, 300])
def test_the_estimate_of_conditioning_is_on_the_right_side_of_the_limit(p):
    """An estimate decides as the exact condition number does, within its factor of the limit."""
    decided = set()
    for k, number in enumerate(np.geomspace(1e2, 1e7, 40)):
        unit, exact = of_condition(number, p, seed=k)
        found, residual = conditioning(unit)
        assert (found > WORST_CONDITION) == (exact > WORST_CONDITION)
        assert residual == pytest.approx(1.0)
        decided.add(bool(exact > WORST_CONDITION))
        if WORST_CONDITION / SAFETY < exact < 1e7:
            assert conditioning(unit, exact=True)[0] == pytest.approx(exact, rel=1e-6)
    assert decided == {True, False}


def test_singular_columns_have_no_condition_number():
    unit, _ = of_condition(10.0, 3)
    unit[:, 1], unit[1] = unit[:, 0], unit[0]
    unit[1, 1] = 1.0
    assert conditioning(unit)[0] > WORST_CONDITION


@pytest.mark.parametrize("make, words", ILL.values(), ids=ILL)
def test_ill_conditioned_data_get_a_root_or_a_warning(make, words):
    X, y = make()
    assert Moments.of(X, y).root is not None
    assert Moments.from_blocks([(X, y)]).root is not None
    with pytest.warns(BayesregWarning, match=words) as caught:
        once = Moments.from_blocks(block for block in [(X, y)])
    assert once.root is None
    assert "pass a list" in str(caught[0].message)


def test_well_conditioned_data_get_neither():
    X, y = rows(200, 4)
    assert Moments.from_blocks(block for block in [(X, y)]).root is None


def test_the_second_pass_must_see_the_same_rows():
    X, y = collinear()

    class Shrinking:
        passes = 0

        def __iter__(self):
            self.passes += 1
            yield (X, y) if self.passes == 1 else (X[:50], y[:50])

    with pytest.raises(BadData, match="200 rows when read first and 50"):
        Moments.from_blocks(Shrinking())


# What is refused --------------------------------------------------------------------------------


def spoiled(value, row=137, column=1, target="X", n=300, p=3):
    X, y = rows(n, p)
    if target == "X":
        X[row, column] = value
    else:
        y[row] = value
    return X, y


REFUSED = {
    "NaN in X": (spoiled(np.nan), "'x2': 1, first in row 137"),
    "inf in X": (spoiled(np.inf), "infinite.*'x2'.*row 137"),
    "-inf in X": (spoiled(-np.inf), "infinite.*'x2'.*row 137"),
    "NaN in y": (spoiled(np.nan, target="y"), "y has missing.*first in row 137"),
    "inf in y": (spoiled(np.inf, target="y"), "y has infinite.*row 137"),
    "NaN in wide X": (spoiled(np.nan, row=3, n=5, p=9), "'x2': 1, first in row 3"),
    "huge": (spoiled(1e200), r"'x2' has values as large as 1e\+200.*rescale"),
    "huge in wide X": (spoiled(-1e200, row=3, n=5, p=9), r"'x2'.*1e\+200.*rescale"),
    "all huge": ((np.full((50, 1), 1e200), np.arange(50.0)), "'x1'.*rescale"),
    "huge y": ((rows(50, 2)[0], rows(50, 2)[1] * 1e200), "'y'.*rescale"),
    "tiny": ((rows(50, 2)[0] * 1e-200, rows(50, 2)[1]), "underflow.*rescale"),
    "tiny and wide": ((rows(5, 9)[0] * 1e-200, rows(5, 9)[1]), "underflow.*rescale"),
    "tiny y": ((rows(50, 2)[0], rows(50, 2)[1] * 1e-200), "'y'.*underflow.*rescale"),
    "no rows": ((np.empty((0, 3)), np.empty(0)), "no rows"),
    "lengths": ((np.ones((4, 2)), np.ones(5)), "4 rows and y has 5"),
    "text": ((np.array([["1.5"], ["2"]]), np.ones(2)), "numbers as text"),
    "weights of another length": ((np.ones((4, 2)), np.ones(4), np.ones(3)), "weights has 3"),
    "negative weight": ((np.ones((4, 2)), np.ones(4), [1, 1, -2, 1]), r"weights\[2\] is -2"),
    "NaN weight": ((np.ones((4, 2)), np.ones(4), [1, np.nan, 2, 1]), "weights.*first in row 1"),
    "zero weights": ((np.ones((4, 2)), np.ones(4), np.zeros(4)), "all weights are zero"),
}


@pytest.mark.parametrize("block, words", REFUSED.values(), ids=REFUSED)
def test_bad_blocks_are_refused_by_name(block, words):
    with pytest.raises(BadData, match=words):
        Moments.of(*block)
    with pytest.raises(BadData, match=words):
        Moments.from_blocks(iter([block]))


def test_rows_are_counted_over_all_blocks():
    good, bad = rows(300, 3), spoiled(np.nan)
    with pytest.raises(BadData, match="first in row 437"):
        Moments.from_blocks([good, bad])
    weights = np.ones(300)
    weights[3] = -1
    with pytest.raises(BadData, match=r"weights\[303\]"):
        Moments.from_blocks([good, (*good, weights)])


def test_a_bad_row_of_weight_zero_does_not_count():
    X, y = spoiled(np.nan)
    w = np.ones(300)
    w[137] = 0
    kept = w > 0
    assert difference(Moments.of(X[kept], y[kept]), Moments.of(X, y, w)) < 1e-14


@pytest.mark.parametrize("power", [-140, 140])
def test_large_and_small_units_are_equivariant(power):
    X, y = rows(200, 3)
    a, b = Moments.of(X, y), Moments.of(X * 10.0**power, y / 10.0**power)
    assert np.abs(unit(a) - unit(b)).max() < 1e-13


def test_other_moments_are_refused():
    X, y = rows(30, 3)
    whole, part = Moments.of(X, y), Moments.of(X[:10], y[:10])
    with pytest.raises(BadArgument, match="nothing would be left"):
        whole - whole
    with pytest.raises(BadArgument, match="nothing would be left"):
        part - whole
    with pytest.raises(BadArgument, match="not among"):
        whole - Moments.of(X[:10] * 50, y[:10])
    with pytest.raises(BadArgument, match="columns differ"):
        whole + Moments.of(X, y, names=["a", "b", "c"])
    with pytest.raises(BadArgument, match="only Moments"):
        whole + 3
    with pytest.raises(BadArgument, match="2 entries"):
        Moments.of(X, y, names=["a", "b"])
    with pytest.raises(BadData, match="each block must be a tuple"):
        Moments.from_blocks((X, y))
    with pytest.raises(BadData, match="has 2 columns; those before have 3"):
        Moments.from_blocks([(X, y), (X[:, :2], y)])


def test_weights_that_look_normalised_are_warned_of():
    X, y = rows(30, 2)
    with pytest.warns(BayesregWarning, match="normalised"):
        Moments.of(X, y, np.full(30, 1 / 30))
    Moments.of(X, y, np.full(30, 0.5))
