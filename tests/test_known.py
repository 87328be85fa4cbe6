"""Laws of what is known of rows: offset, exposure, trials and counts, through every door."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bayesreg as br
from bayesreg.data.moments import Moments
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from tests.cases import LIKELIHOODS

N = 40
COUNTS = [0, 1, 3, 2, 0, 5, 1, 2]
COLUMNS = np.column_stack([np.arange(8.0) % 5, np.cos(np.arange(8.0))])
TRIALS = np.array([6, 5, 4, 2, 3, 9, 1, 7])


def table():
    """A frame with everything that a model of counts can be told of."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=N),
            "time": rng.uniform(1.0, 9.0, N),
            "z": rng.normal(size=N),
            "g": rng.choice(list("abc"), N),
        },
        index=range(100, 100 + N),
    )
    frame["y"] = rng.poisson(frame.time * np.exp(0.3 * frame.x + 0.5 * frame.z))
    frame["won"], frame["lost"] = rng.integers(0, 4, N), rng.integers(1, 4, N)
    frame["n"] = frame.won + frame.lost
    return frame


FRAME = table()
POISSON = br.Model(br.Normal(1.0), br.Poisson())
BINOMIAL = br.Model(br.Normal(1.0), br.Binomial())
BESIDE = POISSON.condition_formula("y ~ x + C(g)", FRAME, offset=0.5 * FRAME.z, exposure="time")


# --- counts ----------------------------------------------------------------------------------

CONTAINERS = {
    "floats": np.array(COUNTS, dtype=float),
    "integers": np.array(COUNTS, dtype=np.int32),
    "unsigned": np.array(COUNTS, dtype=np.uint8),
    "list": COUNTS,
    "objects": np.array(COUNTS, dtype=object),
    "pandas": pd.Series(COUNTS, name="k", index=range(3, 11)),
    "pandas nullable": pd.Series(COUNTS, dtype="Int64"),
    "polars": pl.Series("k", COUNTS),
    "arrow": pa.chunked_array([COUNTS]),
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("model", ["Poisson", "NegativeBinomial", "Binomial"])
def test_counts_are_read_from_whatever_holds_them(model, name):
    likelihood = LIKELIHOODS[model].likelihood
    more = {"trials": TRIALS} if model == "Binomial" else {}
    problem = br.Model(br.Normal(1.0), likelihood).condition(COLUMNS, CONTAINERS[name], **more)
    assert np.array_equal(problem.design.y, np.array(COUNTS, dtype=float))


NO_COUNT = r"y\[2\] is {}, which is no count.*rate is a count with exposure=.*Gaussian"
BAD = {
    "negative": ("Poisson", [0, 1, -1, 2] * 2, {}, NO_COUNT.format("-1")),
    "fraction": ("NegativeBinomial", [0, 1, 0.5, 2] * 2, {}, NO_COUNT.format("0.5")),
    "measurement": ("Poisson", [4.0, 0, 2.25, 1.75] * 2, {}, NO_COUNT.format("2.25")),
    "missing": ("Poisson", [0, 1, None, 2] * 2, {}, "missing.*first in row 2"),
    "text": ("Poisson", ["a", "b"] * 4, {}, r"y holds text.*'a'.*br\.Bernoulli"),
    "text numbers": ("Poisson", list("01230123"), {}, "numbers as text.*to_numeric"),
    "labels under noise": ("StudentTNoise", ["a", "b"] * 4, {}, r"'a'.*br\.Bernoulli"),
    "counts as labels": ("Bernoulli", COUNTS, {}, r"5 different values.*counts are Poisson"),
    "shares": ("Binomial", [0.1, 0.5, 1, 0] * 2, {"trials": TRIALS}, r"y\[0\].*multiply it by tri"),
    "part": (
        "Binomial",
        [0, 2.5, 1, 0] * 2,
        {"trials": TRIALS},
        r"y\[1\] is 2.5.*no number of suc",
    ),
    "more than trials": ("Binomial", COUNTS, {"trials": [2] * 8}, r"y\[2\] is 3 of 2 trials"),
    "no trials": ("Binomial", COUNTS, {}, "pass trials=, or y as two columns"),
    "trials 0": ("Binomial", COUNTS, {"trials": [0] * 8}, r"trials\[0\] is 0.*leave out"),
    "trials half": ("Binomial", COUNTS, {"trials": [5.5] * 8}, r"trials\[0\] is 5.5.*whole"),
    "trials nan": ("Binomial", COUNTS, {"trials": [9, np.nan] * 4}, "trials has missing.*row 1"),
    "trials short": ("Binomial", COUNTS, {"trials": [9] * 7}, "8 rows and trials has 7"),
    "trials one": ("Binomial", COUNTS, {"trials": 9}, "trials is the number 9; give one for each"),
    "trials text": ("Binomial", COUNTS, {"trials": ["a"] * 8}, "trials holds text.*needs numbers"),
    "trials name": ("Binomial", COUNTS, {"trials": "n"}, "trials is the text 'n'.*ndarray"),
    "exposure 0": ("Poisson", COUNTS, {"exposure": [1, 0] * 4}, r"exposure\[1\] is 0.*above 0"),
    "exposure < 0": ("Poisson", COUNTS, {"exposure": [-1.0] * 8}, r"exposure\[0\] is -1"),
    "exposure inf": ("Poisson", COUNTS, {"exposure": [np.inf] * 8}, "exposure has infinite"),
    "exposure nan": ("Poisson", COUNTS, {"exposure": [np.nan] * 8}, "exposure has missing"),
    "offset nan": ("Gaussian", COUNTS, {"offset": [0.0, np.nan] * 4}, "offset has missing.*row 1"),
    "offset short": ("LaplaceNoise", COUNTS, {"offset": [0.0] * 7}, "8 rows and offset has 7"),
    "failures": ("Binomial", np.array([[1, -2]] * 8), {}, r"failures\[0\] is -2"),
    "nobody": (
        "Binomial",
        np.array([[1, 2], [0, 0]] * 4),
        {},
        r"trials\[1\] is 0.*leave out rows of none",
    ),
    "half": ("Binomial", np.array([[0.5, 0.5]] * 8), {}, r"successes\[0\] is 0.5"),
    "two text": ("Binomial", pd.DataFrame({"a": ["u"] * 8, "b": 1}), {}, "'a' of y holds text"),
    "two missing": ("Binomial", np.array([[1, np.nan]] * 8), {}, "column 'failures'.*row 0"),
    "two columns": ("Poisson", np.array([[1, 2]] * 8), {}, r"shape \(8, 2\).*one column"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_response_is_refused_with_its_row_and_the_cure(name):
    model, y, more, text = BAD[name]
    with pytest.raises(BadData, match=text):
        br.Model(br.Normal(1.0), LIKELIHOODS[model].likelihood).condition(COLUMNS, y, **more)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_what_means_nothing_is_refused(name):
    """Exposure belongs to counts, trials to successes."""
    kind = LIKELIHOODS[name]
    y = kind.draw(np.random.default_rng(1), np.linspace(-1, 1, 8))
    model = br.Model(br.Normal(1.0), kind.likelihood)
    for what, meant in (
        ("exposure", kind.likelihood.takes_exposure),
        ("trials", kind.likelihood.takes_trials),
    ):
        if not meant:
            with pytest.raises(NotSupported, match=f"takes no {what}="):
                model.condition(COLUMNS, y, **{what: np.full(8, 9.0)})
            frame = pd.DataFrame(COLUMNS, columns=["a", "b"]).assign(y=y, k=9.0)
            with pytest.raises(NotSupported, match=f"takes no {what}="):
                model.condition_formula("y ~ a", frame, **{what: "k"})


def test_the_row_that_is_named_is_the_callers():
    """By its label, and by its number where rows of weight 0 were left out before it."""
    y = pd.Series([0, 1, -1, 2] * 2, index=list("abcdefgh"))
    with pytest.raises(BadData, match=r"y\['c'\] is -1"):
        POISSON.condition(COLUMNS, y)
    w = np.array([0, 1, 1, 0, 1, 1, 1, 1])
    with pytest.raises(BadData, match=r"y\[5\] is 0.5"):
        POISSON.condition(COLUMNS, [0, 1, 2, 3, 1, 0.5, 1, 1], weights=w)


def test_rows_of_weight_zero_may_hold_anything():
    w = np.array([1.0, 1, 0, 1, 1, 1, 1, 1])
    y = np.array(COUNTS, dtype=float)
    kept = w > 0
    plain = POISSON.condition(COLUMNS[kept], y[kept], exposure=np.full(7, 2.0))
    y[2] = np.nan
    for bad in (0.0, np.nan, -3.0):
        exposure = np.where(kept, 2.0, bad)
        problem = POISSON.condition(COLUMNS, y, weights=w, exposure=exposure)
        assert np.array_equal(problem.design.y, plain.design.y)
        assert np.array_equal(problem.design.offset, plain.design.offset)
        frame = pd.DataFrame(COLUMNS, columns=["a", "b"]).assign(y=COUNTS, e=exposure)
        other = POISSON.condition_formula("y ~ a + b", frame, weights=w, exposure="e")
        assert np.array_equal(other.design.offset, plain.design.offset)


@pytest.mark.parametrize("stray", [2, np.nan, None, "b"])
def test_labels_of_rows_of_weight_zero_are_none_of_y(stray):
    """As numbers there: neither a third label nor a missing one; with a weight they are."""
    model = br.Model(br.Normal(1.0), br.Bernoulli())
    labels, w = [stray, 0, 1, 0, 1, 1, 0, 1], np.array([0.0, 1, 1, 1, 1, 1, 1, 1])
    plain = model.condition(COLUMNS[1:], labels[1:])
    frame = pd.DataFrame(COLUMNS, columns=["a", "b"]).assign(y=pd.Series(labels, dtype=object), w=w)
    doors = (
        model.condition(COLUMNS, labels, weights=w),
        model.condition(frame, "y", weights="w"),
        model.condition_formula("y ~ a + b", frame, weights="w"),
    )
    for problem in doors:
        assert problem.classes_ == plain.classes_ == (0, 1)
        assert np.array_equal(problem.design.y, plain.design.y)
    with pytest.raises(BadData, match=r"two labels|outcome has two|missing in row 0|order"):
        model.condition(COLUMNS, labels, weights=w + 1.0)


def test_labels_of_rows_must_agree():
    """At the fit and at new rows; equal lengths are not enough."""
    short = FRAME[["x"]]
    for what in ("offset", "exposure"):
        with pytest.raises(BadData, match="different pandas indexes"):
            POISSON.condition(short, FRAME.y, **{what: FRAME.time.reset_index(drop=True)})
    with pytest.raises(BadData, match="different pandas indexes"):
        BINOMIAL.condition(short, FRAME.won, trials=FRAME.n.iloc[::-1])
    fit = br.fit_map(POISSON.condition(short, FRAME.y, exposure=FRAME.time))
    with pytest.raises(BadData, match="different pandas indexes"):
        fit.predict(short, exposure=FRAME.time.iloc[::-1])
    assert np.all(fit.predict(short, exposure=FRAME.time) > 0.0)


# --- doors -----------------------------------------------------------------------------------


def test_every_way_to_say_successes_and_trials_is_one_problem():
    x = FRAME[["x"]]
    ways = [
        BINOMIAL.condition_formula("cbind(won, lost) ~ x", FRAME),
        BINOMIAL.condition_formula("cbind(won, n - won) ~ x", FRAME),
        BINOMIAL.condition_formula("won ~ x", FRAME, trials="n"),
        BINOMIAL.condition_formula("won ~ x", FRAME, trials=FRAME.n),
        BINOMIAL.condition(x, FRAME[["won", "lost"]]),
        BINOMIAL.condition(x, FRAME.won, trials=FRAME.n),
        BINOMIAL.condition(FRAME[["x", "won", "n"]], "won", trials="n"),
    ]
    bare = [
        BINOMIAL.condition(pl.from_pandas(x), pl.from_pandas(FRAME[["won", "lost"]])),
        BINOMIAL.condition(x.to_numpy(), FRAME[["won", "lost"]].to_numpy()),
        BINOMIAL.condition(x.to_numpy(), FRAME[["won", "lost"]].to_numpy().tolist()),
        BINOMIAL.condition({"x": x.x.to_numpy()}, pa.table(FRAME[["won", "lost"]].to_dict("list"))),
    ]
    first = br.fit_map(ways[0])
    for problem in (*ways, *bare):
        assert np.array_equal(problem.design.trials, FRAME.n)
        assert np.array_equal(br.fit_map(problem).b, first.b)
    assert {problem.design.y_name for problem in ways} == {"won"}
    assert bare[0].design.y_name == "won"
    assert all(problem.features == ("x",) for problem in ways)
    swapped = BINOMIAL.condition_formula("cbind(lost, won) ~ x", FRAME)
    np.testing.assert_allclose(br.fit_map(swapped).b, -first.b, rtol=1e-9)


def test_an_offset_in_a_formula_is_one_beside_it():
    """Several add up; the same fit, and the same predictions of new rows, which bring theirs."""
    inside = POISSON.condition_formula("y ~ x + C(g) + offset(log(time)) + offset(0.5 * z)", FRAME)
    assert inside.features == BESIDE.features
    np.testing.assert_allclose(inside.design.offset, BESIDE.design.offset, rtol=1e-14)
    one, other = br.fit_map(inside), br.fit_map(BESIDE)
    np.testing.assert_allclose(one.b, other.b, rtol=1e-12)
    new = FRAME.iloc[3:9].assign(time=2.0 * FRAME.time)
    expected = other.predict(new, offset=0.5 * new.z, exposure="time")
    np.testing.assert_allclose(one.predict(new), expected, rtol=1e-12)
    np.testing.assert_allclose(one.predict(new), 2.0 * one.predict(FRAME.iloc[3:9]), rtol=1e-12)
    assert not np.allclose(one.predict(new.assign(z=0.0)), expected, rtol=1e-3)


def test_what_an_offset_learns_it_remembers():
    """``center(z)`` by the mean of the fit, weights counted."""
    w = np.arange(N) % 3
    problem = POISSON.condition_formula("y ~ x + offset(center(z))", FRAME, weights=w)
    mean = np.average(FRAME.z, weights=w)
    np.testing.assert_allclose(problem.design.offset, (FRAME.z - mean)[w > 0], rtol=1e-12)
    made = problem.design.offset_of(FRAME.head(3))
    np.testing.assert_allclose(made, FRAME.z.head(3) - mean, rtol=1e-12)
    with pytest.raises(BadArgument, match=r"offset\(\.\.\.\).*weights that are no whole numbers"):
        POISSON.condition_formula("y ~ x + offset(scale(z))", FRAME, weights=w + 0.5)


def test_names_that_are_no_identifiers_serve_in_offsets_and_responses():
    frame = FRAME.rename(columns={"time": "years at risk", "won": "offset", "lost": "cbind"})
    one = POISSON.condition_formula("y ~ x + offset(log(`years at risk`))", frame)
    np.testing.assert_allclose(one.design.offset, np.log(FRAME.time))
    other = BINOMIAL.condition_formula("cbind(offset, cbind) ~ x", frame)
    assert np.array_equal(other.design.trials, FRAME.n)
    assert POISSON.condition_formula("y ~ offset + x", frame).features == ("offset", "x")


REFUSED = {
    "y ~ x + offset(z):x": (BadArgument, "offset.z.:x is no term"),
    "y ~ x + offset()": (BadArgument, "is no term"),
    "y ~ x + offset(z, time)": (BadArgument, "is no term"),
    "y ~ x + offset(g)": (BadData, "one column of numbers"),
    "y ~ x + offset(poly(z, 2))": (BadData, "one column of numbers"),
    "y ~ x + offset(z - z.mean())": (BadArgument, "computed from all rows"),
    "y ~ x + offset(log(z))": (BadData, r"offset\(log\(z\)\)"),
    "y ~ x + offset(nope)": (BadData, "no column 'nope'"),
    "y ~ x + offset(nope(z))": (BadArgument, "'nope', which is no function"),
    "cbind(won) ~ x": (BadArgument, r"cbind\(successes, failures\)"),
    "cbind(won, lost) ~ x": (NotSupported, r"belongs to br\.Binomial"),
}


@pytest.mark.parametrize("formula", REFUSED)
def test_formulas_that_say_nothing_sound_are_refused(formula):
    error, text = REFUSED[formula]
    with pytest.raises(error, match=text):
        POISSON.condition_formula(formula, FRAME)


def test_what_is_said_twice_is_refused():
    with pytest.raises(BadArgument, match=r"says it already.*add log\(exposure\)"):
        POISSON.condition_formula("y ~ x + offset(z)", FRAME, exposure="time")
    with pytest.raises(BadArgument, match=r"says it already.*leave trials= out"):
        BINOMIAL.condition_formula("cbind(won, lost) ~ x", FRAME, trials="n")
    fit = br.fit_map(POISSON.condition_formula("y ~ x + offset(log(time))", FRAME))
    with pytest.raises(BadArgument, match="leave offset= and exposure= out"):
        fit.predict(FRAME, exposure="time")
    with pytest.raises(BadArgument, match=r"Moments\.of\(X, y - offset\)"):
        br.Model().condition(Moments.of(COLUMNS, np.arange(8.0)), offset=np.ones(8))
    plain = FRAME[["x", "z", "time"]]
    with pytest.raises(BadData, match="offset and exposure both name the column 'time'"):
        POISSON.condition(plain, FRAME.y, offset="time", exposure="time")
    with pytest.raises(BadData, match="offset and exposure both name the column 'time'"):
        POISSON.condition_formula("y ~ x", FRAME, offset="time", exposure="time")
    with pytest.raises(BadData, match="y and weights both name the column 'time'"):
        POISSON.condition(plain, "time", weights="time")


def test_new_rows_need_what_the_fit_had():
    fit = br.fit_map(BESIDE)
    with pytest.raises(BadArgument, match=r"fitted with an offset.*pass exposure="):
        fit.predict(FRAME)
    inside = br.fit_map(POISSON.condition_formula("y ~ x + offset(log(time))", FRAME))
    with pytest.raises(BadData, match="no column 'time'"):
        inside.predict(FRAME[["x"]])


# --- averages over rows ------------------------------------------------------------------------


def test_margins_know_the_offset():
    """Predictions, comparisons and slopes with the offset of each row, against their definition."""
    inside = br.fit_map(POISSON.condition_formula("y ~ x + C(g) + offset(log(time))", FRAME))
    rates = inside.predict(FRAME)
    assert br.predictions(inside).table["estimate"].item() == pytest.approx(rates.mean())
    up = inside.predict(FRAME.assign(x=FRAME.x + 1.0))
    found = br.comparisons(inside, "x").table["estimate"].item()
    assert found == pytest.approx((up - rates).mean(), rel=1e-12)
    slope = br.slopes(inside, "x").table["estimate"].item()
    assert slope == pytest.approx(float(inside.beta["x"] * rates.mean()), rel=1e-9)
    # The offset's own variable has no coefficient: not varied unasked, and right when asked.
    assert set(br.slopes(inside).table["term"]) == {"x", "g"}
    by_time = br.slopes(inside, "time").table["estimate"].item()
    assert by_time == pytest.approx((rates / FRAME.time).mean(), rel=1e-6)
    ratio = br.comparisons(inside, {"time": (1.0, 3.0)}, comparison="ratio")
    assert ratio.table["estimate"].item() == pytest.approx(3.0, rel=1e-12)
    at = br.predictions(inside, at={"time": [1.0, 2.0]}).table["estimate"].to_numpy()
    assert at[1] == pytest.approx(2.0 * at[0], rel=1e-12)
    new = FRAME.head(7)
    there = br.predictions(inside, newdata=new).table["estimate"].item()
    assert there == pytest.approx(inside.predict(new).mean(), rel=1e-12)


def test_margins_of_an_offset_beside_the_rows():
    """At the fit's own rows; new rows have none, which is refused with the cure."""
    fit = br.fit_map(BESIDE)
    own = fit.predict(FRAME, offset=0.5 * FRAME.z, exposure="time").mean()
    assert br.predictions(fit).table["estimate"].item() == pytest.approx(own, rel=1e-12)
    with pytest.raises(NotSupported, match=r"y ~ x \+ offset\(z\)"):
        br.predictions(fit, newdata=FRAME)
    named = br.fit_map(POISSON.condition_formula("y ~ x + C(g)", FRAME, exposure="time"))
    found = br.predictions(named, newdata=FRAME.head(9)).table["estimate"].item()
    assert found == pytest.approx(named.predict(FRAME.head(9)).mean(), rel=1e-12)


@pytest.mark.parametrize(
    "name", ["Gaussian", *(n for n, k in LIKELIHOODS.items() if k.likelihood.link != "identity")]
)
def test_slopes_are_derivatives_of_the_mean_under_every_likelihood(name):
    """Against differences of predictions; the curvature of the loss would be another number."""
    kind = LIKELIHOODS[name]
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=60), "o": rng.normal(size=60)})
    frame["y"] = kind.draw(rng, 0.4 + 0.8 * frame.x.to_numpy() + 0.5 * frame.o.to_numpy())
    more = {"trials": np.full(60, 7.0)} if name == "Binomial" else {}
    model = br.Model(br.Normal(1.0), kind.likelihood)
    fit = br.fit_map(model.condition_formula("y ~ x + offset(0.5 * o)", frame, **more))
    h = 1e-5
    up, down = (fit.predict(frame.assign(x=frame.x + s)) for s in (h, -h))
    slope = br.slopes(fit, "x").table["estimate"].item()
    assert slope == pytest.approx(float((up - down).mean() / (2 * h)), rel=1e-6)


def test_of_successes_the_probability_of_one_is_averaged():
    fit = br.fit_map(BINOMIAL.condition(COLUMNS, np.minimum(COUNTS, TRIALS), trials=TRIALS))
    assert "of P(success)" in repr(br.slopes(fit))


# --- levels ------------------------------------------------------------------------------------


SIZES = [-1e9, *(pytest.param(size, marks=pytest.mark.slow) for size in (1e3, 1e12))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["Poisson", "Bernoulli", "StudentTNoise", "LaplaceNoise"])
def test_what_all_rows_share_is_the_intercepts_alone(name, size):
    """An offset of 1e12 in every row leaves the coefficients to rounding and draws as they are.

    As does a y of 1e9 about which noise of size 1 was not rounded away: both are put aside.
    """
    rng = np.random.default_rng(3)
    X, noise = rng.normal(size=(N, 3)), np.round(64.0 * rng.standard_t(3, N)) / 64.0
    measured = name.endswith("Noise")
    y = np.round(X[:, 0]) + noise if measured else (noise > 0.0) * 1.0
    kind = getattr(br, name)
    model = br.Model(br.Laplace(1.0), kind(sigma=1.0) if measured else kind())
    plain, beside = model.condition(X, y), model.condition(X, y, offset=np.full(N, size))
    fit, far = br.fit_map(plain), br.fit_map(beside)
    assert far.certificate.ok
    np.testing.assert_allclose(far.beta, fit.beta, rtol=1e-9, atol=1e-12)
    assert far.intercept + size == pytest.approx(fit.intercept, abs=1e-15 * abs(size))
    if measured and abs(size) < 1e12:  # sums of multiples of 1/64 are exact here
        far = br.fit_map(model.condition(X, y + size))
        np.testing.assert_allclose(far.beta, fit.beta, rtol=1e-9, atol=1e-12)
        assert far.intercept - size == pytest.approx(fit.intercept, abs=1e-15 * abs(size))


def test_draws_know_nothing_of_a_level():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, 2))
    y = rng.standard_t(3, N)
    model = br.Model(br.Normal(1.0), br.StudentTNoise(4.0, br.HalfNormal(1.0)))
    plain, far = (
        br.sample(model.condition(X, y, offset=offset), draws=50, chains=2, seed=1).draws
        for offset in (None, np.full(N, 1e9))
    )
    np.testing.assert_allclose(far.beta, plain.beta, rtol=0, atol=1e-9 * plain.beta.std())
    np.testing.assert_allclose(far.intercept + 1e9, plain.intercept, atol=1e-6)


# --- names -------------------------------------------------------------------------------------


def test_new_rows_bring_what_the_fit_had_by_name(tmp_path):
    """The column of an exposure is found in a new frame, also by a fit read from a file."""
    new = FRAME[["x", "time"]].head(5)
    expected = BR_TIME.predict(new[["x"]], exposure=new["time"].to_numpy())
    BR_TIME.save(tmp_path / "fit.breg")
    formula = POISSON.condition_formula("y ~ x", FRAME, exposure="time")
    for fit in (br.load(tmp_path / "fit.breg"), BR_TIME, br.fit_map(formula)):
        for frame in (new, pl.from_pandas(new)):
            np.testing.assert_allclose(fit.predict(frame), expected, rtol=1e-12)
        with pytest.raises(BadArgument, match="frame with 'time'"):
            fit.predict(new[["x"]])
    # What is said stands, for offset and exposure alike, and the column is then one too many.
    for said in ({"exposure": new["time"]}, {"offset": np.zeros(5)}):
        with pytest.raises(BadData, match="has 'time', unknown to the fit"):
            BR_TIME.predict(new, **said)
    # A series is named after the column that it was made of, and need not be that column.
    assert POISSON.condition(FRAME[["x"]], FRAME.y, exposure=2.0 * FRAME.time).design.beside == {}


def test_a_part_of_an_offset_is_not_the_offset():
    both = POISSON.condition(FRAME[["x", "time", "z", "y"]], "y", exposure="time", offset="z")
    fit = br.fit_map(both)
    new = FRAME[["x", "time", "z"]].head(4)
    beside = {"offset": new.z.to_numpy(), "exposure": new["time"].to_numpy()}
    np.testing.assert_allclose(fit.predict(new), fit.predict(new[["x"]], **beside), rtol=1e-12)
    with pytest.raises(BadData, match="part of the fit's offset, has no column 'z'"):
        fit.predict(new[["x", "time"]])


BR_TIME = br.fit_map(POISSON.condition(FRAME[["x", "time", "y"]], "y", exposure="time"))
