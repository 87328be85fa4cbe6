"""R2D2 where there is no σ: what stands for it, by which doors, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesreg as br
from bayesreg.data.design import Design
from bayesreg.engines.prior import prior_draws
from bayesreg.estimators import BayesClassifier
from bayesreg.language.errors import BadArgument, Separated
from bayesreg.validation.trials import prepare
from tests.cases import LIKELIHOODS, responding
from tests.test_cli import run
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

WITHOUT = [name for name, kind in LIKELIHOODS.items() if not kind.likelihood.has_sigma]
PRIOR = br.R2D2(0.3, 5.0)


def problem_of(name, prior=PRIOR, case="weighted"):
    data = next(c for c in responding(name) if c.name == case)
    return condition(data, br.Model(prior, LIKELIHOODS[name].likelihood))


def pseudo(problem):
    """1/√(a row's expected information about η) at the mean of y, by the likelihood itself."""
    design, theta = problem.design, problem.known | problem.design.known.facts(-1)
    w, y = design.frequencies, design.y
    trials = w @ np.broadcast_to(theta.get("trials", 1.0), y.shape)
    half = 0.5 if problem.likelihood.link == "logit" else 0.0
    mean = (w @ y + half) / (trials + 2.0 * half)
    eta = np.log(mean / (1.0 - mean)) if half else np.log(mean)
    information = problem.likelihood.information(np.full(len(y), eta), theta)
    return 1.0 / np.sqrt(w @ np.broadcast_to(information, y.shape) / w.sum())


@pytest.mark.parametrize("name", WITHOUT)
def test_scale_squared_is_pseudo_variance_times_the_odds_of_r2(name):
    problem = problem_of(name)
    (block,) = problem.blocks
    sd = pseudo(problem)
    assert block.prior.pseudo_sigma == pytest.approx(sd, rel=1e-12)
    assert block.hyper == br.BetaPrimeSquared(1.5, 3.5, block.prior.pseudo_sigma)
    scale = prior_draws(problem, 600, 1)[0]["scale"][:, 0]
    r2 = scale**2 / (scale**2 + sd**2)
    assert stats.kstest(r2, stats.beta(1.5, 3.5).cdf).pvalue > 1e-3
    # Negative control: σ̃ a quarter larger.
    other = scale**2 / (scale**2 + (1.25 * sd) ** 2)
    assert stats.kstest(other, stats.beta(1.5, 3.5).cdf).pvalue < 1e-3


@pytest.mark.parametrize("name", WITHOUT)
def test_to_first_order_it_is_the_share_of_the_variance_of_y(name):
    """Var E(y | x) over Var y, for columns of sd 1 and effects that are small."""
    problem, rng = problem_of(name), np.random.default_rng(1)
    likelihood, theta = problem.likelihood, problem.known
    sd, small = problem.blocks[0].prior.pseudo_sigma, 0.02
    theta = theta | dict.fromkeys(problem.design.known.facts(-1), 7.0)
    level = float(likelihood.first_guess(problem.design.target, problem.design.frequencies, theta))
    eta = level + small * rng.standard_normal(20_000)
    between = np.var(likelihood.mean(eta, theta))
    within = np.mean(likelihood.variance(eta, theta) + 0.0 * eta)
    wanted = between / (between + within)
    assert small**2 / (small**2 + sd**2) == pytest.approx(wanted, rel=0.05)


def test_every_door_says_the_same(tmp_path):
    """Another prior of the same problem, a mapping, text, a formula, a file, the shell."""
    problem = problem_of("Poisson")
    design, hyper = problem.design, problem.blocks[0].hyper
    model, again = br.Model(PRIOR, br.Poisson()), problem_of("Poisson", br.Normal())
    columns = pd.DataFrame(design.X, columns=list("abc")).assign(y=design.y)
    options = {"weights": design.weights, "standardize": True}
    others = [
        again.given(prior=PRIOR),
        br.Model({...: PRIOR}, "poisson").condition(columns.drop(columns="y"), design.y, **options),
        br.Model("r2d2(mean=0.3, precision=5)", "poisson").condition(columns, "y", **options),
        model.condition_formula("y ~ a + b + c", columns, **options),
        br.Model.of(problem).condition(design, standardize=True),
    ]
    assert all(one.blocks[0].hyper == hyper for one in others)
    post = br.sample(problem, draws=60, chains=2, seed=1)
    post.save(tmp_path / "post.bayesreg")
    back = br.load(tmp_path / "post.bayesreg")
    assert back.problem.blocks[0].hyper == hyper
    said = f"σ̃ = {hyper.scale:.4g} in place of σ"
    assert all(said in text for text in (repr(problem), str(post.summary()), repr(back.problem)))


@pytest.mark.slow
def test_the_shell_and_the_report_say_it_too(tmp_path):
    problem, report = problem_of("Poisson", br.R2D2(), "tall"), tmp_path / "report.md"
    frame = pd.DataFrame(problem.design.X).add_prefix("x").assign(y=problem.design.y)
    frame.to_csv(tmp_path / "counts.csv", index=False)
    answer = run("compare", tmp_path / "counts.csv", "--target", "y", "--priors", "r2d2",
                 "--likelihood", "poisson", "--draws", "100", "--no-verify",
                 "--out", report)  # fmt: skip
    assert answer.exit_code == 0, answer.output
    sd = problem.blocks[0].prior.pseudo_sigma
    assert f"with σ̃ = {sd:.4g} in place of σ" in report.read_text()


def test_what_stands_for_sigma_can_be_said_and_is_refused_beside_one():
    said = br.R2D2(pseudo_sigma=1.7)
    assert problem_of("Poisson", said).blocks[0].hyper == br.BetaPrimeSquared(1.0, 1.0, 1.7)
    assert dataclasses.replace(said, loc=0.2).scale == said.scale
    with pytest.raises(BadArgument, match="pseudo_sigma stands for σ where there is none, and Gau"):
        br.Model(said)
    with pytest.raises(BadArgument, match="unit='sigma' means multiples of a noise sd"):
        br.Model(br.R2D2(unit="sigma"), br.Poisson())
    with pytest.raises(BadArgument, match="R2D2: pseudo_sigma must be positive"):
        br.R2D2(pseudo_sigma=0.0)


def test_a_tail_that_is_too_heavy_is_cured_by_what_r2d2_has():
    x = np.linspace(-1.0, 1.0, 20)[:, None]
    heavy = br.Model(br.R2D2(0.5, 1.0), br.Bernoulli())
    with pytest.raises(Separated, match=r"R2D2 with BetaPrime.* Give it a precision above 1$"):
        heavy.condition(x, x[:, 0] > 0)
    br.Model(br.R2D2(0.5, 1.1), br.Bernoulli()).condition(x, x[:, 0] > 0)


def test_a_copy_with_another_r2_has_its_scale():
    shell = BayesClassifier(br.R2D2()).set_params(prior__mean=0.3)
    assert shell.prior == dataclasses.replace(br.R2D2(), mean=0.3) == br.R2D2(0.3)
    said = dataclasses.replace(br.R2D2(pseudo_sigma=1.7), precision=4.0)
    assert said.scale == br.BetaPrimeSquared(2.0, 2.0, 1.7)
    with pytest.raises(BadArgument, match="takes no scale"):
        dataclasses.replace(br.R2D2(), scale=br.BetaPrimeSquared(2.0, 2.0))


@pytest.mark.parametrize("prior", [br.R2D2(), br.Horseshoe(expected_nonzero=1.0)], ids=repr)
def test_what_data_settle_is_settled_once_where_data_are_simulated(prior):
    """Else the prior of the fit would be another than that of the truth."""
    model = br.Model(prior, br.Poisson())
    trial = prepare(model, model, 24, 3, None, standardize=False, seed=1)
    many = trial.given(np.arange(24.0) * 9.0)
    assert many.blocks[0].hyper == trial.problem.blocks[0].hyper
    fresh = br.Model.of(many).condition(many.design, intercept=False)
    assert fresh.blocks[0].hyper != trial.problem.blocks[0].hyper


@pytest.mark.parametrize("prior", [br.Laplace(), br.Horseshoe(expected_nonzero=1.0)], ids=repr)
def test_another_prior_of_a_problem_is_as_if_it_had_been_there_from_the_start(prior):
    problem = problem_of("Bernoulli", br.Normal())
    (one,), (other,) = problem.given(prior=prior).blocks, problem_of("Bernoulli", prior).blocks
    assert (one.hyper, one.prior) == (other.hyper, other.prior)
    assert one.prior.unit == "y"


def test_moments_have_no_rows_and_so_a_sigma():
    design = Design.of(np.eye(5)[:, :2], np.arange(5.0))
    assert br.Model(br.R2D2()).condition(design.moments).blocks[0].prior.pseudo_sigma is None
