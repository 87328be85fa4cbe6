"""Laws of mixing densities: of log t alone come the marginal, its draws and the sampler's."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import bayesreg as br
from bayesreg.engines import base, gibbs
from bayesreg.engines.loops.local_variances import local_variances
from bayesreg.engines.loops.tables import with_slacks
from bayesreg.engines.loops.tabulated import WIDTH, draw_tabulated
from bayesreg.language.errors import NotSupported
from bayesreg.priors import ScaleMixture
from bayesreg.priors.mixing import LOW, NODES, STEP, Mixing, tabulated
from tests.cases import CASES, priors
from tests.test_engines import condition, ess
from tests.test_kernels import X2

Array = NDArray[np.float64]
H = br.HalfNormal(1.0)
GRID = LOW + STEP * np.arange(NODES)


def by_table(prior: Any) -> Any:
    """The same prior with nothing but the log density of its mixing law."""
    cls = type(prior)
    defaults = ("mixing", "sample_sds", "sd_node")
    body = {name: vars(ScaleMixture)[name] for name in defaults}
    bare = dataclass(frozen=True, repr=False)(type(cls.__name__, (cls,), body))
    return bare(**{f.name: getattr(prior, f.name) for f in dataclasses.fields(prior) if f.init})


def gives_density(prior: Any) -> bool:
    """Whether its mixing law has a density in log t that is written down."""
    return type(prior).log_mixing is not ScaleMixture.log_mixing


KNOWN = [prior for prior in priors() if gives_density(prior)]
LAWS = [br.Horseshoe(), br.HorseshoePlus(), br.StudentT(3.0), br.StudentT(0.7), br.NormalGamma(0.2),
        br.NormalGamma(2.6)]  # fmt: skip


@pytest.mark.parametrize("prior", KNOWN, ids=repr)
def test_the_marginal_of_the_mixture_is_the_density(prior: Any) -> None:
    """∫ N(u; 0, t) p(log t) d log t at scale 1, by trapezoids; and the law integrates to 1."""
    log_p = prior.log_mixing(GRID)
    assert abs(STEP * np.exp(log_p).sum() - 1.0) < 1e-8
    u = np.array([1e-3, 0.4, 1.0, 7.0, 300.0])
    with np.errstate(over="ignore"):
        inside = log_p - 0.5 * (GRID + np.square(u[:, None]) * np.exp(-GRID))
    found = np.logaddexp.reduce(inside, axis=1) + math.log(STEP / math.sqrt(2.0 * math.pi))
    expected = prior.log_density(prior.loc + u, 1.0)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    # Negative control: t twice as large.
    assert np.max(np.abs(found - prior.log_density(prior.loc + u / math.sqrt(2.0), 1.0))) > 0.1


def p_value(prior: Any, x: float, m: int, wrong: float = 1.0) -> float:
    """Of 4000 draws of t given x under their conditional distribution, at x·wrong."""
    bare, rng = by_table(prior), np.random.default_rng(4)
    t = local_variances(bare, np.full((4000, 1), x), np.array([m]), rng)[:, 0]
    y = np.linspace(np.log(t).min() - 25.0, np.log(t).max() + 25.0, 200_001)
    with np.errstate(over="ignore"):
        log_p = prior.log_mixing(y) - 0.5 * m * y - 0.5 * wrong * x * np.exp(-y)
    below = np.cumsum(np.exp(log_p - log_p.max()))
    return float(stats.kstest(np.interp(np.log(t), y, below / below[-1]), "uniform").pvalue)


@pytest.mark.parametrize("m", [1, 3, 40])
@pytest.mark.parametrize("prior", LAWS, ids=repr)
def test_tables_draw_the_conditional_law(prior: Any, m: int) -> None:
    """Smallest p-value over x, of eight; at x = 1e8 a light tail is narrow beside an interval."""
    assert min(p_value(prior, x, m) for x in X2) > 1e-5
    assert p_value(prior, 30.0, m, wrong=2.25) < 1e-5, "negative control"


@pytest.mark.parametrize("prior", LAWS, ids=repr)
def test_tables_draw_something_whatever_x_is(prior: Any) -> None:
    law, rng = with_slacks(tabulated(by_table(prior).log_mixing)), np.random.default_rng(5)
    for x in (0.0, 1e-320, 1e300, math.inf, math.nan):
        for m in (1.0, 40.0):
            t = np.array([draw_tabulated(law, x, m, rng) for _ in range(20)])
            assert np.all((t > 0.0) & np.isfinite(t)), (x, m)


def test_slacks_bound_the_law() -> None:
    """Over each interval of two levels no cubic between nodes rises above chord and slack."""
    prior = br.NormalGamma(2.6)
    law = with_slacks(tabulated(prior.log_mixing))
    shift = law[(NODES - 1) // 2] - prior.log_mixing(np.zeros(1))[0]
    cells = (NODES - 1) // WIDTH
    for level, place in ((0, cells // 2 + 3), (3, 8 * (cells // 2 + 3) + 5)):
        steps = WIDTH >> level
        left, slack = place * steps, law[NODES + cells * (2**level - 1) + place]
        share = np.linspace(0.0, 1.0, 997)
        exact = prior.log_mixing(GRID[left] + share * STEP * steps) + shift
        above = exact - law[left] - share * (law[left + steps] - law[left])
        assert 0.5 * slack < above.max() < slack


@pytest.mark.parametrize("prior", LAWS, ids=repr)
def test_sds_by_inversion_are_the_priors_own(prior: Any) -> None:
    scale, sizes, rng = np.full(20_000, 1.7), np.array([1, 3]), np.random.default_rng(6)
    own = prior.sample_sds(rng, scale, sizes)
    found = by_table(prior).sample_sds(rng, scale, sizes)
    for g in range(2):
        assert stats.ks_2samp(found[:, g], own[:, g]).pvalue > 1e-4
    assert stats.ks_2samp(1.2 * found[:, 0], own[:, 0]).pvalue < 1e-4, "negative control"


def test_a_law_that_changes_too_fast_for_its_table_is_refused() -> None:
    """Not sampled wrongly: a t that hardly varies."""
    with pytest.raises(NotSupported, match="give the prior a compiled law"):
        tabulated(br.StudentT(1e7).log_mixing)


@pytest.mark.parametrize(
    "prior, case",
    [
        pytest.param(br.Horseshoe(H), CASES[1], id="horseshoe, tall", marks=pytest.mark.slow),
        pytest.param(br.Horseshoe(H), CASES[3], id="horseshoe, wide", marks=pytest.mark.slow),
        pytest.param(br.StudentT(3.0, H), CASES[1], id="t, tall", marks=pytest.mark.slow),
    ],
)
def test_the_sampler_by_tables_is_the_compiled_one(prior: Any, case: Any) -> None:
    """Means and 5/50/95 % of β, log σ and log scale: 5 Monte Carlo standard errors of both."""
    bare = by_table(prior)
    assert bare.mixing == Mixing("tabulated")
    problems = [condition(one, case, br.HalfNormal(2.0)) for one in (prior, bare)]
    one, two = (
        base.run(gibbs, problem, draws=3000, chains=2, tune=200, seed=8 + k)
        for k, problem in enumerate(problems)
    )
    columns = range(0, one.beta.shape[-1], 7)
    pairs = [(one.beta[..., j], two.beta[..., j]) for j in columns]
    pairs += [(np.log(one.sigma), np.log(two.sigma)), (np.log(one.scale[..., 0]),
              np.log(two.scale[..., 0]))]  # fmt: skip
    assert max(worst(*pair) for pair in pairs) < 5.0
    # Negative control: a fifth of an sd.
    assert all(worst(a, b + 0.2 * b.std()) > 5.0 for a, b in pairs[-2:])


def worst(one: Array, two: Array) -> float:
    """The largest z of the differences of mean and three quantiles of two runs."""
    at = np.quantile(np.concatenate([one.ravel(), two.ravel()]), [0.05, 0.5, 0.95])
    forms = [(one, two), *(((one < q).astype(float), (two < q).astype(float)) for q in at)]
    errors = [math.hypot(*(x.std() / math.sqrt(ess(x)) for x in pair)) for pair in forms]
    return max(abs(a.mean() - b.mean()) / e for (a, b), e in zip(forms, errors, strict=True))
