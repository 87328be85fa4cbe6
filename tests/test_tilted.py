"""Laws of the tilted engine: the bound, the envelope, its draws and when it refuses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy import stats

import bayesreg as br
from bayesreg.engines import base, gibbs
from bayesreg.gaussian import envelope, rejection, tilted
from bayesreg.gaussian.quadrature import integrate
from bayesreg.gaussian.tangent import Frame, reference, tangent, touch
from tests.cases import CASES, Case

Array = NDArray[np.float64]
HC = br.HalfCauchy
MIXED = {
    "c0": br.Laplace(HC(1.0), loc=0.2),
    "c1": br.Normal(0.4, unit="sigma"),
    "c2": br.ElasticNet(0.6, unit="sigma"),
    ...: br.ElasticNet(),
}
# (prior, σ or its prior): every way in which scales and σ enter.
FORMS: dict[str, tuple[Any, Any]] = {
    "Laplace": (br.Laplace(), None),
    "all known": (br.Laplace(0.5), 1.5),
    "σ known": (br.Laplace(), 1.5),
    "scale in the unit of y": (br.Laplace(0.5), None),
    "hyperprior in the unit of y": (br.Laplace(br.HalfNormal(1.0), unit="y"), br.HalfNormal(2.0)),
    "σ not conjugate": (br.Laplace(br.Exponential(2.0)), br.HalfCauchy(2.0)),
    "σ inverse gamma": (br.Laplace(br.Uniform(0.05, 2.0)), br.InverseGammaSquared(2.0, 3.0)),
    "elastic net": (br.ElasticNet(), None),
    "elastic net, scale known": (br.ElasticNet(0.3, unit="sigma"), None),
    "relative": (br.Laplace(relative=[1.0, 2.0, 0.5, 1.0]), br.Flat()),
    "mapping": (MIXED, None),
}


def condition(prior: Any, case: Case, sigma: Any = None) -> br.Problem:
    """A problem on a case; its warnings belong to the tests of the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return br.Model(prior, br.Gaussian(sigma)).condition(
            case.frame,
            case.y,
            standardize=case.standardize,
            intercept=case.intercept,
            weights=case.weights,
        )


def small(seed: int, n: int, p: int = 4) -> Case:
    """Columns with offsets, unequal sds and correlation."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * np.arange(1.0, p + 1) + 0.4 * rng.standard_normal((n, 1))
    y = 3.0 + X @ np.linspace(1.0, -0.2, p) + 1.3 * rng.standard_normal(n)
    return Case(f"small {n} x {p}", X + 5.0, y)


def ess(x: Array) -> float:
    """Effective draws in (chain, draw)."""
    return float(array_stats.ess(x, chain_axis=0, draw_axis=1, method="mean"))


CASE = small(3, n=40)


def built(problem: br.Problem, slope: Array | None = None) -> tuple[Frame, Any, Array, float]:
    """The envelope that touches at the MAP, or has the slopes given; log scales and σ there."""
    data = problem.quadratic.rows
    frame = Frame.of(problem, data)
    log_scale, sigma = reference(problem, frame, data)
    v, arrays = touch(problem, frame, log_scale, sigma)
    return frame, arrays if slope is None else tangent(frame, slope, v), log_scale, sigma


def log_posterior(problem: br.Problem, b: Array, sigma: float, scale: Array) -> float:
    """Log density of (b, log σ) given the scales, from its definition."""
    rss = problem.yy - 2.0 * b @ problem.xy + b @ problem.gram @ b
    value = -problem.nu * math.log(sigma) - 0.5 * rss / sigma**2
    unknown = iter(scale)
    for block in problem.blocks:
        size = problem.effective_scale(
            block, sigma, next(unknown) if block.scale is None else block.scale
        )
        loc = block.prior.loc
        value += float(np.sum(block.prior.log_density(b[block.columns] + loc, size)))
    if problem.sigma_prior is not None:
        value += problem.sigma_prior.log_density_of_log(math.log(sigma))
    return value


def log_tilt(problem: br.Problem, arrays: Any, log_scale: Array, b: Array, sigma: float) -> Array:
    """Log of the Gaussian envelope of (b, log σ), and of the weight, by plain NumPy."""
    columns, _, root, _, blocks, bounds = arrays
    _, target, slope, point, linear, square = columns
    prior, pair = problem.sigma_prior, (0.0, 0.0)
    if prior is not None and prior.inverse_gamma is not None:
        pair = prior.inverse_gamma
    rss = float(tilted._numbers(problem, Frame.of(problem, problem.quadratic.rows))[2])
    v, u = b / sigma, 1.0 / sigma
    lam = np.exp(-log_scale) * np.where(blocks[:, envelope.ABSOLUTE] > 0, sigma, 1.0)
    line, weight = 0.0, 0.0
    for rate, (j, k) in zip(lam, bounds, strict=True):
        r, s, q, x, v0 = linear[j:k], slope[j:k], square[j:k], v[j:k], point[j:k]
        along = rate * r * s @ x + rate**2 * q @ (v0 * (x - 0.5 * v0))
        weight += along - rate * r @ np.abs(x) - 0.5 * rate**2 * q @ (x * x)
        line += along
    rest = root.T @ v - u * target
    power = problem.nu + 2.0 * pair[0] + problem.p
    if prior is not None and prior.inverse_gamma is None:
        weight += prior.log_density_of_log(math.log(sigma))
    # Prior densities in the unit of y have no σ in front, and those of b/σ one for each column.
    power -= problem.p - _in_sigma(problem)
    return np.array([power * math.log(u) - 0.5 * rss * u * u - 0.5 * rest @ rest - line, weight])


def _in_sigma(problem: br.Problem) -> int:
    return sum(len(k.columns) for k in problem.blocks if k.prior.unit == "sigma")


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("where", ["at the MAP", "anywhere"])
def test_posterior_is_envelope_times_a_weight_below_one(name: str, where: str) -> None:
    rng = np.random.default_rng(len(name))
    for seed in range(4):
        problem = condition(FORMS[name][0], small(seed, n=12), FORMS[name][1])
        slope = None if where == "at the MAP" else rng.uniform(-1.0, 1.0, 4)
        frame, arrays, log_scale, sigma = built(problem, slope)
        log_scale = log_scale + np.array([b.scale is None for b in frame.blocks]) * rng.normal()
        scale = np.exp(log_scale)[[b.scale is None for b in frame.blocks]]
        differences = []
        for _ in range(20):
            noise = 1.0 if problem.sigma is not None else math.exp(rng.normal())
            v = arrays[0][0] / sigma + rng.normal(0, rng.choice([0.1, 3.0]), 4)
            b = np.empty(4)
            b[frame.order] = sigma * v
            above, weight = log_tilt(problem, arrays, log_scale, b[frame.order], sigma * noise)
            assert weight - _sigma_part(problem, sigma * noise) <= 1e-9 * (1 + abs(weight))
            differences.append(log_posterior(problem, b, sigma * noise, scale) - above - weight)
        size = max(np.abs(differences).max(), 1.0)
        assert np.ptp(differences) < 1e-8 * size + 1e-7


def _sigma_part(problem: br.Problem, sigma: float) -> float:
    """What of the weight is a prior of σ that is not conjugate."""
    prior = problem.sigma_prior
    if prior is None or prior.inverse_gamma is not None:
        return 0.0
    return prior.log_density_of_log(math.log(sigma))


def test_slopes_beyond_one_break_the_bound() -> None:
    problem = condition(br.Laplace(0.5, unit="sigma"), CASE)
    _, arrays, log_scale, _ = built(problem, np.array([1.5, 0.0, 0.0, 0.0]))
    b = np.array([3.0, 0.0, 0.0, 0.0])
    assert log_tilt(problem, arrays, log_scale, b, 1.0)[1] > 0.1


def test_envelope_touches_at_the_map() -> None:
    problem = condition(br.Laplace(0.02, unit="sigma"), CASE, 1.3)
    frame, arrays, log_scale, sigma = built(problem)
    v = arrays[0][envelope.POINT]
    lam = frame.spread(np.exp(-log_scale))
    top = arrays[0][envelope.CENTRE] / sigma - np.linalg.solve(
        frame.root.T @ frame.root, lam * arrays[0][envelope.SLOPE]
    )
    assert np.any(v == 0.0)
    assert np.max(np.abs(arrays[0][envelope.SLOPE])) <= 1.0
    assert np.allclose(top, v, atol=1e-10)
    assert log_tilt(problem, arrays, log_scale, v * sigma, sigma)[1] == pytest.approx(0, abs=1e-12)


# --- draws of one number ---------------------------------------------------------------------


def below(x: Array, log_density: Callable[[Array], Array], where: float) -> float:
    """z of the share of independent draws below the point of probability `where`."""
    low, high = np.array([np.log(x).min() - 1.0]), np.array([np.log(x).max() + 1.0])
    line = integrate(lambda t: log_density(np.exp(t)) + t, low, high)
    cut = np.exp(line.transport(0)(np.array([stats.norm.ppf(where)]))[0])
    return float((np.mean(x < cut) - where) / math.sqrt(where * (1 - where) / len(x)))


@pytest.mark.parametrize("where", [0.05, 0.5, 0.95])
@pytest.mark.parametrize(
    "k, A, B",
    [
        (1.0, 2.0, 0.0),
        (40.0, 3.0, -9.0),
        (40.0, 3.0, 300.0),
        (40.0, 3.0, 4.0),
        (0.3, 1e-6, 2.0),
        (1e4, 1.0, 5.0),
    ],
    ids=str,
)
def test_precision_is_drawn_exactly(k: float, A: float, B: float, where: float) -> None:
    rng = np.random.default_rng(4)
    x = rejection.power_normal(rng, k, A, np.full(20_000, B))

    def log_density(u: Array, power: float = k) -> Array:
        return np.asarray(power * np.log(u) - 0.5 * A * u * u - B * u)

    assert abs(below(x, log_density, where)) < 4.5
    assert abs(below(x, lambda u: log_density(u, 1.2 * k + 0.3), where)) > 4.5


@pytest.mark.parametrize("where", [0.05, 0.5, 0.95])
@pytest.mark.parametrize(
    "count, total, df, scale",
    [(2.0, 1e-6, 1.0, 1.0), (10.0, 55.0, 1.0, 0.2), (3.0, 400.0, 30.0, 2.0), (50.0, 9.0, 1.0, 1.0)],
    ids=str,
)
def test_scale_is_drawn_exactly(
    count: float, total: float, df: float, scale: float, where: float
) -> None:
    rng = np.random.default_rng(5)
    x = np.exp(rejection.half_t_scale(rng, count, np.full(20_000, total), df, scale))
    hyper = br.HalfStudentT(df, scale)

    def log_density(s: Array, total: float = total) -> Array:
        return np.asarray(-count * np.log(s) - total / s + hyper.log_density(s))

    assert abs(below(x, log_density, where)) < 4.5
    assert abs(below(x, lambda s: log_density(s, 1.5 * total), where)) > 4.5


def test_numbers_drawn_side_by_side_have_each_their_own_law() -> None:
    k, A, B = (np.repeat(x, 20_000) for x in ([2.0, 30.0, 50.0], [1.0, 0.5, 4.0], [3.0, 4.0, -9.0]))
    x = rejection.power_normal(np.random.default_rng(7), k, A, B).reshape(3, -1)
    for i, (power, curve, pull) in enumerate(
        zip(k[::20_000], A[::20_000], B[::20_000], strict=True)
    ):

        def log_density(u: Array, p: float = power, a: float = curve, b: float = pull) -> Array:
            return np.asarray(p * np.log(u) - 0.5 * a * u * u - b * u)

        assert abs(below(x[i], log_density, 0.5)) < 4.5
        assert abs(below(x[(i + 1) % 3], log_density, 0.5)) > 4.5


def test_what_is_not_a_number_is_not_looked_for_for_ever() -> None:
    rng = np.random.default_rng(6)
    assert math.isnan(rejection.power_normal(rng, 3.0, math.nan, 1.0))
    assert math.isnan(rejection.power_normal(rng, 3.0, 1.0, math.nan))
    assert math.isnan(rejection.half_t_scale(rng, 3.0, math.nan, 1.0, 1.0))


# --- draws -----------------------------------------------------------------------------------


def plain(setup: tilted.Setup, state: tilted.State, rng: Any, count: int) -> list[Array]:
    """One chain at a time, for one block with a known scale in units of an unknown σ."""
    numbers, columns, inverse, _, tilt, blocks, _ = setup.envelope
    centre, _, slope, _, linear, _ = columns
    k, A, lam = numbers[envelope.JOINT], numbers[envelope.RSS], math.exp(-state.log_scale[0, 0])
    B, shift, out = lam * blocks[0, envelope.PULL], lam * tilt[0, 0], []
    mode = 2.0 * k / (B + math.sqrt(B * B + 4.0 * A * k))
    u, v = float(state.u[0]), state.v[0]

    def log_weight(v: Array) -> float:
        return float(-lam * np.sum(linear * (np.abs(v) - slope * v)))

    for _ in range(count):
        for _ in range(int(numbers[envelope.TRIES])):
            while True:
                d = rng.standard_normal() / (mode * math.sqrt(A))
                if rng.standard_exponential() >= k * (d - math.log1p(d)):
                    break
            new = mode * (1.0 + d)
            z = np.array([rng.standard_normal() for _ in v]) - shift
            trial = new * centre + inverse.T @ z
            if rng.standard_exponential() >= log_weight(v) - log_weight(trial):
                u, v = new, trial
        out.append(np.append(v / u, 1.0 / u))
    return out


def test_chains_side_by_side_are_the_plain_one() -> None:
    """Three iterations from one start, of 20 000 chains and of 4000 one by one."""
    problem = condition(br.Laplace(0.3, unit="sigma"), CASE)
    setup = tilted.KERNEL.prepare(problem)
    state = tilted.KERNEL.start(setup, np.random.default_rng(1), 1, 20_000)
    rng = np.random.default_rng(3)
    rows = np.array([plain(setup, state, rng, 3)[-1] for _ in range(4000)])
    z = []
    for off in (0.0, 0.3):
        moved = replace(state, log_scale=state.log_scale + off)
        _, out = tilted.KERNEL.advance(setup, moved, np.random.default_rng(2), 3)
        one = np.column_stack([out["b"][-1], out["sigma"][-1]])
        z.append(np.abs(difference(one, rows)).max())
    assert z[0] < 4.5
    assert z[1] > 4.5  # another scale


def difference(one: Array, two: Array) -> Array:
    """z of means and mean squares of independent rows."""
    pairs = [(f(one), f(two)) for f in (np.asarray, np.square)]
    return np.array(
        [(a.mean(0) - b.mean(0)) / np.sqrt(a.var(0) / len(a) + b.var(0) / len(b)) for a, b in pairs]
    )


def quantities(run: base.Draws) -> dict[str, Array]:
    """Every unknown, (chain, draw)."""
    found = {f"β{j}": run.beta[:, :, j] for j in range(run.beta.shape[2])}
    found["intercept"] = run.intercept
    if run.problem.unknown_sigma:
        found["log σ"] = np.log(run.sigma)
    names = run.scale_labels
    return found | {f"log {k}": np.log(run.scale[:, :, i]) for i, k in enumerate(names)}


def worst(one: base.Draws, two: base.Draws) -> float:
    """Largest |z| of means, sds and 5, 50 and 95 % quantiles between two runs."""
    largest, other = 0.0, quantities(two)
    for name, x in quantities(one).items():
        y = other[name]
        both = np.concatenate([x.ravel(), y.ravel()])
        centre = both.mean()
        forms: list[Callable[[Array], Array]] = [lambda t: t, lambda t, c=centre: (t - c) ** 2]  # type: ignore[misc]
        forms += [lambda t, c=c: (t < c) * 1.0 for c in np.quantile(both, [0.05, 0.5, 0.95])]  # type: ignore[misc]
        for form in forms:
            a, b = form(x), form(y)
            error = math.sqrt(a.var() / ess(a) + b.var() / ess(b))
            largest = max(largest, abs(float(a.mean() - b.mean())) / error)
    return largest


@pytest.mark.parametrize("name", FORMS)
def test_agrees_with_gibbs(name: str) -> None:
    problem = condition(FORMS[name][0], CASE, FORMS[name][1])
    one = base.run(tilted, problem, draws=10_000, chains=2, seed=1)
    assert worst(one, base.run(gibbs, problem, draws=700, chains=2, tune=100, seed=2)) < 5.0


def test_without_the_weight_it_does_not_agree() -> None:
    problem = condition(br.Laplace(0.1, unit="sigma"), CASE)
    reference = base.run(gibbs, problem, draws=2000, chains=2, seed=2)
    right = tilted.KERNEL.prepare(problem)
    assert worst(base.run(tilted, problem, draws=10_000, chains=2, seed=1), reference) < 5.0
    columns = right.envelope[1].copy()
    columns[envelope.LINEAR] = 0.0  # no |b| − sb: every proposal is accepted
    wrong = replace(right, envelope=(right.envelope[0], columns, *right.envelope[2:]))
    tilted._EXAMINED[problem] = wrong
    assert worst(base.run(tilted, problem, draws=10_000, chains=2, seed=1), reference) > 5.0


def density_z(x: Array, log_density: Callable[[Array], Array]) -> float:
    """Largest |z| of the shares of draws (chain, draw) below the 5, 50 and 95 % points."""
    low, high = np.array([x.min()]), np.array([x.max()])
    line = integrate(log_density, low, high)
    cuts = line.transport(0)(stats.norm.ppf([0.05, 0.5, 0.95]))
    found = 0.0
    for where, cut in zip((0.05, 0.5, 0.95), cuts, strict=True):
        inside = (x < cut) * 1.0
        found = max(found, abs(inside.mean() - where) / math.sqrt(inside.var() / ess(inside)))
    return float(found)


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "control"])
def test_orthonormal_columns_are_independent(wrong: bool) -> None:
    rng = np.random.default_rng(8)
    n, sigma, scale = 30, 1.2, 0.6
    raw = np.column_stack([np.ones(n), rng.standard_normal((n, 5))])
    X = 3.0 * np.linalg.qr(raw)[0][:, 1:]
    y = 2.0 + X @ np.array([1.0, 0.0, -0.5, 0.4, 1.5]) + sigma * rng.standard_normal(n)
    problem = condition(br.Laplace(scale), Case("orthonormal", X, y), sigma)
    run = base.run(tilted, problem, draws=10_000, chains=2, seed=4)
    scale *= 1.2 if wrong else 1.0
    z = []
    for j in range(5):
        centre = X[:, j] @ y / 9.0

        def log_density(b: Array, centre: float = centre) -> Array:
            return np.asarray(-0.5 * (3.0 * (b - centre) / sigma) ** 2 - np.abs(b) / scale)

        z.append(density_z(run.beta[:, :, j], log_density))
    assert (max(z) > 5.0) == wrong


@pytest.mark.parametrize("slope", [0.0, 0.8], ids=["no signal", "signal"])
def test_scale_of_one_column_is_the_quadrature(slope: float) -> None:
    rng = np.random.default_rng(11)
    x = rng.standard_normal(20)
    y = slope * x + rng.standard_normal(20)
    problem = condition(br.Laplace(), Case("one column", x[:, None], y, intercept=False))
    run = base.run(tilted, problem, draws=40_000, chains=2, seed=5)
    # With u = 1/σ and w = b/σ: F(w) = ∫ u^(n − 1) exp(−½‖uy − wx‖²) du, tabulated.
    w, u = np.linspace(-4.0, 4.0, 1601), np.linspace(1e-3, 4.0, 800)[:, None]
    body = 19.0 * np.log(u) - 0.5 * u * u * (y @ y) + u * w * (x @ y) - 0.5 * w * w * (x @ x)
    table = np.exp(body - body.max()).sum(axis=0)
    # p(t | y) ∝ p(t) ∫ F(e^t e) ½e^(−|e|) de over the log scale t.
    t, e = np.linspace(-20.0, 8.0, 1401), np.linspace(-40.0, 40.0, 8001)
    mass = [np.interp(np.exp(s) * e, w, table, 0.0, 0.0) @ np.exp(-np.abs(e)) for s in t]
    hyper = np.exp([HC(1.0).log_density_of_log(s) for s in t])
    cumulative = np.cumsum(mass * hyper)
    log_scale, z = np.log(run.scale[:, :, 0]), []
    for where in (0.05, 0.5, 0.95):
        for wrong in (0.0, 0.5):
            cut = np.interp(where, cumulative / cumulative[-1], t) + wrong
            inside = (log_scale < cut) * 1.0
            z.append(abs(inside.mean() - where) / math.sqrt(inside.var() / ess(inside)))
    assert max(z[::2]) < 5.0
    assert min(z[1::2]) > 5.0


# --- the gate, seeds -------------------------------------------------------------------------


def diabetes(name: str = "diabetes", prior: Any = None) -> br.Problem:
    data = br.load_dataset(name)
    return br.Model(prior or br.Laplace()).condition(data.X, data.y, standardize=True)


def test_gate_opens_on_diabetes_and_shuts_on_its_interactions() -> None:
    assert tilted.supports(diabetes()) is None
    reason = tilted.supports(diabetes("diabetes64"))
    assert reason is not None
    assert "proposals were accepted" in reason
    assert "gibbs" in reason
    with pytest.raises(br.NotSupported, match="proposals were accepted"):
        base.run(tilted, diabetes("diabetes64"), seed=1)


@pytest.mark.parametrize(
    "prior, case, words",
    [
        (br.Horseshoe(), CASES[0], "Horseshoe on 'horseshoe' is neither"),
        ({"c0": br.Horseshoe(), ...: br.Laplace()}, CASES[0], "Horseshoe on 'c0'"),
        (br.Normal(), CASES[0], "engine 'direct'"),
        (br.Laplace(expected_nonzero=3), CASES[3], "there are 40 and 14"),
        (br.Laplace(), CASES[5], "collinear"),
    ],
    ids=["horseshoe", "one horseshoe", "normal", "wide", "twins"],
)
def test_what_is_not_supported_is_said(prior: Any, case: Case, words: str) -> None:
    problem = condition(prior, case)
    reason = tilted.supports(problem)
    assert reason is not None
    assert words in reason


def test_only_a_problem_that_may_be_served_is_examined_and_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[br.Problem] = []
    examine = tilted._examine
    monkeypatch.setattr(
        tilted, "_examine", lambda problem: calls.append(problem) or examine(problem)
    )  # type: ignore[func-returns-value]
    for prior in (br.Normal(), br.Horseshoe()):
        tilted.supports(condition(prior, CASES[0]))
    assert not calls
    problem = condition(br.Laplace(), CASES[0])
    tilted.supports(problem)
    assert tilted.KERNEL.prepare(problem) is tilted.KERNEL.prepare(problem)
    tilted.supports(problem)
    assert calls == [problem]


def test_verdict_and_draws_depend_on_problem_and_seed_alone() -> None:
    problem, again = diabetes(), diabetes()
    one, same, other = (
        base.run(tilted, k, draws=300, chains=2, seed=s, workers=w)
        for k, s, w in ((problem, 5, 1), (again, 5, 2), (problem, 6, 1))
    )
    assert tilted._examined(problem).acceptance == tilted._examined(again).acceptance  # type: ignore[union-attr]
    assert np.array_equal(one.beta, same.beta)
    assert np.array_equal(one.scale, same.scale)
    assert not np.any(one.beta == other.beta)
    assert not np.any(one.beta[0] == one.beta[1])


def test_blocks_of_any_length_make_one_chain() -> None:
    setup = tilted.KERNEL.prepare(diabetes())
    whole, parts = [], []
    for counts, found in (((60,), whole), ((1, 20, 39), parts)):
        rng = np.random.default_rng(9)
        state = tilted.KERNEL.start(setup, rng, 2, 3)
        for count in counts:
            state, out = tilted.KERNEL.advance(setup, state, rng, count)
            found.append(out["b"])
    # R(v − ub̂) is formed anew at the start of a block, to rounding.
    assert np.allclose(np.concatenate(whole), np.concatenate(parts), rtol=1e-9)
