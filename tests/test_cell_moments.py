"""Cells of rows: what is summed by cell is what is summed by row."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import bayesreg as br
from bayesreg.data import arrival, cell_formula, cell_moments, different
from bayesreg.data.grouped import Grouped, TooManyCells
from bayesreg.data.stores import source_of
from bayesreg.data.stores.reader import Roles
from bayesreg.data.streamed import Streamed

N = 4_000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    d, g = rng.integers(0, 4, N), rng.choice(list("abc"), N)
    eta = 0.3 * d - 0.5 + (g == "a")
    return pa.table(
        {
            "x": rng.normal(3.0, 1.0, N),
            "z": rng.uniform(1.0, 2.0, N),
            "g": g,
            "h": pa.array(rng.choice(["u", "v"], N)).dictionary_encode(),
            "d": d,
            "f": rng.random(N) < 0.5,
            "years": rng.integers(1, 4, N),
            "y": rng.normal(5.0, 1.0, N),
            "claims": rng.poisson(np.exp(eta)),
            "won": rng.random(N) < 1.0 / (1.0 + np.exp(-eta)),
            "w": rng.integers(0, 3, N),
        }
    )


def streamed(table, formula, weights=""):
    return Streamed.of_formula(formula, source_of(pl.from_arrow(table).lazy()), Roles("", weights))


def apart(one, other):
    """The largest difference of two cross-products, each on its own scale; and of means."""
    sd = np.sqrt(np.diagonal(other.cross))
    sd = np.where(sd > 0.0, sd, 1.0)
    means = np.abs(one.x_mean - other.x_mean) / (np.abs(other.x_mean) + other.x_sd + 1e-300)
    return max(np.abs((one.cross - other.cross) / sd / sd[:, None]).max(), means.max())


FORMULAS = (
    "y ~ x + C(g) + x:C(g) + C(h)*d",
    "log(y**2 + 1) ~ scale(log(z), ddof=0) + center(x):C(g) + C(d) + f + offset(z)",
    "y ~ C(g, Sum)*x + x:z:C(h) + I(z**2)*d - 1",
)


@pytest.mark.parametrize("formula, weights", [(0, ""), (1, "w"), (2, "w")])
def test_cells_have_the_moments_of_rows(formula, weights, table, monkeypatch):
    cells = streamed(table, FORMULAS[formula], weights)
    found = cells.moments
    assert cells.read.cells == 24
    assert "4 000 rows in 24 cells, 2 passes" in cells.read.words
    monkeypatch.setattr(cell_moments, "plan", lambda *_: None)
    rows = streamed(table, FORMULAS[formula], weights)
    dense = rows.moments
    assert rows.read.cells == 0
    assert (found.rows, found.n, found.names) == (dense.rows, dense.n, dense.names)
    assert apart(found, dense) < 1e-13
    np.testing.assert_array_equal(cells.stream.binary, rows.stream.binary)
    assert (found.root is None) == (dense.root is None)
    if found.root is not None:
        root = found.root.T @ found.root
        assert np.abs(root - dense.cross).max() < 1e-13 * np.abs(dense.cross).max()


def test_cells_have_the_moments_of_rows_control(table, monkeypatch):
    """Means of cells alone, without what varies within them, are other moments."""
    dense = streamed(table, FORMULAS[0]).moments
    monkeypatch.setattr(cell_moments, "_roots", np.zeros_like)
    assert apart(streamed(table, FORMULAS[0]).moments, dense) > 0.1


def test_the_bits_of_cells_do_not_depend_on_the_blocks(table, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 100)
    monkeypatch.setattr("bayesreg.data.grouped.CHUNK", 1_000)
    model, found = br.Model(br.Normal(1.0)), []
    for size in (137, 4_000):
        frames = [table.slice(k, size) for k in range(0, N, size)]
        problem = model.condition_formula(FORMULAS[0], frames, standardize=True)
        assert problem.stream.read.cells == 24
        found.append(problem.moments.cross)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ bs(x, knots=[3], lower_bound=-9, upper_bound=19) + C(g)",  # an atom of many columns
        "y ~ C(g) + I(x * (g == 'a'))",  # a key and an atom in one factor
        "y ~ x + z",  # nothing that rows share
        "y ~ C(big) + x",  # a cell for every row
    ],
)
def test_what_is_no_code_times_an_atom_goes_by_rows(formula, table, monkeypatch):
    given = table.append_column("big", pa.array(np.arange(N) % 60)).slice(0, 400)
    stream = streamed(given, formula)
    found = stream.moments
    assert stream.read.cells == 0
    memory = br.Model(br.Normal(1.0)).condition_formula(formula, given, standardize=True).moments
    assert apart(found, memory) < 1e-13


def test_a_table_that_outgrows_its_bound_is_given_up(table, monkeypatch):
    """As where the first rows are in few cells and the rest is not."""
    monkeypatch.setattr(cell_formula, "LOOKED", 500)
    monkeypatch.setattr(cell_moments, "MOST", 20)
    stream = streamed(table, FORMULAS[0])
    dense = stream.moments
    assert stream.read.cells == 0
    assert dense.rows == N
    with pytest.raises(TooManyCells):
        Grouped.of([np.arange(3.0)], None, [], 2)


LIKELIHOODS = (
    (br.Poisson(), "claims ~ C(g)*d + f", {"exposure": "years"}),
    (br.Bernoulli(), "won ~ C(g) + I(d**2)", {"weights": "w"}),
    (br.NegativeBinomial(shape=2.0), "claims ~ g + offset(log(years))", {}),
)


def log_likelihood(problem, beta, intercept):
    design = problem.design
    eta = design.known.added_to(design.X @ beta + intercept, -1)
    facts = {**problem.known, **design.known.facts(-1)}
    return design.frequencies @ problem.likelihood.log_density(design.y, eta, facts)


@pytest.mark.parametrize("likelihood, formula, beside", LIKELIHOODS)
def test_the_different_rows_have_the_likelihood_of_all(
    likelihood, formula, beside, table, monkeypatch
):
    """To its constant, under any β."""
    model = br.Model(br.Normal(1.0), likelihood)
    memory = model.condition_formula(formula, table, **beside)
    monkeypatch.setattr(arrival, "SMALL", 100)
    cells = model.condition_formula(formula, pl.from_arrow(table).lazy(), **beside)
    assert cells.features == memory.features
    assert cells.design.n < 500
    assert f"in {cells.design.n} cells" in cells.design.origin
    beta = np.random.default_rng(5).normal(size=memory.design.p) / 3.0
    one, other = (log_likelihood(problem, beta, 0.2) for problem in (cells, memory))
    assert one == pytest.approx(other, rel=1e-13)
    np.testing.assert_allclose(br.fit_map(cells).beta, br.fit_map(memory).beta, rtol=1e-7)
    new = table.slice(0, 3)
    np.testing.assert_allclose(cells.design.encode(new), memory.design.encode(new))


def test_plain_columns_of_few_values_are_counted_too(table, monkeypatch):
    given = table.select(["d", "years", "won", "claims"])
    model = br.Model(br.Normal(1.0), br.Poisson())
    memory = model.condition(given, "claims", exposure="years")
    monkeypatch.setattr(arrival, "SMALL", 2_000)
    source = pl.from_arrow(given).lazy()
    cells = model.condition(source, "claims", exposure="years")
    assert cells.features == memory.features
    assert log_likelihood(cells, np.array([0.3, 0.1]), 0.2) == pytest.approx(
        log_likelihood(memory, np.array([0.3, 0.1]), 0.2), rel=1e-13
    )
    lost = cells.design.frequencies * 0.0 + 1.0
    assert abs(lost.sum() - N) > 1.0  # the control: without frequencies it is another one
    fits = br.compare({"a": br.Normal(1.0)}, source, "claims", exposure="years",
                      likelihood=br.Poisson(), seed=1, draws=20)  # fmt: skip
    assert fits["a"].problem.design.n == cells.design.n

    monkeypatch.setattr(different, "MOST", 200)
    wide = pl.from_arrow(table.select(["x", "d", "claims"])).lazy()
    assert model.condition(wide, "claims").stream is not None  # read in passes
    robust = br.Model(br.Normal(1.0), br.LaplaceNoise())
    with pytest.raises(br.NotSupported, match=r"Noise\(\) needs.*more than 200 different ones"):
        robust.condition(wide, "claims")
