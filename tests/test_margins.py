"""Laws of predictions, comparisons and slopes: each equals brute force on the draws."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning, NotSupported
from bayesreg.results import Posterior
from tests.synthetic_draws import synthetic

RNG = np.random.default_rng(21)
N = 60
FRAME = pd.DataFrame(
    {
        "x": RNG.uniform(1.0, 9.0, N),
        "z": RNG.normal(size=N),
        "g": RNG.permutation(list("pqqrrr") * 10),
        "c": pd.Categorical(RNG.permutation(["low", "high"] * 30), categories=["low", "high"]),
        "flag": RNG.permutation([True, False] * 30),
        "odd": RNG.permutation([0, 1] * 30),
    }
)
FRAME["y"] = FRAME["x"] * (1 + (FRAME["g"] == "q")) + FRAME["z"] ** 2 + RNG.normal(size=N)
FRAME["won"] = np.where(FRAME["y"] > FRAME["y"].median(), "yes", "no")
FORMULAS = {
    "plain": "x + z + g",
    "interaction": "x*g + c + flag",
    "transforms": "log(x)*g + poly(z, 2) + c:g + odd",
    "no intercept": "0 + g + x:c",
}
COUNTS = 1.0 + RNG.integers(0, 4, N)


def posterior(right, kind, weights=None):
    y = {"gaussian": "y", "bernoulli": "won"}[kind]
    likelihood = br.Gaussian() if kind == "gaussian" else br.Bernoulli()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        model = br.Model(br.Normal(2.0), likelihood)
        problem = model.condition_formula(f"{y} ~ {right}", FRAME, weights=weights)
    draws = synthetic(problem, seed=5, chains=2, length=50, kappa=None)
    spread = np.array([0.02, -0.03, 0.5, 1.0, -0.8, 0.3])
    beta = draws.beta * np.resize(spread, draws.beta.shape[-1])
    sigma = draws.sigma if kind == "gaussian" else np.ones((2, 50))
    return Posterior(dataclasses.replace(draws, beta=beta, sigma=sigma), "made up")


POSTS = {
    (name, kind): posterior(right, kind)
    for name, right in FORMULAS.items()
    for kind in ("gaussian", "bernoulli")
}
EVERY = pytest.mark.parametrize("name, kind", POSTS, ids=lambda v: v)


def mean(post, frame):
    """E(y) of each row under each draw, (chain, draw, rows), by the design's own coding."""
    eta = post.draws.beta @ post.problem.design.encode(frame).T + post.draws.intercept[..., None]
    return eta if post.problem.likelihood.link == "identity" else 1 / (1 + np.exp(-eta))


def close(found, expected):
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12 * max(1, np.abs(expected).max()))


@EVERY
def test_predictions_are_averages_of_the_rows_of_each_draw(name, kind):
    post = POSTS[name, kind]
    every = mean(post, FRAME)
    close(br.predictions(post).draws[..., 0], every.mean(axis=-1))
    close(br.predictions(post, by=False).draws, every)
    by = br.predictions(post, by="g")
    assert by.table["g"].tolist() == ["p", "q", "r"]
    for k, level in enumerate("pqr"):
        close(by.draws[..., k], every[..., FRAME["g"] == level].mean(axis=-1))
    table = by.table
    assert table.columns.tolist() == ["g", "estimate", "sd", "eti95_lb", "eti95_ub"]
    assert np.allclose(table["estimate"], by.draws.mean(axis=(0, 1)), rtol=1e-12)
    assert np.allclose(table["sd"], by.draws.reshape(100, -1).std(axis=0, ddof=1), rtol=1e-12)
    bounds = np.quantile(by.draws.reshape(100, -1), [0.05, 0.95], axis=0)
    assert np.allclose(by.summary(0.9)[["eti90_lb", "eti90_ub"]].T, bounds, rtol=1e-12)


@EVERY
def test_at_sets_values_in_every_row(name, kind):
    post = POSTS[name, kind]
    found = br.predictions(post, variables="g", at={"x": [2.0, 7.0]})
    assert found.table[["g", "x"]].values.tolist() == [[g, x] for g in "pqr" for x in (2.0, 7.0)]
    cells = [mean(post, FRAME.assign(g=g, x=x)).mean(axis=-1) for g in "pqr" for x in (2.0, 7.0)]
    close(found.draws, np.stack(cells, axis=-1))


@EVERY
def test_comparisons_are_differences_of_rows_coded_anew(name, kind):
    post = POSTS[name, kind]
    found = br.comparisons(post, ["g", "x"])
    assert found.table[["term", "contrast"]].values.tolist() == [
        ["g", "q − p"], ["g", "r − p"], ["x", "+1"],
    ]  # fmt: skip
    levels = [mean(post, FRAME.assign(g=g)) for g in "pqr"]
    step = mean(post, FRAME.assign(x=FRAME["x"] + 1)) - mean(post, FRAME)
    expected = [levels[1] - levels[0], levels[2] - levels[0], step]
    close(found.draws, np.stack([one.mean(axis=-1) for one in expected], axis=-1))
    ratio = br.comparisons(post, {"g": ("q", "r")}, comparison="ratio", by=False)
    assert ratio.table["contrast"][0] == "r / q"
    close(ratio.draws, levels[2] / levels[1])
    ends = br.comparisons(post, {"x": (2, 5)}, by="g").draws
    change = mean(post, FRAME.assign(x=5.0)) - mean(post, FRAME.assign(x=2.0))
    close(ends[..., 1], change[..., FRAME["g"] == "q"].mean(axis=-1))


@EVERY
def test_slopes_are_derivatives(name, kind):
    post = POSTS[name, kind]
    found = br.slopes(post, "x", by=False).draws
    h = 1e-4
    ahead, behind = (mean(post, FRAME.assign(x=FRAME["x"] + s)) for s in (h, -h))
    numeric = (ahead - behind) / (2 * h)
    assert np.allclose(found, numeric, rtol=1e-6, atol=1e-6)
    assert not np.allclose(1.01 * found, numeric, rtol=1e-6, atol=1e-6)  # the control
    close(br.slopes(post, "x").draws[..., 0], found.mean(axis=-1))


def test_slopes_of_what_is_linear_are_exact_and_a_step_is_used_as_given():
    post = POSTS["interaction", "gaussian"]
    beta = dict(zip(post.problem.features, np.moveaxis(post.draws.beta, -1, 0), strict=True))
    found = br.slopes(post, "x", by="g").draws
    for k, level in enumerate("pqr"):
        close(found[..., k], beta["x"] + beta[f"x:g[{level}]"])
    curved = POSTS["transforms", "gaussian"]
    given = br.slopes(curved, "x", by=False, eps=0.5).draws
    up, down = (mean(curved, FRAME.assign(x=FRAME["x"] + s)) for s in (0.5, -0.5))
    assert np.allclose(given, up - down, rtol=1e-10, atol=1e-10)
    # poly(z, 2) at 0 has points of a line about it: it is no line
    straight = br.slopes(curved, "z", at={"z": 0.0}).draws
    h = 1e-4
    up, down = (mean(curved, FRAME.assign(z=s)) for s in (h, -h))
    assert np.allclose(straight[..., 0], ((up - down) / (2 * h)).mean(axis=-1), rtol=1e-6)


@pytest.mark.parametrize("kind", ["gaussian", "bernoulli"])
def test_weights_count_in_averages_as_repeated_rows_do(kind):
    post = posterior("x*g + c", kind, COUNTS)
    repeated = FRAME.loc[np.repeat(np.arange(N), COUNTS.astype(int))]
    assert len(repeated) > N
    for verb in (br.predictions, br.comparisons, br.slopes):
        for by in (None, "g"):
            own, again = (verb(post, "x", rows, by=by) for rows in (None, repeated))
            close(own.draws, again.draws)
    named = FRAME.assign(w=COUNTS)
    for weights in ("w", COUNTS):
        close(
            br.predictions(post, newdata=named, weights=weights).draws, br.predictions(post).draws
        )
    assert not np.allclose(br.predictions(post, None, FRAME).draws, br.predictions(post).draws)


def test_a_row_of_weight_zero_has_no_say():
    weights = np.r_[np.ones(N), 0.0]
    more = pd.concat([FRAME, FRAME.iloc[:1].assign(x=1e3)], ignore_index=True)
    model = br.Model(br.Normal(2.0), br.Gaussian(1.0))
    fit = br.fit_map(model.condition_formula("y ~ x*g", more, weights=weights))
    alone = br.fit_map(model.condition_formula("y ~ x*g", FRAME))
    for verb in (br.predictions, br.comparisons, br.slopes):
        expected = verb(alone).table["estimate"]
        assert verb(fit).table["estimate"].tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def test_new_rows_a_typical_row_and_columns_that_no_term_reads():
    post = POSTS["interaction", "gaussian"]
    new = FRAME.iloc[[3, 1, 8, 9]].assign(site=["b", "a", "b", "b"])
    close(br.predictions(post, newdata=new, by=False).draws, mean(post, new))
    by = br.predictions(post, newdata=new, by="site")
    assert by.table["site"].tolist() == ["a", "b"]
    close(by.draws[..., 1], mean(post, new)[..., [0, 2, 3]].mean(axis=-1))
    one = br.predictions(post, newdata="mean", at={"flag": True})
    typical = pd.DataFrame({"x": [FRAME["x"].mean()], "g": ["r"], "c": ["low"], "flag": [True]})
    close(one.draws, mean(post, typical))


def test_every_kind_of_variable_is_varied():
    post = POSTS["interaction", "gaussian"]
    found = br.comparisons(post).table.set_index("term")["contrast"]
    assert found.to_dict() | {"g": ""} == {
        "x": "+1", "g": "", "c": "high − low", "flag": "True − False",
    }  # fmt: skip
    binary = br.comparisons(POSTS["transforms", "gaussian"], "odd").table
    assert binary["contrast"].tolist() == ["1 − 0"]
    pairs = br.comparisons(post, {"g": "pairwise"}).table["contrast"]
    assert pairs.tolist() == ["q − p", "r − p", "r − q"]
    steps = br.comparisons(post, {"g": "sequential", "x": "minmax"}).table["contrast"]
    assert steps.tolist() == ["q − p", "r − q", "max − min"]
    sd = br.comparisons(post, {"x": "sd"}, by="g").draws
    assert np.allclose(sd, br.slopes(post, "x", by="g").draws * FRAME["x"].std(ddof=0), rtol=1e-10)


def test_the_reference_is_the_one_that_the_formula_names():
    model = br.Model(br.Flat(), br.Gaussian(1.0))
    fit = br.fit_map(model.condition_formula("y ~ C(g, Treatment('q')) + x", FRAME))
    found = br.comparisons(fit, "g").table
    assert found["contrast"].tolist() == ["p − q", "r − q"]
    assert found["estimate"].tolist() == pytest.approx(fit.effects()["estimate"][:2].tolist())


def test_arrays_and_frames_of_numbers_have_their_columns_as_variables():
    X = FRAME[["x", "z"]].to_numpy()
    fit = br.fit_map(br.Model(br.Normal(3.0), br.Gaussian(1.0)).condition(X, FRAME["y"].to_numpy()))
    assert br.slopes(fit).table["estimate"].tolist() == pytest.approx(fit.beta.tolist(), rel=1e-12)
    assert br.predictions(fit, newdata=X[:3], by=False).table["estimate"].tolist() == pytest.approx(
        fit.predict(X[:3]).tolist()
    )
    assert br.comparisons(fit, {"x2": 2.0}).table["estimate"][0] == pytest.approx(
        2 * fit.beta.iloc[1]
    )


def test_columns_of_text_from_a_file_are_factors(tmp_path):
    from bayesreg.data.files import read
    from bayesreg.data.predictors import Roles, design, select

    path = tmp_path / "table.csv"
    FRAME[["y", "x", "g"]].to_csv(path, index=False)
    made = design(select(read(path)[0], Roles("y")))
    fit = br.fit_map(br.Model(br.Normal(1e3), br.Gaussian(1.0)).condition(made))
    same = br.fit_map(
        br.Model(br.Normal(1e3), br.Gaussian(1.0)).condition_formula("y ~ x + g", FRAME)
    )
    for verb in (br.predictions, br.comparisons, br.slopes):
        one, two = verb(fit).table, verb(same).table
        one, two = (t.sort_values(list(t.columns[:-1])) if len(t) > 1 else t for t in (one, two))
        assert one["estimate"].tolist() == pytest.approx(two["estimate"].tolist(), rel=1e-6)
    new = FRAME[["x", "g"]].iloc[:4]
    expected = same.predict(new)
    assert br.predictions(fit, newdata=new, by=False).table["estimate"].tolist() == pytest.approx(
        expected.tolist(), rel=1e-6
    )
    with pytest.raises(BadData, match="never saw"):
        br.predictions(fit, newdata=new.assign(g="t"))
    fit.save(tmp_path / "fit.npz")
    loaded = br.comparisons(br.load(tmp_path / "fit.npz")).table
    assert loaded.equals(br.comparisons(fit).table)


def test_columns_of_truth_values_are_true_and_false():
    frame = FRAME[["x", "flag"]]
    fit = br.fit_map(br.Model(br.Normal(3.0), br.Gaussian(1.0)).condition(frame, FRAME["y"]))
    found = br.slopes(fit).table
    assert found["contrast"].tolist() == ["dy/dx", "True − False"]
    assert found["estimate"].tolist() == pytest.approx(fit.beta.tolist(), rel=1e-12)
    assert br.comparisons(fit, newdata=frame[:5]).table["contrast"].tolist()[1] == "True − False"


def test_in_closed_form_mean_and_sd_are_exact_within_monte_carlo_error():
    problem = br.Model(br.Normal(2.0), br.Gaussian(1.0)).condition_formula("y ~ x*g + c", FRAME)
    post, exact = br.sample(problem, seed=9), br.closed_form(problem).exact
    encode = problem.design.encode
    cells = {
        "predictions": (encode(FRAME).mean(axis=0), 1.0, br.predictions(post)),
        "comparisons": (
            (encode(FRAME.assign(g="r")) - encode(FRAME.assign(g="p"))).mean(axis=0), 0.0,
            br.comparisons(post, {"g": ("p", "r")}),
        ),
        "slopes": (
            (encode(FRAME.assign(x=1.0)) - encode(FRAME.assign(x=0.0))).mean(axis=0), 0.0,
            br.slopes(post, "x"),
        ),
    }  # fmt: skip
    for weights, intercept, found in cells.values():
        location, scale = exact.linear(weights, intercept)
        row = found.table.iloc[0]
        assert abs(row["estimate"] - location[0]) < 4 * scale[0] / np.sqrt(4000)
        assert abs(row["sd"] / scale[0] - 1) < 4 / np.sqrt(8000)


def test_an_optimum_has_estimates_and_says_that_it_has_no_interval():
    fit = br.fit_map(POSTS["interaction", "bernoulli"].problem)
    found = br.predictions(fit, by="g")
    assert found.table.columns.tolist() == ["g", "estimate"]
    expected = pd.Series(fit.predict(FRAME)).groupby(FRAME["g"].to_numpy()).mean()
    assert found.table["estimate"].tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    assert "no interval" in repr(found)
    assert "no interval" in found._repr_html_()
    with pytest.raises(NotSupported, match="sample"):
        _ = found.draws
    with pytest.raises(NotSupported, match="sample"):
        _ = found[0]


def test_linear_is_on_the_scale_of_the_coefficients():
    post = POSTS["plain", "bernoulli"]
    beta = post.draws.beta[..., list(post.problem.features).index("x")]
    close(br.slopes(post, "x", kind="linear").draws[..., 0], beta)
    assert (br.predictions(post).table["estimate"] < 1).all()
    assert "P(yes)" in repr(br.predictions(post))


def test_a_result_is_drawn_and_asked_row_by_row():
    post = POSTS["interaction", "gaussian"]
    curve = br.predictions(post, {"x": [1.0, 4.0, 9.0], "g": list("pqr")})
    assert len(curve.table) == 9
    ax = curve.plot()
    assert len(ax.lines) == 3
    assert len(ax.collections) == 3
    drawn = br.comparisons(post).plot()
    assert drawn.get_yticklabels()[0].get_text() == "c: high − low"
    fit = br.fit_map(post.problem)
    drawn = br.predictions(fit, "x").plot()
    assert (len(drawn.collections), len(drawn.lines[0].get_xdata())) == (0, 50)
    row = br.comparisons(post, "x")[0]
    assert row.p_positive == np.mean(br.comparisons(post, "x").draws > 0)
    with pytest.raises(BadArgument, match="row of the table"):
        _ = br.comparisons(post, "x")[1]


REFUSED = {
    "unknown variable": (lambda p: br.comparisons(p, "X"), "did you mean 'x'"),
    "unknown by": (lambda p: br.predictions(p, by="w"), "no variable of the fit"),
    "unknown at": (lambda p: br.slopes(p, at={"w": 1}), "no variable of the fit"),
    "no value": (lambda p: br.predictions(p, at={"x": []}), "'x' has no value"),
    "unseen level": (lambda p: br.predictions(p, at={"g": "t"}), "never saw"),
    "unknown level": (lambda p: br.comparisons(p, {"g": ("p", "t")}), "no level of 'g'"),
    "no change": (lambda p: br.comparisons(p, {"x": 0}), "changed by a step"),
    "no such change": (lambda p: br.comparisons(p, {"g": 1}), "'pairwise'"),
    "no such comparison": (lambda p: br.comparisons(p, comparison="odds"), "comparison must"),
    "kind": (lambda p: br.predictions(p, kind="odds"), "kind must be"),
    "level": (lambda p: br.predictions(p, level=95), "level must lie"),
    "eps": (lambda p: br.slopes(p, "x", eps=0), "eps must be"),
    "slopes of changes": (lambda p: br.slopes(p, {"x": 1}), "comparisons takes changes"),
    "by no name": (lambda p: br.predictions(p, by=3), "by is a variable"),
    "weights alone": (lambda p: br.predictions(p, weights=np.ones(N)), "those of newdata"),
    "wrong rows": (lambda p: br.predictions(p, newdata=FRAME, weights=np.ones(3)), "60 rows"),
    "text": (lambda p: br.predictions(p, newdata="median"), "data frame or 'mean'"),
    "lacks a column": (
        lambda p: br.predictions(p, newdata=FRAME[["x", "g", "c"]]),
        "no column 'flag'",
    ),
    "no posterior": (lambda p: br.predictions(p.problem), "expected a Posterior"),
    "rows for names": (lambda p: br.predictions(p, FRAME), "rows to ask at are newdata="),
    "rows for values": (lambda p: br.predictions(p, at=FRAME), "rows to ask at are newdata="),
    "cells for names": (lambda p: br.comparisons(p, np.eye(4)), "rows to ask at are newdata="),
    "frame for names": (lambda p: br.slopes(p, FRAME), "rows to ask at are newdata="),
    "endless": (
        lambda p: br.predictions(p, "g", at={"x": np.arange(6e4)}),
        "3 of 'g' × 60000 of 'x' are 1.8e.05 combinations",
    ),
}


@pytest.mark.parametrize("ask, message", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_asked_is_refused_with_advice(ask, message):
    with pytest.raises((BadArgument, BadData), match=message):
        ask(POSTS["interaction", "gaussian"])


def test_a_transformation_without_a_value_names_the_variable_that_was_changed():
    with pytest.raises(BadData, match=r"with 'x' changed: .*log\(x\)"):
        br.comparisons(POSTS["transforms", "gaussian"], {"x": -5.0})


def test_without_the_variables_new_rows_are_asked_for(tmp_path):
    moments = br.Moments.of(FRAME[["x", "z"]], FRAME["y"])
    fit = br.fit_map(br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(moments))
    with pytest.raises(NotSupported, match="Moments"):
        br.predictions(fit)
    post = POSTS["interaction", "bernoulli"]
    post.save(tmp_path / "post.npz")
    loaded = br.load(tmp_path / "post.npz")
    frame = loaded.problem.design.frame
    assert frame.equals(post.problem.design.frame)
    for verb in (br.predictions, br.comparisons, br.slopes):
        close(verb(loaded).draws, verb(post).draws)
    design = dataclasses.replace(loaded.problem.design, frame=None)  # as of an earlier version
    problem = dataclasses.replace(loaded.problem, design=design)
    old = Posterior(dataclasses.replace(loaded.draws, problem=problem), "made up")
    with pytest.raises(NotSupported, match="newdata="):
        br.predictions(old)
    for verb in (br.predictions, br.comparisons, br.slopes):
        close(verb(old, newdata=FRAME).draws, verb(post, newdata=FRAME).draws)
