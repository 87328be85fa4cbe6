"""Laws of cross-validation: refitting on rows, scikit-learn on the same folds, and bad folds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import bayesreg as br
from bayesreg.criteria import cross_validate, training_moments
from bayesreg.gaussian.ridge import leave_rows_out
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.solvers import coordinate_descent, lockstep
from bayesreg.solvers.path import solve_path
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

LAMS = np.array([5.0, 50.0, 0.5])


def refitted(X, y, w, rows, fit, lams):
    """Weighted squared error on `rows` of fits to all others, per λ: fit(X, y, w, λ) → predict."""
    rest = np.setdiff1d(np.arange(len(y)), rows)
    out = []
    for lam in lams:
        predict = fit(X[rest], y[rest], w[rest], lam)
        out.append(np.sum(w[rows] * np.square(y[rows] - predict(X[rows]))))
    return np.array(out)


def by_rows(cls, standardize):
    """The fit of a training set from its rows: centred, scaled, solved and undone."""

    def fit(X, y, w, lam):
        mean, sd = np.average(X, axis=0, weights=w), np.ones(X.shape[1])
        if standardize:
            sd = np.sqrt(np.average(np.square(X - mean), axis=0, weights=w))
        sd = np.where(sd > 0, sd, 1.0)
        Z = (X - mean) / sd
        level = np.average(y, weights=w)
        if cls is br.Normal:
            b = np.linalg.solve((Z.T * w) @ Z + lam * np.eye(Z.shape[1]), Z.T @ (w * (y - level)))
        else:
            problem = br.Model(br.Laplace.from_lam(lam, sigma=1.0), br.Gaussian(1.0)).condition(
                Z * np.sqrt(w)[:, None], (y - level) * np.sqrt(w), intercept=False
            )
            b = coordinate_descent.solve(problem).b
        return lambda new: level + (new - mean) / sd @ b

    return fit


@pytest.mark.parametrize("cls", [br.Normal, br.Laplace], ids=lambda c: c.__name__)
@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[3], CASES[5]], ids=str)
def test_cross_validation_is_refitting(case, cls):
    """Fold moments against fits to the rows of each training set, on the same folds."""
    problem = condition(case, br.Model(cls()))
    lams = np.array([50.0, 5.0, 0.5])
    found = cross_validate(problem, lams, 1.0, folds=5, seed=3)
    assert sorted(np.concatenate(found.folds).tolist()) == list(range(len(case.y)))
    fit, w = by_rows(cls, case.standardize), np.ones(len(case.y))
    sums = np.array([refitted(case.X, case.y, w, rows, fit, lams) for rows in found.folds])
    sizes = np.array([len(rows) for rows in found.folds])
    assert found.error == pytest.approx((sums / sizes[:, None]).mean(axis=0), rel=1e-7)
    assert found.lam == lams[np.argmin(found.error)]


def test_leaking_the_scale_would_show():
    """Negative control: standardising before splitting gives another curve."""
    case = CASES[1]
    lams = np.array([50.0, 5.0])
    right = cross_validate(condition(case, br.Model(br.Laplace())), lams, 1.0, folds=5, seed=3)
    Z = (case.X - case.X.mean(0)) / case.X.std(0)
    leaked = cross_validate(br.Model(br.Laplace()).condition(Z, case.y), lams, 1.0, folds=5, seed=3)
    assert np.max(np.abs(leaked.error / right.error - 1.0)) > 1e-5


def test_cross_validation_meets_scikit_learn():
    """Lasso on each training set by scikit-learn, λ the same number in each."""
    from sklearn.linear_model import Lasso

    data = br.load_dataset("diabetes")
    X, y = data.X.to_numpy(float), data.y.to_numpy(float)
    lams = np.array([3000.0, 300.0, 30.0])
    problem = br.Model(br.Laplace()).condition(X, y, standardize=True)
    found = cross_validate(problem, lams, 1.0, folds=4, seed=1)

    def fit(X, y, w, lam):
        mean, sd = X.mean(0), X.std(0)
        model = Lasso(alpha=lam / len(y), tol=1e-12, max_iter=100_000).fit((X - mean) / sd, y)
        return lambda new: model.predict((new - mean) / sd)

    w = np.ones(len(y))
    errors = [refitted(X, y, w, rows, fit, lams) / len(rows) for rows in found.folds]
    assert found.error == pytest.approx(np.mean(errors, axis=0), rel=1e-8)


def test_seed_settles_the_folds():
    """The same seed, the same folds; another seed, others."""
    problem = condition(CASES[0], br.Model(br.Laplace()))
    a, b, c = (cross_validate(problem, np.array([1.0]), 1.0, seed=s).folds for s in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not all(np.array_equal(x, y) for x, y in zip(a, c, strict=True))


def test_cross_validation_needs_rows():
    """Moments have none."""
    problem = condition(CASES[0], br.Model(br.Laplace()))
    bare = br.Model(br.Laplace()).condition(problem.moments)
    with pytest.raises(NotSupported, match="rows"):
        cross_validate(bare, np.array([1.0]), 1.0)


def diabetes(rows=442):
    """The data as arrays."""
    data = br.load_dataset("diabetes")
    return data.X.to_numpy(float)[:rows], data.y.to_numpy(float)[:rows]


def splitters():
    """Splitters of scikit-learn, as functions so that it is imported when they are asked for."""
    from sklearn import model_selection as ms

    return {
        "KFold": ms.KFold(4),
        "KFold shuffled": ms.KFold(7, shuffle=True, random_state=1),
        "RepeatedKFold": ms.RepeatedKFold(n_splits=3, n_repeats=2, random_state=2),
        "ShuffleSplit, rows in several test sets": ms.ShuffleSplit(5, random_state=3),
        "TimeSeriesSplit, rows in none": ms.TimeSeriesSplit(4),
        "GroupKFold": ms.GroupKFold(3),
        "LeaveOneGroupOut": ms.LeaveOneGroupOut(),
    }


@pytest.mark.parametrize("name", list(splitters()))
@pytest.mark.parametrize("cls", [br.Normal, br.Laplace], ids=lambda c: c.__name__)
def test_any_splitter_meets_scikit_learn(cls, name):
    """A pipeline that standardises each training set, scored by scikit-learn on the same splits."""
    from sklearn.linear_model import Lasso, Ridge
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = diabetes(120)
    groups = np.arange(120) % 6 if "Group" in name else None
    splitter, lams = splitters()[name], np.array([2000.0, 20.0, 200.0])
    problem = br.Model(cls()).condition(X, y, standardize=True)
    found = cross_validate(problem, lams, 1.0, folds=splitter, groups=groups, per_row=False)
    splits = list(splitter.split(X, y, groups))
    assert all(np.array_equal(a, b) for a, (_, b) in zip(found.folds, splits, strict=True))
    for k, lam in enumerate(lams):
        for j, (train, test) in enumerate(splits):
            one = (
                Ridge(lam)
                if cls is br.Normal
                else Lasso(lam / len(train), tol=1e-10, max_iter=10**6)
            )
            model = make_pipeline(StandardScaler(), one)
            score = cross_val_score(
                model, X, y, cv=[(train, test)], scoring="neg_mean_squared_error"
            )
            assert found.fold_error[j, k] == pytest.approx(-score[0], rel=1e-6)
    assert found.error == pytest.approx(found.fold_error.mean(axis=0), rel=1e-12)


def test_curve_of_lasso_cv():
    """LassoCV itself: λ = N·alpha and `per_row`, because it keeps λ/N in every training set."""
    from sklearn.linear_model import LassoCV

    X, y = diabetes()
    X = (X - X.mean(0)) / X.std(0)
    lams = np.geomspace(2e4, 20.0, 30)
    problem = br.Model(br.Laplace()).condition(X, y)
    for weights in (None, np.random.default_rng(0).integers(1, 4, 442).astype(float)):
        problem = br.Model(br.Laplace()).condition(X, y, weights=weights)
        found = cross_validate(problem, lams, 1.0, folds=7, seed=2, per_row=True)
        cv = [(np.setdiff1d(np.arange(442), rows), rows) for rows in found.folds]
        peer = LassoCV(alphas=lams / problem.n, cv=cv, tol=1e-11, max_iter=100_000)
        if weights is None:
            peer.fit(X, y)
            assert found.lam == pytest.approx(peer.alpha_ * problem.n, rel=1e-12)
            curves = peer.mse_path_
            assert found.fold_error == pytest.approx(curves.T, rel=1e-6)
            other = cross_validate(problem, lams, 1.0, folds=7, seed=2)
            assert np.max(np.abs(other.error / curves.mean(axis=1) - 1.0)) > 1e-4
        else:
            assert found.weights == pytest.approx([weights[rows].sum() for rows in found.folds])
            assert found.error == pytest.approx(found.fold_error.mean(axis=0), rel=1e-12)


def test_curve_of_elastic_net_cv():
    """Along a ray of fixed l1_ratio, each training set at the same λ/N."""
    from sklearn.linear_model import ElasticNetCV

    X, y = diabetes()
    X = (X - X.mean(0)) / X.std(0)
    lams = np.geomspace(2e4, 20.0, 10)
    problem = br.Model(br.ElasticNet()).condition(X, y)
    found = cross_validate(problem, lams, 1.0, folds=5, per_row=True, l1_ratio=0.4)
    cv = [(np.setdiff1d(np.arange(442), rows), rows) for rows in found.folds]
    peer = ElasticNetCV(alphas=lams / 442, l1_ratio=0.4, cv=cv, tol=1e-11, max_iter=100_000)
    curves = peer.fit(X, y).mse_path_
    assert found.fold_error == pytest.approx(curves.T, rel=1e-6)


def test_curve_of_ridge_cv():
    """RidgeCV with folds keeps λ itself, whatever the size of the training set."""
    from sklearn.linear_model import RidgeCV

    X, y = diabetes()
    lams = np.geomspace(1e3, 1e-3, 8)
    problem = br.Model(br.Normal()).condition(X, y)
    found = cross_validate(problem, lams, 1.0, folds=5, seed=4)
    cv = [(np.setdiff1d(np.arange(442), rows), rows) for rows in found.folds]
    for k, lam in enumerate(lams):
        peer = RidgeCV(alphas=[lam], cv=cv, scoring="neg_mean_squared_error").fit(X, y)
        assert found.error[k] == pytest.approx(-peer.best_score_, rel=1e-6)


by_row = partial(cross_validate, closed=leave_rows_out)


def test_leave_one_out_of_ridge_needs_no_refitting(monkeypatch):
    """Closed form and n refits agree, in order, with weights and Flat columns; and no path runs."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((30, 4)) + 2.0, rng.standard_normal(30)
    for weights in (None, rng.integers(1, 4, 30).astype(float)):
        prior = {"x1": br.Flat(), ...: br.Normal()}
        problem = br.Model(prior).condition(X, y, weights=weights)
        closed = by_row(problem, LAMS, 1.0, folds=30, seed=5)
        slow = cross_validate(problem, LAMS, 1.0, folds=closed.folds, solve=solve_path)
        assert closed.fold_error == pytest.approx(slow.fold_error, rel=1e-9)
        assert closed.error == pytest.approx(slow.error, rel=1e-9)
        if weights is None:
            per_row = by_row(problem, LAMS, 1.0, folds=30, seed=5, per_row=True)
            slow = cross_validate(problem, LAMS * 29 / 30, 1.0, folds=closed.folds)
            assert per_row.error == pytest.approx(slow.error, rel=1e-12)
    monkeypatch.setattr("bayesreg.criteria.fold_optima.solve_path", None)
    by_row(problem, LAMS, 1.0, folds=30)
    with pytest.raises(TypeError):
        by_row(problem, LAMS, 1.0, folds=29)


def test_training_set_that_fails_in_step_is_fitted_by_itself(monkeypatch):
    """Garbage that is marked as such changes nothing; unmarked (negative control), it shows."""
    X, y = diabetes(200)
    problem = br.Model(br.Laplace()).condition(X, y, standardize=True)
    right = cross_validate(problem, LAMS, 1.0, folds=4).fold_error
    whole = lockstep.solve
    for marked in (True, False):

        def spoilt(gram, c, lams, marked=marked):
            b, ok = whole(gram, c, lams)
            b[2] += 1.0
            ok[2] = not marked
            return b, ok

        monkeypatch.setattr(lockstep, "solve", spoilt)
        found = cross_validate(problem, LAMS, 1.0, folds=4).fold_error
        close = np.isclose(found, right, rtol=1e-9, atol=0.0).all(axis=1)
        assert close.tolist() == [True, True, marked, True]


@pytest.mark.parametrize("per_row", [False, True])
def test_proportions_of_the_columns(per_row):
    """`relative`: a column with twice the scale is one of twice the unit."""
    X, y = diabetes(150)
    X = (X - X.mean(0)) / X.std(0)
    r = np.geomspace(0.3, 3.0, 10)
    one = br.Model(br.Laplace(relative=r.tolist())).condition(X, y)
    two = br.Model(br.Laplace()).condition(X * r, y)
    a, b = (cross_validate(p, LAMS * 100, 1.0, folds=4, per_row=per_row) for p in (one, two))
    assert a.fold_error == pytest.approx(b.fold_error, rel=1e-9)
    plain = cross_validate(br.Model(br.Laplace()).condition(X, y), LAMS * 100, 1.0, folds=4)
    assert np.max(np.abs(plain.fold_error / a.fold_error - 1.0)) > 1e-3


def test_copies_of_a_row_stay_together():
    """Frequencies are repetitions that share a group; loose copies would leak into training."""
    rng = np.random.default_rng(8)
    X, y = rng.standard_normal((24, 3)), rng.standard_normal(24)
    w = rng.integers(1, 5, 24)
    many = np.repeat(np.arange(24), w)
    weighted = br.Model(br.Laplace()).condition(X, y, weights=w.astype(float), standardize=True)
    copies = br.Model(br.Laplace()).condition(X[many], y[many], standardize=True)
    lams = np.array([5.0, 0.5])
    found = cross_validate(weighted, lams, 1.0, folds=6, seed=1)
    tests = [np.flatnonzero(np.isin(many, rows)) for rows in found.folds]
    same = cross_validate(copies, lams, 1.0, folds=tests)
    assert found.fold_error == pytest.approx(same.fold_error, rel=1e-9)
    grouped = cross_validate(copies, lams, 1.0, folds=6, seed=1, groups=many)
    for rows in grouped.folds:
        assert not set(many[rows]) & set(np.delete(many, rows))
    loose = cross_validate(copies, lams, 1.0, folds=6, seed=1)
    assert loose.error[1] < 0.9 * grouped.error[1]


@pytest.mark.parametrize("prior", [br.Normal(), br.Laplace()], ids=["ridge", "lasso"])
def test_fractional_weights(prior):
    """Against refitting on rows with the same weights."""
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((40, 3)) + 1.0, rng.standard_normal(40)
    w = rng.uniform(0.3, 2.0, 40)
    problem = br.Model(prior).condition(X, y, weights=w, standardize=True)
    found = cross_validate(problem, LAMS, 1.0, folds=4)
    fit = by_rows(type(prior), True)
    sums = np.array([refitted(X, y, w, rows, fit, LAMS) for rows in found.folds])
    assert found.fold_error == pytest.approx(sums / found.weights[:, None], rel=1e-8)


def test_groups_are_balanced_and_whole():
    """Groups of unequal size: none is split, and no fold has much more than its share."""
    rng = np.random.default_rng(0)
    labels = np.repeat([f"g{k}" for k in range(20)], rng.integers(1, 12, 20))
    X = rng.standard_normal((len(labels), 2))
    problem = br.Model(br.Normal()).condition(X, X[:, 0] * X[:, 1])
    found = cross_validate(problem, [1.0], 1.0, folds=4, groups=labels, seed=3)
    sizes = [len(rows) for rows in found.folds]
    assert sum(sizes) == len(labels)
    assert max(sizes) - min(sizes) <= 11
    owner = [set(labels[rows]) for rows in found.folds]
    assert sum(map(len, owner)) == 20
    again = cross_validate(problem, [1.0], 1.0, folds=4, groups=labels, seed=4)
    assert {frozenset(o) for o in owner} != {frozenset(labels[rows]) for rows in again.folds}


def test_repeats_average_and_keep_the_standard_error():
    """The first repeat is that without repeats; the others do not shrink the standard error."""
    X, y = diabetes()
    problem = br.Model(br.Normal()).condition(X, y, standardize=True)
    one = cross_validate(problem, LAMS, 1.0, folds=5, seed=7)
    six = cross_validate(problem, LAMS, 1.0, folds=5, seed=7, repeats=6)
    assert six.fold_error.shape == (30, 3)
    assert six.fold_error[:5] == pytest.approx(one.fold_error, rel=1e-12)
    assert six.error == pytest.approx(six.fold_error.mean(axis=0), rel=1e-12)
    ses = [np.std(part, axis=0, ddof=1) / np.sqrt(5) for part in np.split(six.fold_error, 6)]
    assert six.se == pytest.approx(np.sqrt(np.mean(np.square(ses), axis=0)), rel=1e-10)
    assert one.se == pytest.approx(ses[0], rel=1e-10)
    naive = np.std(six.fold_error, axis=0, ddof=1) / np.sqrt(30)
    assert np.all(naive < 0.7 * six.se)


def test_one_standard_error_rule_by_definition():
    """The largest λ within one standard error of the minimum, in any order of λ's."""
    X, y = diabetes()
    problem = br.Model(br.Laplace()).condition(X, y, standardize=True)
    lams = np.geomspace(2e4, 10.0, 40)
    found = cross_validate(problem, lams, 1.0, seed=1)
    best = int(np.argmin(found.error))
    allowed = lams[found.error <= found.error[best] + found.se[best]]
    assert found.lam == lams[best]
    assert found.lam_1se == allowed.max() > found.lam
    order = np.random.default_rng(0).permutation(40)
    mixed = cross_validate(problem, lams[order], 1.0, seed=1)
    assert (mixed.lam, mixed.lam_1se) == (found.lam, found.lam_1se)
    assert mixed.error == pytest.approx(found.error[order], rel=1e-8)


def test_single_split_has_no_standard_error():
    """One training set and one test set: λ of the minimum for both rules."""
    X, y = diabetes()
    problem = br.Model(br.Normal()).condition(X, y)
    found = cross_validate(problem, LAMS, 1.0, folds=[(np.arange(300), np.arange(300, 442))])
    assert np.all(np.isnan(found.se))
    assert found.lam_1se == found.lam


def test_sums_keep_what_a_difference_loses(monkeypatch):
    """A column with one wild value: without that row its spread is 1e-18 of the whole's.

    Negative control: the whole minus the fold gives another error.
    """
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((60, 3)), rng.standard_normal(60)
    y += X[:, 1]
    X[7, 1] = 3e9
    problem = br.Model(br.Normal()).condition(X, y)
    fit, folds = by_rows(br.Normal, False), np.array_split(np.arange(60), 5)
    right = np.array([refitted(X, y, np.ones(60), rows, fit, LAMS) / 12 for rows in folds])
    found = cross_validate(problem, LAMS, 1.0, folds=folds)
    # In the first fold the prediction of row 7 is 3e9 times a coefficient: digits of that alone.
    assert found.fold_error[0] == pytest.approx(right[0], rel=1e-6)
    assert found.fold_error[1:] == pytest.approx(right[1:], rel=1e-6)
    whole = problem.moments

    def differences(parts, outside):
        return (whole - part for part in parts)

    monkeypatch.setattr(training_moments, "_all_but_one", differences)
    wrong = cross_validate(problem, LAMS, 1.0, folds=folds).fold_error
    assert np.any(np.abs(wrong[0] / right[0] - 1.0) > 1e-3)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("cls", [br.Normal, br.Laplace], ids=lambda c: c.__name__)
def test_columns_constant_in_a_training_set(cls, standardize):
    """A dummy that only the first fold has, and y constant in another training set."""
    rng = np.random.default_rng(9)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    X[:, 2] = 7.0
    X[:10, 2] += np.arange(10) % 2
    y[10:] = 3.0
    problem = br.Model(cls(), br.Gaussian(1.0)).condition(X, y, standardize=standardize)
    folds = np.array_split(np.arange(40), 4)
    found = cross_validate(problem, LAMS, 1.0, folds=folds)
    fit = by_rows(cls, standardize)
    right = np.array([refitted(X, y, np.ones(40), rows, fit, LAMS) / 10 for rows in folds])
    assert found.fold_error == pytest.approx(right, rel=1e-8)


@pytest.mark.parametrize("cls", [br.Normal, br.Laplace], ids=lambda c: c.__name__)
@pytest.mark.parametrize("n, p, folds", [(2, 1, 10), (3, 5, 3), (12, 8, 12), (30, 11, 2)])
def test_folds_smaller_than_columns(cls, n, p, folds):
    """Two rows, more columns than rows, and training sets that are nearly square."""
    rng = np.random.default_rng(n)
    X, y = rng.standard_normal((n, p)) + 3.0, rng.standard_normal(n)
    problem = br.Model(cls(), br.Gaussian(1.0)).condition(X, y)
    found = cross_validate(problem, LAMS, 1.0, folds=folds)
    fit = by_rows(cls, False)
    for rows, error in zip(found.folds, found.fold_error, strict=True):
        right = refitted(X, y, np.ones(n), rows, fit, LAMS) / len(rows)
        assert error == pytest.approx(right, rel=1e-7)


def test_nothing_to_explain_takes_the_largest_lam():
    """y = 0: every error is 0, and ties go to the simplest model."""
    X = np.random.default_rng(0).standard_normal((20, 2))
    problem = br.Model(br.Laplace(), br.Gaussian(1.0)).condition(X, np.zeros(20))
    found = cross_validate(problem, [1.0, 3.0, 2.0], 1.0)
    assert found.error == pytest.approx(0.0, abs=0.0)
    assert found.lam == found.lam_1se == 3.0


def test_flat_column_that_a_training_set_cannot_identify_is_named():
    """A dummy of one row under Flat: the error says which split and column."""
    X = np.column_stack([np.arange(8.0), np.r_[np.zeros(7), 1.0]])
    problem = br.Model({"x2": br.Flat(), ...: br.Laplace()}).condition(X, np.arange(8.0) ** 2)
    with pytest.raises(BadData, match=r"training set of split 3: column 'x2'"):
        cross_validate(problem, [1.0], 1.0, folds=np.array_split(np.arange(8), 4))


BAD_FOLDS = [
    (1, {}, "two folds"),
    (True, {}, "folds"),
    (2.5, {}, "folds"),
    ([], {}, "no split"),
    ([[0, 1], [99]], {}, "row 99"),
    ([[0, 0]], {}, "twice"),
    ([[]], {}, "non-empty"),
    ([[0.0, 1.0]], {}, "row numbers"),
    ([np.zeros(20, dtype=bool)], {}, "flatnonzero"),
    ([(np.arange(10), np.arange(9, 20))], {}, "row 9 in its training and its test set"),
    (5, {"groups": [1, 2]}, r"shape \(2,\)"),
    (5, {"groups": np.ones(20)}, "two groups"),
    (5, {"groups": [np.nan] + [1.0, 2.0] * 9 + [1.0]}, "row 0"),
    (5, {"repeats": 0}, "repeats"),
    ([[0, 1]], {"repeats": 2}, "repeats"),
    ([[0, 1]], {"groups": np.arange(20)}, "groups"),
]


@pytest.mark.parametrize("folds, more, message", BAD_FOLDS)
def test_bad_folds_are_refused(folds, more, message):
    """What is wrong, and with which rows."""
    X = np.random.default_rng(0).standard_normal((20, 2))
    problem = br.Model(br.Laplace()).condition(X, X[:, 0] + X[:, 1] ** 2)
    with pytest.raises(BadArgument, match=message):
        cross_validate(problem, [1.0], 1.0, folds=folds, **more)


def test_splitter_that_cannot_split_is_quoted():
    """More folds than rows, by scikit-learn's own words."""
    from sklearn.model_selection import KFold

    problem = condition(CASES[0], br.Model(br.Laplace()))
    with pytest.raises(BadArgument, match="cannot split these 60 rows"):
        cross_validate(problem, [1.0], 1.0, folds=KFold(61))
    for lams in ([-1.0, 2.0], [np.inf]):
        with pytest.raises(BadArgument, match="lams"):
            cross_validate(problem, lams, 1.0)


def uneven(seed=3):
    """As many rows as no number of folds divides."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((23, 4))
    return X, X @ [1.0, 0.5, 0.0, 0.0] + 2.0 * rng.standard_normal(23)


CHOSEN = {
    "every rule for ridge": (br.Normal(), lambda p: br.choose(p, folds=5).table["lam"]),
    "rules for the lasso": (
        br.Laplace(),
        lambda p: br.choose(p, ["cv", "cv-1se", "repeated-cv", "bic"], folds=5).table["lam"],
    ),
    "a ray": (br.ElasticNet(), lambda p: br.choose(p, "cv", l1_ratio=0.3, folds=5).table["lam"]),
    "hyper": (br.Laplace(), lambda p: br.fit_map(p, hyper="cv").beta),
    "hyper of a scale": (br.Cauchy(), lambda p: br.fit_map(p, hyper="cv").beta),
}


@pytest.mark.parametrize("name", list(CHOSEN))
def test_ones_are_no_weights(name):
    """Also where folds are of unequal size, and the data are those of any seed."""
    prior, answer = CHOSEN[name]
    for seed in (3, 4) if "ridge" not in name else (3, 4, 5, 6):
        X, y = uneven(seed)
        model = br.Model(prior)
        plain, ones = (model.condition(X, y, weights=w) for w in (None, np.ones(len(y))))
        assert np.asarray(answer(plain)) == pytest.approx(np.asarray(answer(ones)), rel=1e-9)


def test_ones_are_no_sample_weight():
    """The same of an estimator, by number of folds and by a splitter."""
    from sklearn.model_selection import KFold

    from bayesreg.estimators import MapRegressorCV

    X, y = uneven()
    for cv in (5, KFold(4)):
        one, two = (
            MapRegressorCV(br.Laplace(), cv=cv, random_state=1).fit(X, y, sample_weight=w)
            for w in (None, np.ones(len(y)))
        )
        assert one.lam_ == pytest.approx(two.lam_, rel=1e-12)
        assert one.cv_error_ == pytest.approx(two.cv_error_, rel=1e-9)


@pytest.mark.parametrize("prior", [br.Normal(), br.Laplace()], ids=["ridge", "lasso"])
@pytest.mark.parametrize("named", [False, True])
def test_rows_written_out_are_their_frequencies(prior, named):
    """The same folds at the same seed, if copies share a group, whatever that is called."""
    X, y = uneven()
    w = np.random.default_rng(2).integers(1, 5, len(y))
    many = np.repeat(np.arange(len(y)), w)
    labels = np.array([f"row {k}" for k in many]) if named else many
    model = br.Model(prior)
    weighted = model.condition(X, y, weights=w)
    copies = model.condition(X[many], y[many])
    by = ["cv", "cv-1se", "repeated-cv"]
    one, two = br.choose(weighted, by, folds=5), br.choose(copies, by, folds=5, groups=labels)
    assert one.table["lam"].to_numpy() == pytest.approx(two.table["lam"].to_numpy(), rel=1e-9)
    assert one.cross_validation.error == pytest.approx(two.cross_validation.error, rel=1e-9)
    loose = br.choose(copies, by, folds=5)  # negative control: copies leak into training
    assert loose.cross_validation.error.min() < 0.95 * two.cross_validation.error.min()


def test_folds_are_of_like_weight():
    """A row that counts ten times fills a fold as ten rows do."""
    X, y = uneven()
    w = np.where(np.arange(len(y)) < 3, 10.0, 1.0)
    problem = br.Model(br.Normal()).condition(X, y, weights=w)
    sizes = cross_validate(problem, [1.0], 1.0, folds=5, seed=0).weights
    assert sizes.sum() == w.sum()
    assert sizes.max() <= 11.0


@pytest.mark.parametrize("noise", [br.StudentTNoise(4.0, sigma=0.3), br.LaplaceNoise(sigma=0.3)])
@pytest.mark.parametrize("prior", [br.Laplace(0.2), br.ElasticNet(0.3), br.Normal(0.2)])
def test_under_noise_a_training_set_is_fitted_at_the_scale_of_that_noise(noise, prior):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 3))
    y = X @ [1.0, -0.5, 0.0] + 0.3 * rng.standard_t(2.0, 60)
    problem = br.Model(prior, noise).condition(X, y)
    lam = float(np.atleast_1d(problem.penalty.l1 if prior.kinked else problem.penalty.l2)[0])
    found = cross_validate(problem, [lam], 1.0, folds=4)

    def deviance(rows, model):
        rest = np.setdiff1d(np.arange(60), rows)
        fit = br.fit_map(model.condition(X[rest], y[rest]))
        eta = X[rows] @ fit.beta.to_numpy() + fit.intercept
        theta = {"sigma": 0.3, "df": 4.0}
        return -2.0 * float(np.mean(noise.log_density(y[rows], eta, theta)))

    model = br.Model(prior, noise)
    wanted = [deviance(rows, model) for rows in found.folds]
    assert found.fold_error[:, 0] == pytest.approx(wanted, rel=1e-4)
    if isinstance(noise, br.StudentTNoise):  # whose loss, unlike |y − η|, has σ in it
        scale = 0.3**2 if prior.kinked else 0.3  # the same λ's at σ = 1
        other = br.Model(type(prior)(prior.scale / scale), br.StudentTNoise(4.0, sigma=1.0))
        others = [deviance(rows, other) for rows in found.folds]
        assert np.max(np.abs(found.fold_error[:, 0] - others)) > 1e-2
