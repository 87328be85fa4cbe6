"""Laws of the pictures of contours, regions and corners, read back from what is drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import bayesreg as br
from bayesreg.verbs.demonstrate.pair import minimisers
from tests.cases import CASES

DATA = br.load_dataset("diabetes")
PROBLEM = br.Model().condition(DATA.X, DATA.y, standardize=True)
PAIRS = [("bmi", "s3"), ("s5", "bp"), ("s1", "s2"), ("age", "sex")]


def drawn(panel, label):
    """The points of the one line of a label."""
    (line,) = [one for one in panel.get_lines() if one.get_label() == label]
    return line.get_xydata()


def two(problem, names):
    """X̃'X̃ and X̃'ỹ of two columns by rows, centred and divided here."""
    x = DATA.X[list(names)].to_numpy(float)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    y = np.asarray(DATA.y, dtype=float)
    return z.T @ z, z.T @ (y - y.mean())


@pytest.mark.parametrize("columns", PAIRS)
@pytest.mark.parametrize("share", [None, 0.02, 0.7])
def test_each_drawn_touch_satisfies_the_kkt_conditions(columns, share):
    """The drawn dot: on the drawn region, on the drawn contour, −∇ in λ∂P; another is not."""
    gram, xy = two(PROBLEM, columns)
    lam = None if share is None else share * np.max(np.abs(xy))
    found = br.demonstrate.geometry(PROBLEM, columns, lam=lam)
    panels = br.plot_geometry(found)

    centre = np.linalg.solve(gram, xy)
    rise = lambda b: 0.5 * np.einsum("ki,ij,kj->k", b - centre, gram, b - centre)  # noqa: E731
    for panel, one in zip(panels, found.panels, strict=True):
        dot, region = drawn(panel, "solution")[0], drawn(panel, "region")
        contour = panel.get_lines()[found.touched].get_xydata()
        np.testing.assert_allclose(drawn(panel, "least squares")[0], centre, rtol=1e-9)
        np.testing.assert_allclose(rise(contour), rise(dot[None])[0], rtol=1e-8)
        # The region lies inside of the contour that it touches, within the polygon's error.
        assert np.min(rise(region)) > (1.0 - 1e-9) * rise(dot[None])[0]
        pull = xy - gram @ dot
        assert holds_kkt(one, dot, pull)
        assert not holds_kkt(one, dot, pull + 0.02 * np.abs(pull[::-1]) * [1, -1]), "control"


def holds_kkt(one, b, pull, rtol=1e-6):
    """Whether −∇ of the loss lies in λ∂P(b), written out for each penalty."""
    lam, b2 = one.lam, np.linalg.norm(b)
    if one.kind in ("ridge", "group"):
        expected = lam * b / (1.0 if one.kind == "ridge" else b2)
        return np.allclose(pull, expected, rtol=rtol, atol=rtol * np.max(np.abs(pull)))
    size = (one.size - np.sum(np.abs(b))) / np.sum(b**2) if one.kind == "elastic_net" else 0.0
    rest = pull - 2.0 * size * lam * b  # P = ‖b‖₁ + size·‖b‖²
    on = b != 0.0
    return np.allclose(rest[on], lam * np.sign(b[on]), rtol=rtol) and np.all(
        np.abs(rest[~on]) <= lam
    )


def test_by_default_the_corner_holds_the_second_coefficient():
    """A wedge of 90° with −∇ inside, said in numbers; along an edge there is one normal."""
    found = br.demonstrate.geometry(PROBLEM, ["bmi", "s3"])
    lasso, ridge, *_ = found.panels
    gram, xy = two(PROBLEM, ["bmi", "s3"])

    assert lasso.point[1] == 0.0 != ridge.point[1]
    assert lasso.width == pytest.approx(90.0)
    share = np.linalg.solve(lasso.cone.T, xy - gram @ lasso.point)
    assert np.all(share > 0.0), "−∇ is a positive combination of the outermost normals"
    assert "coefficient of s3 is exactly 0" in found.says
    edge = br.demonstrate.geometry(PROBLEM, ["bmi", "s3"], lam=100.0)
    assert [one.width for one in edge.panels] == [0.0] * 4
    assert "exactly 0 as long" not in edge.says


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.filterwarnings("ignore::bayesreg.BayesregWarning")
def test_minima_in_two_dimensions_are_those_of_the_solvers(case):
    """Against a certified optimum on any two columns that are not collinear."""
    gram, xy = np.zeros((2, 2)), np.zeros(2)
    for j in range(min(3, case.X.shape[1] - 1)):
        X = case.X[:, [j, j + 1]]
        options = {"standardize": True, "intercept": case.intercept, "weights": case.weights}
        flat = br.Model().condition(X, case.y, **options)
        gram, xy = flat.gram, flat.xy
        if not abs(gram[0, 1]) < (1 - 1e-9) * np.sqrt(gram[0, 0] * gram[1, 1]):
            continue
        for l1 in (0.05, 0.4, 1.1):
            lam = l1 * float(np.max(np.abs(xy)))
            fit = br.fit_map(
                br.Model(br.Laplace.from_lam(lam, sigma=1.0), br.Gaussian(1.0)).condition(
                    X, case.y, **options
                )
            )
            found = minimisers(gram, xy, lam, 0.0)
            np.testing.assert_allclose(found, fit.b, rtol=1e-7, atol=1e-9 * np.max(np.abs(xy)))
            assert np.array_equal(found == 0.0, fit.b == 0.0)


ONE_PER_LOSS = br.Model(br.Normal(1.0), br.Gaussian(54.0)).condition(
    DATA.X, DATA.y, standardize=True
)


@pytest.mark.parametrize("data", [(), (ONE_PER_LOSS, ["bmi", "s3"]), (ONE_PER_LOSS, ["s1", "s2"])])
def test_drawn_shares_are_within_their_error_of_the_probability(data):
    """4.5 Monte Carlo errors at each of 22 places (5 in 10⁶ each); half again of λ is not."""
    found = br.demonstrate.corners(*data, draws=8000)
    panel = br.plot_corners(found)[1]
    curves = [line.get_ydata() for line in panel.get_lines() if line.get_label() == "exact"]
    points = {bars.get_label(): bars[0].get_ydata() for bars in panel.containers}

    for exact, label in zip(curves, ("L1, exactly 0", "L2, |b| ≤ 0.1 se"), strict=True):
        error = np.sqrt(exact * (1 - exact) / found.draws) + 0.5 / found.draws
        assert np.all(np.abs(points[label] - exact) < 4.5 * error), label
    assert np.all(points["L2, exactly 0"] == 0.0)
    assert np.all(points["L1, |b| ≤ 0.1 se"] >= points["L1, exactly 0"])
    if len(data):
        other = br.demonstrate.corners(*data, lam=1.5 * found.lam, draws=2)
        far = np.abs(points["L1, exactly 0"] - other.exact_zero_l1)
        assert np.max(far / error_of(other.exact_zero_l1, found.draws)) > 6.0, "control"


def error_of(share, draws):
    return np.sqrt(share * (1 - share) / draws) + 0.5 / draws


def test_the_probability_of_a_zero_is_that_of_its_event():
    """Without correlation a product; P(both zero) by the bivariate normal on its rectangle."""
    from bayesreg.verbs.demonstrate.corners import _zero_l1

    normal = multivariate_normal
    gram, beta, sigma, lam = np.array([[2.0, 0.7], [0.7, 1.5]]), np.array([0.4, -0.8]), 1.3, 1.7
    law = normal(gram @ beta, sigma**2 * gram)
    corners = [law.cdf([a, b]) * np.sign(a * b) for a in (lam, -lam) for b in (lam, -lam)]
    both = sum(corners)
    first_alone = _zero_l1(gram[None], beta, sigma, lam)[0] - both
    swapped = _zero_l1(gram[None, ::-1, ::-1], beta[::-1], sigma, lam)[0] - both
    b = beta + sigma * np.random.default_rng(3).standard_normal((100_000, 2)) @ np.linalg.inv(
        np.linalg.cholesky(gram)
    )
    zero = minimisers(gram, b @ gram, lam, 0.0) == 0.0
    events = np.mean([zero[:, 1] & ~zero[:, 0], zero[:, 0] & ~zero[:, 1]], axis=1)
    for exact, share in zip((first_alone, swapped), events, strict=True):
        assert abs(exact - share) < 4.5 * error_of(exact, len(b))
    wrong = _zero_l1(gram[None], beta, 1.1 * sigma, lam)[0] - both
    assert abs(events[0] - wrong) > 6.0 * error_of(wrong, len(b)), "control"


REFUSED = [
    ((PROBLEM, ["bmi", "bmy"]), {}, "bmy.*did you mean 'bmi'"),
    ((PROBLEM, ["bmi"]), {}, "two different columns"),
    ((PROBLEM, ["bmi", "bmi"]), {}, "two different columns"),
    ((DATA.X,), {}, "takes a problem"),
    (
        (br.Model().condition(DATA.X[["bmi"]], DATA.y),),
        {},
        "two columns with a prior make the picture",
    ),
]


@pytest.mark.parametrize("name", ["geometry", "corners"])
@pytest.mark.parametrize("data, options, words", REFUSED)
def test_what_has_no_two_columns_is_refused(name, data, options, words):
    with pytest.raises(br.BadArgument, match=words):
        getattr(br, f"plot_{name}")(*data, **options)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"lam": 1e9}, "below max"),
        ({"lam": 0.0}, "lam must be positive"),
        ({"penalties": ["laso"]}, "did you mean 'lasso'"),
        ({"penalties": []}, "penalties is empty"),
    ],
)
def test_bad_arguments_of_the_geometry_are_refused(options, words):
    with pytest.raises(br.BadArgument, match=words):
        br.plot_geometry(PROBLEM, **options)


@pytest.mark.filterwarnings("ignore:some columns are exact linear")
def test_collinear_columns_and_other_likelihoods_are_refused():
    X = DATA.X[["bmi", "bp"]].assign(again=2.0 * DATA.X["bmi"] + 1.0)
    with pytest.raises(br.BadArgument, match="collinear"):
        br.demonstrate.geometry(br.Model().condition(X, DATA.y), ["bmi", "again"])
    yes = br.Model(br.Normal(1.0), br.Bernoulli()).condition(DATA.X, DATA.y > 150, standardize=True)
    with pytest.raises(br.NotSupported, match="yes_no, joint"):
        br.demonstrate.geometry(yes)


def test_long_names_and_many_columns_are_drawn():
    """Of 60 columns the two that say most; long names are shortened on the axes."""
    X = np.random.default_rng(1).standard_normal((80, 60))
    y = 0.3 * np.random.default_rng(2).standard_normal(80)
    names = [f"a measurement whose name is long, number {j}" for j in range(60)]
    frame = dict(zip(names, X.T, strict=True))
    problem = br.Model().condition(frame, X[:, 7] - 2 * X[:, 40] + y, standardize=True)
    found = br.demonstrate.geometry(problem)

    assert found.pair.names == (names[7], names[40])
    panel = found.plot()[0]
    assert len(panel.get_xlabel()) < 45
    assert dataclasses.is_dataclass(found)
