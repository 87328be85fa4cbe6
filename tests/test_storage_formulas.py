"""Laws of saved formulas: new rows are coded as at the fit, row labels keep their type, and what
was altered is refused before it can mislead or run."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning
from bayesreg.storage import load_payload, save_payload
from bayesreg.storage.values import Unsayable, from_json, to_json

RNG = np.random.default_rng(5)
N = 36
X = RNG.uniform(-2, 2, N)
FRAME = pd.DataFrame(
    {
        "y": X + RNG.standard_normal(N),
        "x": X,
        "big x (m²)": X + 4,
        "g": RNG.permutation(list("abc") * 12),
        "k": RNG.permutation([1, 2, 10] * 12),
        "flag": RNG.permutation([True, False] * 18),
        "rooms": pd.Categorical(RNG.permutation([1, 2, 10] * 12)),
        "band": pd.cut(X, [-3, -1, 0, 3]),
    }
)
MODEL = br.Model(br.Normal(1.0), br.Gaussian(1.0))
FORMULAS = [
    "y ~ C(g)", "y ~ g*x - 1", "y ~ rooms + band", "y ~ C(k):x", "y ~ scale(x)*g", "y ~ 1",
    "y ~ poly(x, 3)", "y ~ bs(x, df=5)", "y ~ cr(x, df=4)", "y ~ center(x):g + flag + C(flag)",
    "y ~ log(`big x (m²)`) + `big x (m²)`", "y ~ C(g, Treatment('b'))*x", "y ~ C(g, Sum)",
    "y ~ C(k, Helmert) + C(rooms, Poly)", "y ~ C(g, contr.custom([[1, 0], [0, 1], [-1, -1]]))",
    "y ~ np.exp(x) + I(x ** 2) + {x * 2}", "y ~ x.clip(-1, 1) + g.str.upper()", "y ~ 2:x",
    "y ~ np.where(x > 0, x, 0) + C(x > 0)", "y ~ hashed(g, levels=4)", "scale(y) ~ x",
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.breg"


@pytest.mark.filterwarnings("ignore:some columns are exact linear", "ignore:column 'hashed")
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_loaded_fit_predicts_from_the_original_frame(formula, path):
    fit = br.fit_map(MODEL.condition_formula(formula, FRAME))
    fit.save(path)
    new = FRAME.drop(columns="y").iloc[[7, 3, 30]]
    for back in (br.load(path), pickle.loads(pickle.dumps(fit))):
        assert np.array_equal(back.predict(new), fit.predict(new))
        assert back.problem.design.terms == fit.problem.design.terms
        assert np.array_equal(back.predict(new.iloc[:1]), fit.predict(new.iloc[:1]))
    back.save(path, overwrite=True)
    assert np.array_equal(br.load(path).predict(new), fit.predict(new))


def test_a_loaded_formula_refuses_what_the_fit_refused(path):
    br.fit_map(MODEL.condition_formula("y ~ rooms + g + x", FRAME)).save(path)
    back, new = br.load(path), FRAME.iloc[:3]
    with pytest.raises(BadData, match="has category 'z' in row 0"):
        back.predict(new.assign(g="z"))
    with pytest.raises(BadData, match="holds text, and held numbers at the fit"):
        back.predict(new.assign(x="1"))
    plain = new.assign(rooms=new["rooms"].astype(int))
    assert np.array_equal(back.predict(plain), back.predict(new))


def test_a_loaded_posterior_predicts_from_the_original_frame(path):
    post = br.sample(MODEL.condition_formula("y ~ C(g)*scale(x)", FRAME), seed=1, draws=50)
    post.save(path)
    assert np.array_equal(br.load(path).predict(FRAME), post.predict(FRAME))
    model = br.Model(br.Normal(1.0), br.Bernoulli())
    fit = br.fit_map(model.condition_formula("flag ~ C(g)*scale(x)", FRAME))
    fit.save(path, overwrite=True)
    assert np.array_equal(br.load(path).predict(FRAME), fit.predict(FRAME))


def test_a_loaded_posterior_knows_the_variables_of_its_formula(path):
    formula = "y ~ C(g)*scale(x) + rooms + flag + band"
    post = br.sample(MODEL.condition_formula(formula, FRAME), seed=1, draws=50)
    post.save(path)
    back = br.load(path)
    before, after = post.problem.design.frame, back.problem.design.frame
    pd.testing.assert_frame_equal(before, after, check_index_type=False, check_categorical=True)
    assert repr(br.comparisons(back, "g")) == repr(br.comparisons(post, "g"))


def test_a_formula_that_a_file_may_not_hold_is_said(path):
    fit = br.fit_map(MODEL.condition_formula("y ~ x.pow(2) + g", FRAME))
    with pytest.warns(BayesregWarning, match=r"could not be saved, for 'x.pow' .*pass new X with"):
        fit.save(path)
    back = br.load(path)
    with pytest.raises(BadData, match=r"'y ~ x.pow\(2\) \+ g' could not be saved.*'x.pow\(2\)'"):
        back.predict(FRAME)
    design = fit.problem.design
    coded = pd.DataFrame(design.X, columns=list(design.names))
    assert np.allclose(back.predict(coded), fit.predict(FRAME), rtol=1e-13, atol=1e-13)
    back.save(path, overwrite=True)
    with pytest.raises(BadData, match="could not be saved"):
        br.load(path).predict(FRAME)


LABELS = {
    "datetime64": pd.date_range("2020", periods=N),
    "with a zone": pd.date_range("2020", periods=N, tz="Europe/Zurich"),
    "timedelta64": pd.timedelta_range(0, periods=N),
    "int": pd.Index(range(5, 5 + N)),
    "float": np.arange(N) / 2,
    "str": [f"r{i}" for i in range(N)],
    "bool": np.arange(N) % 2 == 0,
    "tuples": pd.MultiIndex.from_product([["a", "b"], range(N // 2)]),
    "intervals": pd.interval_range(0, N),
    "dates": [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(N)],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_row_labels_keep_their_type(labels, path):
    fit = br.fit_map(MODEL.condition_formula("y ~ x", FRAME.set_axis(labels, axis=0)))
    fit.save(path)
    before, after = fit.problem.design.index, br.load(path).problem.design.index
    assert before.dtype == after.dtype
    assert [type(one) for one in before] == [type(one) for one in after]
    assert np.array_equal(before, after)


def test_labels_without_a_form_are_said(path):
    fit = br.fit_map(
        MODEL.condition_formula("y ~ x", FRAME.set_axis(pd.period_range("2020", periods=N)))
    )
    with pytest.warns(BayesregWarning, match="row labels of type Period are saved as text"):
        fit.save(path)
    assert br.load(path).problem.design.index[0] == "2020-01-01"


def test_values_without_a_form_are_named():
    with pytest.raises(Unsayable, match="object"):
        to_json([1, object()])
    for wrong in ({"array": ["x"], "dtype": "<f8"}, {"array": [1], "dtype": "O"}, {"class": "os"}):
        with pytest.raises(BadData, match="malformed"):
            from_json(wrong)


HARMFUL = [
    "__import__('os').mkdir('run')", "x.to_csv('run')", "np.save('run', x)", "np.load('run')",
    "x.__class__", "(lambda: 1)()", "[a for a in x]", "np.linalg.inv(x)", "x.pipe(np.exp)",
    "eval('1')", "open('run')", "x.str.__class__", "np.fromfile('run')", "C(x)(1)", "x[0]",
]  # fmt: skip


@pytest.mark.parametrize("code", HARMFUL)
def test_code_in_a_file_is_not_run(code, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    br.fit_map(MODEL.condition_formula("y ~ exp(x)", FRAME)).save(path)
    payload = load_payload(path)
    meta = copy.deepcopy(payload.meta)
    for part in meta["design"]["formula"]["parts"]:
        for term in part["terms"]:
            term["factors"] = [
                [code, "python"] if m == "python" else [e, m] for e, m in term["factors"]
            ]
    save_payload(path, payload.kind, payload.arrays, meta, overwrite=True)
    with pytest.raises(BadData, match="does not hold a bayesreg result"):
        br.load(path)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


WRONG = [None, "x", -1, float("nan"), [], {}, True, 0, 10**30, ["x"], {"a": 1}]
GONE = object()


def places(record, at=()):
    """Every place in nested JSON; of lists the first three."""
    pairs = record.items() if isinstance(record, dict) else enumerate(record[:3])
    for key, value in pairs:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


def altered(payload, rng):
    """The payload with one field of another type or value, or gone; or one array misshapen."""
    arrays, meta = dict(payload.arrays), copy.deepcopy(payload.meta)
    if rng.random() < 0.2:
        name = rng.choice(sorted(arrays))
        old = arrays.pop(name)
        new = [
            None,
            old[:0],
            old[None],
            np.full_like(old, np.nan, dtype=float),
            old.astype(np.int8),
        ]
        pick = new[rng.integers(len(new))]
        return (arrays if pick is None else {**arrays, name: pick}), meta
    found = list(places(meta))
    where, here = found[rng.integers(len(found))], meta
    for key in where[:-1]:
        here = here[key]
    value = [*WRONG, GONE][rng.integers(len(WRONG) + 1)]
    if value is GONE:
        del here[where[-1]]
    else:
        here[where[-1]] = value
    return arrays, meta


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
def test_altered_files_are_refused_or_still_answer(path):
    """Whatever was changed under a right checksum: one of our errors, or a finite prediction."""
    labelled = FRAME.set_axis(pd.MultiIndex.from_product([["a", "b"], range(N // 2)]), axis=0)
    results = [
        br.fit_map(MODEL.condition_formula("y ~ scale(x)*g + rooms", labelled)),
        br.sample(
            br.Model().condition_formula("y ~ bs(x, df=4) + C(g, Sum)", FRAME), seed=1, draws=20
        ),
    ]
    rng, refused = np.random.default_rng(2), 0
    for result in results:
        result.save(path, overwrite=True)
        payload = load_payload(path)
        for _ in range(30):
            arrays, meta = altered(payload, rng)
            save_payload(path, payload.kind, arrays, meta, overwrite=True)
            try:
                assert np.isfinite(br.load(path).predict(FRAME.iloc[:3])).all()
            except (BadData, BadArgument):
                refused += 1
    assert refused > 30  # most of what is there matters


def test_pickled_estimators_and_comparisons_keep_the_formula():
    fits = br.compare({"ridge": br.Normal(1.0)}, formula="y ~ C(g)*x", data=FRAME, seed=1, draws=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = pickle.loads(pickle.dumps(fits))
    assert np.array_equal(back["ridge"].fit.predict(FRAME), fits["ridge"].fit.predict(FRAME))
