"""Arguments by the names that other libraries give them: an error that names ours."""

import inspect
import pickle

import pytest

import bayesreg as br
from bayesreg import estimators
from bayesreg.language.errors import UnknownArgument
from bayesreg.language.families import PICTURES

DATA = br.load_dataset("diabetes")
PROBLEM = br.Model(br.Normal(20.0)).condition(DATA.X, DATA.y, standardize=True)
POST = br.sample(PROBLEM, draws=50, seed=1)
FIT = br.fit_map(PROBLEM)
CLOSED = br.closed_form(PROBLEM.at(sigma=54.0))

# (what is called, the foreign name and a value, what the message must name)
MISNAMED = [
    (br.Normal, {"mu": 0.0}, "'loc'"),
    (br.Normal, {"sigma": 1.0}, "'scale'"),
    (br.Normal, {"alpha": 1.0}, "Normal.from_lam(lam=)"),
    (br.Laplace, {"b": 1.0}, "'scale'"),
    (br.Laplace, {"lam": 1.0}, "Laplace.from_lam(lam=, sigma=)"),
    (br.ElasticNet, {"lam": 1.0}, "ElasticNet.from_scales(laplace=, normal=)"),
    (br.ElasticNet, {"l1_ratio": 0.5}, "'mix'"),
    (br.StudentT, {"nu": 3.0}, "'df'"),
    (br.Bridge, {"power": 1.0}, "'q'"),
    (br.Horseshoe, {"tau": 1.0}, "'scale'"),
    (br.HalfNormal, {"sigma": 1.0}, "'scale'"),
    (br.HalfCauchy, {"beta": 1.0}, "'scale'"),
    (br.Exponential, {"lam": 1.0}, "'rate'"),
    (br.Exponential, {"scale": 2.0}, "1/scale"),
    (br.Gaussian, {"sd": 1.0}, "'sigma'"),
    (br.Normal.from_lam, {"alpha": 1.0}, "'lam'"),
    (br.Model, {"family": br.Gaussian()}, "'likelihood'"),
    (br.Model, {"lam": 1.0}, "from_lam"),
    (br.Model().condition, {"sample_weight": 1}, "'weights'"),
    (br.Model().condition, {"normalize": True}, "'standardize'"),
    (br.sample, {"random_state": 1}, "'seed'"),
    (br.sample, {"n_samples": 1}, "'draws'"),
    (br.sample, {"samples": 1}, "'draws'"),
    (br.sample, {"n_chains": 1}, "'chains'"),
    (br.sample, {"warmup": 1}, "'tune'"),
    (br.sample, {"sampler": "nuts"}, "'engine'"),
    (br.sample, {"target_accept": 0.9}, "settles its own steps"),
    (br.fit_map, {"max_iter": 1}, "certified"),
    (br.fit_map, {"random_state": 1}, "'seed'"),
    (br.path, {"alphas": [1.0]}, "'lams'"),
    (br.path, {"n_alphas": 10}, "'n'"),
    (br.compare, {"random_state": 1}, "'seed'"),
    (br.compare, {"sample_weight": 1}, "'weights'"),
    (br.choose, {"criterion": "bic"}, "'by'"),
    (br.simulate, {"n_samples": 9}, "'n'"),
    (POST.summary, {"hdi_prob": 0.9}, "'level'"),
    (POST.summary, {"ci": 0.9}, "'level'"),
    (POST.summary, {"prob": 0.9}, "'level'"),
    (POST.summary, {"alpha": 0.1}, "level=0.9"),
    (POST.predict, {"newdata": DATA.X}, "'X'"),
    (POST.predict, {"type": "linear"}, "'kind'"),
    (POST.plot, {"axes": None}, "'ax'"),
    (POST.contrast({"bmi": 1.0}).interval, {"prob": 0.9}, "'level'"),
    (CLOSED.interval, {"confidence": 0.9}, "'level'"),
    (estimators.BayesRegressor, {"seed": 1}, "'random_state'"),
    (estimators.BayesRegressor, {"n_samples": 1}, "'draws'"),
    (estimators.MapRegressor, {"alpha": 1.0}, "from_lam"),
    (estimators.MapRegressorCV, {"alphas": [1.0]}, "'lams'"),
    (br.sample, {"sede": 1}, "did you mean 'seed'"),
    (br.sample, {"xyzzy": 1}, "it takes problem, draws, chains, tune, engine, seed"),
]


@pytest.mark.parametrize(
    "function, given, named",
    [pytest.param(*row, id=f"{row[0].__qualname__} {min(row[1])}") for row in MISNAMED],
)
def test_a_foreign_name_is_answered_by_ours(function, given, named):
    with pytest.raises(UnknownArgument) as error:
        function(**given)

    assert named in str(error.value)
    assert min(given) in str(error.value)
    assert isinstance(error.value, TypeError | br.BadArgument)


def everything():
    for name in br.__all__:
        item = getattr(br, name)
        if name == "demonstrate":  # a room of many names
            yield from ((one, getattr(item, one)) for one in PICTURES)
        elif not (isinstance(item, type) and issubclass(item, Exception)):
            yield name, item
    yield from ((name, getattr(estimators, name)) for name in estimators.__all__)


RESULTS = {"Validation"}  # made by verbs alone, and never by a user
OTHERS = {"translate", "explain"}  # take the arguments of other libraries, and explain those


@pytest.mark.parametrize("name, item", [pytest.param(*row, id=row[0]) for row in everything()])
def test_every_public_callable_explains(name, item):
    """Or takes no argument at all; and its signature is still its own."""
    known = inspect.signature(item).parameters
    if known and name not in RESULTS | OTHERS:
        with pytest.raises(UnknownArgument, match="xyzzy"):
            item(xyzzy=1)

    assert not {"args", "kwargs"} & set(known)
    assert inspect.getdoc(item)


def test_priors_and_verbs_survive_pickling():
    for item in (br.Normal(2.0), br.sample, br.HalfCauchy(1.0), br.Model()):
        assert pickle.loads(pickle.dumps(item)) == item


def test_the_control_the_right_names_are_taken():
    assert br.Normal(scale=1.0, loc=2.0).loc == 2.0
    assert POST.summary(level=0.9).columns[2] == "eti90_lb"


def test_order_of_loc_and_scale_is_said():
    with pytest.raises(br.BadArgument, match=r"\(scale, loc\).*Normal\(2\)"):
        br.Normal(0, 2)


def test_an_unknown_of_no_likelihood_is_named():
    """What is passed on by name is not swallowed, whatever its value is."""
    data = br.load_dataset("diabetes")
    problem = br.Model(br.Normal(1.0)).condition(data.X, data.y, standardize=True)
    for call in (problem.at, problem.given):
        with pytest.raises(br.BadArgument, match="no unknown sigm; did you mean 'sigma'"):
            call(sigm="1")
        with pytest.raises(br.BadArgument, match="no unknown shape"):
            call(shape=None)
    post = br.sample(problem, draws=20, seed=1)
    with pytest.raises(TypeError, match="offsets"):
        post.posterior_predictive(offsets=data.y)
    with pytest.raises((br.BadArgument, br.BadData)):
        post.posterior_predictive(offset=data.y)


@pytest.mark.parametrize(
    "asked, ours",
    [
        ({"likelihood": "logit"}, "bernoulli"),
        ({"likelihood": "normal"}, "gaussian"),
        ({"likelihood": "neg_bin"}, "negative_binomial"),
        ({"likelihood": "laplace"}, "laplace_noise"),
        ({"prior": "gaussian"}, "normal"),
    ],
)
def test_families_by_the_names_of_other_programs_are_pointed_at(asked, ours):
    with pytest.raises(br.BadArgument, match=f"it is called '{ours}' here"):
        br.Model(**asked)


def test_what_is_no_label_is_refused():
    for wrong in ({"classes": ("a",)}, {"classes": ("a", "a")}, {"positive": ["a"]}):
        with pytest.raises(br.BadArgument, match="label"):
            br.Bernoulli(**wrong)
