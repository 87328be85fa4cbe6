"""Laws of the data sets: the published numbers, and simulated data that are what they say."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from bayesreg.data.datasets import dataset_names, load_dataset, simulate
from bayesreg.data.formula import design_from_formula
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.likelihoods import Bernoulli, Poisson
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.model.model import Model
from bayesreg.priors import Flat
from bayesreg.verbs.fit import fit_map


def test_diabetes_is_the_published_data():
    sklearn = pytest.importorskip("sklearn.datasets")
    published = sklearn.load_diabetes(scaled=False, as_frame=True)
    data = load_dataset("diabetes")
    assert data.X.shape == (442, 10)
    assert list(data.X) == ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
    assert np.array_equal(data.X.to_numpy(), published.data.to_numpy())
    assert np.array_equal(data.y.to_numpy(), published.target.to_numpy())
    assert data.y.name == "progression"
    assert data.y.mean() == pytest.approx(152.1334841629, rel=1e-12)
    assert "Efron" in data.source
    assert "original units" in data.description


def test_diabetes64_has_the_columns_of_efron_et_al():
    base, data = load_dataset("diabetes"), load_dataset("diabetes64")
    assert data.X.shape == (442, 64)
    assert list(data.X)[:10] == list(base.X)
    assert sum(name.endswith("^2") for name in data.X) == 9
    assert sum(":" in name for name in data.X) == 45
    assert "sex^2" not in data.X
    z = (base.X - base.X.mean()) / base.X.std(ddof=0)
    assert np.allclose(data.X["bmi^2"], z["bmi"] ** 2, rtol=1e-12)
    assert np.allclose(data.X["age:sex"], z["age"] * z["sex"], rtol=1e-12)
    assert data.X.columns.is_unique
    pd.testing.assert_series_equal(data.y, base.y)


def test_endometrial_has_the_published_estimates():
    """Penalised by Jeffreys' prior, as printed by Heinze & Schemper (2002), Table 1."""
    data = load_dataset("endometrial")
    assert data.X.shape == (79, 3)
    assert data.y.value_counts().to_dict() == {"no": 49, "yes": 30}
    X = np.column_stack([np.ones(79), data.X.to_numpy()])
    y = (data.y == "yes").to_numpy(float)
    b = np.zeros(4)
    for _ in range(200):  # Firth (1993): the score plus leverage·(½ − P)
        prob = 1 / (1 + np.exp(-X @ b))
        w = prob * (1 - prob)
        cov = np.linalg.inv((X.T * w) @ X)
        leverage = w * np.einsum("ij,jk,ik->i", X, cov, X)
        step = cov @ (X.T @ (y - prob + leverage * (0.5 - prob)))
        b += step * min(1.0, 2.0 / np.abs(step).max())
    np.testing.assert_allclose(b, [3.77, 2.93, -0.03, -2.60], atol=0.006)
    with pytest.raises(BadData, match="'neovascularisation' separates"):
        Model(Flat(), Bernoulli()).condition(data.X, data.y)


def test_ships_has_the_published_deviance():
    """Main effects leave 38.7 on 25 degrees of freedom: McCullagh & Nelder (1989), §6.3.2."""
    data = load_dataset("ships")
    assert (len(data.y), data.y.sum(), data.exposure.sum()) == (34, 356, 163574)
    model = Model(Flat(), Poisson())
    design = design_from_formula(
        "incidents ~ type + built + operated", data.frame, flat_terms={"..."}
    )
    design = dataclasses.replace(design, offset=np.log(data.exposure.to_numpy()))
    fit = fit_map(model.condition(design))
    mu, y = fit.predict(data.X, exposure=data.exposure), data.y.to_numpy()
    deviance = 2 * np.sum(np.where(y > 0, y * np.log(np.maximum(y, 1) / mu), 0) - (y - mu))
    assert design.p == 8
    assert deviance == pytest.approx(38.70, abs=0.01)
    assert np.sum((y - mu) ** 2 / mu) / (34 - 9) == pytest.approx(1.69, abs=0.01)


@pytest.mark.parametrize("name", dataset_names())
def test_every_data_set_is_a_design_and_a_fresh_copy(name):
    data = load_dataset(name)
    likelihood = likelihood_of(data.likelihood)
    columns = " + ".join(f"`{column}`" for column in data.X)
    labels = likelihood.takes_labels
    design = design_from_formula(f"{data.y.name} ~ {columns}", data.frame, labels=labels)
    assert design.notes == ()
    assert not design.moments.constant.any()
    likelihood.check(likelihood.read(design.response)[0], {})
    assert (data.exposure is not None) == likelihood.takes_exposure
    column = data.X.columns[0]
    data.X[column] = 0.0
    assert (load_dataset(name).X[column] != 0.0).any()
    assert name in repr(data)


@pytest.mark.parametrize("wrong", ["diabtes", "Diabetes", "diabetes 64"])
def test_a_misspelt_name_gets_the_nearest(wrong):
    with pytest.raises(BadArgument, match="did you mean 'diabetes"):
        load_dataset(wrong)
    with pytest.raises(BadArgument, match="there are diabetes, diabetes64, endometrial, ships"):
        load_dataset("zzz")


def test_simulated_data_are_reproducible_and_carry_the_truth():
    a, b = simulate(40, 6, 2, 0.3, 4.0, seed=3), simulate(40, 6, 2, 0.3, 4.0, seed=3)
    pd.testing.assert_frame_equal(a.X, b.X)
    pd.testing.assert_series_equal(a.y, b.y)
    assert np.count_nonzero(a.beta) == 2
    assert a.beta.index.equals(a.X.columns)
    assert not simulate(40, 6, 2, 0.3, 4.0, seed=4).y.equals(a.y)
    drawn = simulate(40, 6, 2)
    again = simulate(40, 6, 2, seed=drawn.seed)
    pd.testing.assert_frame_equal(drawn.X, again.X)


def standard_errors(data):
    """How far noise sd, neighbours' correlation and signal variance are from what is said."""
    n = len(data.y)
    noise = data.y - data.intercept - data.X @ data.beta
    sd = (noise.std(ddof=0) / data.sigma - 1) * math.sqrt(2 * n)
    neighbours = data.X["x1"].corr(data.X["x2"])
    rho = (neighbours - data.rho) / (1 - data.rho**2) * math.sqrt(n)
    signal = float((data.X @ data.beta).var(ddof=0)) / (data.snr * data.sigma**2)
    mean = noise.mean() / data.sigma * math.sqrt(n)
    return np.array([sd, rho, (signal - 1) * math.sqrt(n / 2), mean])


@pytest.mark.parametrize("rho", [0.0, 0.9, -0.5])
def test_simulated_data_are_what_they_say(rho):
    data = simulate(20_000, 8, 5, rho, 2.0, seed=1)
    assert np.abs(standard_errors(data)).max() < 4.5  # four z's: a false alarm in 40 000 runs
    far = data.X["x1"].corr(data.X["x3"])
    assert far == pytest.approx(rho**2, abs=4.5 / math.sqrt(20_000))
    assert data.X.std(ddof=0).to_numpy() == pytest.approx(np.ones(8), abs=0.025)


def test_the_check_of_simulated_data_sees_a_wrong_truth():
    from dataclasses import replace

    data = simulate(20_000, 8, 5, 0.5, 2.0, seed=1)
    for wrong in [
        replace(data, sigma=data.sigma * 1.05),
        replace(data, rho=0.55),
        replace(data, snr=2.2),
        replace(data, intercept=0.0),
        replace(data, beta=data.beta * 1.1),
    ]:
        assert np.abs(standard_errors(wrong)).max() > 4.5


def test_no_signal_is_noise_of_sd_one():
    data = simulate(5000, 3, 0, seed=0)
    assert not data.beta.any()
    assert data.sigma == 1.0


BAD = {
    "n": ({"n": 0}, "n must be an integer of at least 1"),
    "n fraction": ({"n": 10.5}, "n must be an integer"),
    "p bool": ({"p": True}, "p must be an integer"),
    "too many": ({"p": 4, "n_nonzero": 5}, "must not exceed p = 4"),
    "negative": ({"n_nonzero": -1}, "n_nonzero must be an integer of at least 0"),
    "rho": ({"rho": 1.0}, "between -1 and 1"),
    "rho NaN": ({"rho": math.nan}, "rho must be a finite number"),
    "snr": ({"snr": 0.0}, "snr = 0.0 must be positive"),
    "snr text": ({"snr": "3"}, "snr must be a finite number"),
    "seed": ({"seed": -1}, "seed must be an integer of at least 0"),
}


@pytest.mark.parametrize("arguments, words", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(BadArgument, match=words):
        simulate(**arguments)
