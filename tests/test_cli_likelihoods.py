"""The shell under every likelihood: what is guessed and said, what is known of rows, faults."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.cli.priorspec import parse_likelihood
from bayesreg.language import families
from tests.test_cli import run

KNOWN = ("--exposure", "service")
COUNTS = ("--target", "incidents", "--likelihood", "poisson", *KNOWN)


@pytest.fixture
def ships(tmp_path):
    """The ships as a stranger's file."""
    path = tmp_path / "ships.csv"
    br.load_dataset("ships").frame.to_csv(path, index=False)
    return path


@pytest.fixture
def people(tmp_path):
    """Names, text, a factor, an age that is missing now and then, and who came back."""
    rng = np.random.default_rng(4)
    n = 60
    age = rng.uniform(1, 70, n).round(1)
    frame = pd.DataFrame(
        {
            "name": [f"Mx. {k:02d}, Reader" for k in range(n)],
            "came": np.where(rng.random(n) < 1 / (1 + np.exp(0.05 * (age - 30))), "yes", "no"),
            "class": rng.choice(["first", "second", "third"], n),
            "sex": rng.choice(["female", "male"], n),
            "age": age,
            "visits": rng.poisson(2, n),
        }
    )
    frame.loc[::15, "age"] = np.nan
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    return path


def summary(answer):
    """The rows of a path's table, of the JSON on stdout."""
    return json.loads(answer.stdout)["tables"]["path"]["rows"]


@pytest.mark.parametrize("name", families.spoken(families.LIKELIHOODS))
def test_every_likelihood_has_a_name(name):
    cls = families.spoken(families.LIKELIHOODS)[name]
    assert parse_likelihood(name, None, None) == getattr(br, cls)()
    assert parse_likelihood(name.replace("_", "-").upper(), None, None) == getattr(br, cls)()


def test_a_file_of_counts_is_the_data_set_that_says_so_itself(ships):
    """The note names the options, and with these a stranger's file has the same path."""
    given = ("--prior", "ridge", "--n", "3", "--json")
    ours, theirs = run("path", "ships", *given), run("path", ships, *COUNTS, *given)
    assert ours.exit_code == theirs.exit_code == 0, theirs.output
    assert summary(ours) == summary(theirs)
    assert "ships is read with --likelihood poisson" in ours.stderr
    assert "--exposure service" in ours.stderr
    data = br.load_dataset("ships")
    formula = "incidents ~ type + built + operated"
    problem = br.Model(br.Normal(), br.Poisson()).condition_formula(
        formula, data.frame, exposure=data.exposure, standardize=True
    )
    expected = br.path(problem, n=3).objective
    assert [row["objective"] for row in summary(ours)] == pytest.approx(expected, rel=1e-9)
    by_formula = run("path", ships, "--formula", formula, *COUNTS[2:], *given)
    found = [row["objective"] for row in summary(by_formula)]
    assert found == pytest.approx(expected, rel=1e-9)
    inside = run(
        "path", ships, "--formula", f"{formula} + offset(log(service))", *COUNTS[2:4], *given
    )
    assert [row["objective"] for row in summary(inside)] == pytest.approx(expected, rel=1e-9)


def test_a_data_set_may_be_read_otherwise():
    given = ("--n", "2", "--prior", "ridge")
    other = run("path", "ships", "--likelihood", "negative_binomial(shape=3)", *given)
    assert other.exit_code == 0
    assert "'service' is the exposure" in other.stderr
    assert "(y + r)" in other.stdout
    plain = run("path", "ships", "--likelihood", "gaussian", *given)
    assert "(34 rows, 12 columns" in plain.stdout
    assert "exposure" not in plain.stderr


def test_yes_and_no_are_found_and_counts_never(people):
    """Text of two kinds is yes or no; whole numbers are Gaussian, with a note that counts exist."""
    given = ("--drop", "name", "--missing", "drop", "--n", "2", "--prior", "ridge")
    for likelihood in ((), ("--likelihood", "auto")):
        found = run("path", people, "--target", "came", *given, *likelihood)
        assert found.exit_code == 0, found.output
        assert "its likelihood is bernoulli (--likelihood says another)" in found.stderr
        assert "log(1 + exp η)" in found.stdout
    formula = run("path", people, "--formula", "came ~ age + sex", *given[2:])
    assert "its likelihood is bernoulli" in formula.stderr
    counted = run("path", people, "--target", "visits", *given)
    assert "½‖y − β₀ − Zb‖²" in counted.stdout
    assert "if they are counts, run again with --likelihood poisson" in counted.stderr
    silent = run("path", people, "--target", "visits", *given, "--likelihood", "gaussian")
    assert "counts" not in silent.stderr
    assert "counts" not in run("path", "diabetes", *given[4:]).stderr


def test_zeros_and_ones_alone_are_no_and_yes(tmp_path):
    """As most files write them; any two other numbers get a note."""
    path = tmp_path / "t.csv"
    x = np.arange(12.0)
    frame = pd.DataFrame({"x": x, "y": (x % 3 > 0).astype(int), "z": 1 + (x % 3 > 0)})
    frame.to_csv(path, index=False)
    given = ("--n", "2", "--prior", "ridge", "--number", "x")
    found = run("path", path, "--target", "y", "--drop", "z", *given)
    assert "is 0 and 1 alone: its likelihood is bernoulli" in found.stderr
    assert "log(1 + exp η)" in found.stdout
    assert "run again with --likelihood bernoulli" not in found.stderr
    other = run("path", path, "--target", "z", "--drop", "y", *given)
    assert "has two values only, 1 and 2" in other.stderr
    assert "½‖y − β₀ − Zb‖²" in other.stdout


def test_numbers_that_may_be_codes_are_pointed_at(people):
    """1, 2, 3 alone; not counts, which begin at 0, and not what the user called a number."""
    frame = pd.read_csv(people)
    frame["pclass"] = frame["class"].map({"first": 1, "second": 2, "third": 3})
    frame.to_csv(people, index=False)
    given = ("--target", "came", "--drop", "name", "--missing", "drop", "--n", "2")
    plain = run("path", people, *given)
    assert "column 'pclass' holds 1, 2, 3 alone, and is read as a number" in plain.stderr
    assert "'visits'" not in plain.stderr
    coded = run("path", people, *given, "--factor", "pclass")
    assert "column 'pclass' was read as a factor of 3 levels: 1, 2, 3" in coded.stderr
    assert "alone" not in run("path", people, *given, "--number", "pclass").stderr


def test_a_strangers_file_is_answered_in_two_steps(people):
    """What cannot be a predictor and what is missing are said at once, with the cure of both."""
    first = run("compare", people, "--target", "came")
    assert first.exit_code == 1
    assert "'name' looks like an identifier" in first.stderr
    assert "there are missing cells ('age': 4)" in first.stderr
    cure = first.stderr.strip().rpartition("run again with ")[2].split()
    assert cure == ["--drop", "name", "--missing", "drop"]
    fast = ("--priors", "normal(scale=1)", "--draws", "100", "--chains", "2", "--no-verify")
    second = run("compare", people, "--target", "came", *cure, *fast)
    assert second.exit_code == 0, second.output
    assert "is read as 1 for 'yes' and 0 for 'no'" in second.stderr
    assert "56 rows" in second.stdout
    assert "sex: male − female" in second.stdout


def test_successes_among_trials(tmp_path):
    path = tmp_path / "doses.csv"
    path.write_text("dose,dead,treated\n1,1,9\n2,3,8\n3,6,9\n4,8,8\n5,9,10\n")
    given = ("--target", "dead", "--likelihood", "binomial", "--trials", "treated", "--lams", "1")
    found = run("path", path, *given, "--prior", "ridge", "--json")
    assert found.exit_code == 0, found.output
    dead, treated = np.array([1.0, 3, 6, 8, 9]), np.array([9.0, 8, 9, 8, 10])
    problem = br.Model(br.Normal(), br.Binomial()).condition(
        np.arange(1.0, 6)[:, None], dead, trials=treated, standardize=True
    )
    expected = br.path(problem, [1.0]).objective  # one λ alone has a page too
    assert [row["objective"] for row in summary(found)] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "given, known",
    [
        (("--prior", "ridge", "--drop", "service"), True),
        (("--prior", "lasso", "--drop", "service"), False),
        (("--prior", "ridge"), False),
    ],
)
def test_a_table_names_what_scikit_learn_has(given, known):
    """PoissonRegressor has an alpha for ridge without an offset; else there is no column."""
    answer = run("choose", "ships", *given, "--by", "aic,bic", "--n", "5")
    assert answer.exit_code == 0, answer.output
    assert ("scikit-learn's alpha" in answer.stdout) == known
    assert "sklearn" not in answer.stdout


FAULTS = [
    (("--target", "incidents", *KNOWN), 2, "--likelihood poisson"),
    (
        ("--target", "incidents", "--likelihood", "poisson", "--exposure", "services"),
        2,
        "'service'",
    ),
    (("--target", "incidents", "--likelihood", "poisson", "--exposure", "type"), 1, "text cells"),
    (("--target", "incidents", "--likelihood", "binomial"), 1, "pass --trials COL"),
    (("--target", "incidents", "--likelihood", "poisson", "--exposure", "incidents"), 2, "target"),
    (("--target", "service", "--likelihood", "bernoulli"), 1, "counts are --likelihood"),
    ((*COUNTS, "--trials", "service"), 2, "takes no --trials COL"),
    ((*COUNTS, "--sigma", "2"), 2, "has no noise sd"),
    (("--target", "incidents", "--likelihood", "poisson(rate=2)"), 2, "no argument 'rate'"),
    (("--target", "incidents", "--likelihood", "student_t(df=x)"), 2, "'x'"),
    (
        ("--target", "incidents", "--likelihood", "student_t(4,5)", "--sigma", "2"),
        2,
        "both say sigma",
    ),
    (("--target", "incidents", "--likelihood", "poisson,gaussian"), 2, "2 likelihoods"),
    (("--target", "type"), 1, "5 kinds of text"),
    (
        ("--formula", "incidents ~ type + offset(log(service))", "--likelihood", "poisson", *KNOWN),
        2,
        "--exposure COL was passed",
    ),
    (
        ("--formula", "cbind(incidents, service) ~ type", "--trials", "service"),
        2,
        "--trials COL out",
    ),
]


@pytest.mark.parametrize("arguments, code, message", FAULTS)
def test_faults_are_advice(ships, arguments, code, message):
    answer = run("path", ships, *arguments)
    assert answer.exit_code == code, answer.output
    assert message in answer.stderr
    assert "Traceback" not in answer.output


def test_an_exposure_of_zero_is_named_by_its_column_and_line(ships):
    frame = pd.read_csv(ships)
    frame.loc[4, "service"] = 0.0
    frame.to_csv(ships, index=False)
    answer = run("path", ships, *COUNTS)
    assert answer.exit_code == 1
    assert "--exposure: column 'service' of ships.csv is 0 on line 6" in answer.stderr
    frame.loc[4, "service"] = np.nan
    frame.to_csv(ships, index=False)
    assert "column 'service': 1, first on line 6" in run("path", ships, *COUNTS).stderr


@pytest.mark.slow
def test_new_rows_bring_their_exposure(ships, tmp_path):
    """The mean doubles with it; its column is known by name, and without that there is advice."""
    saved = tmp_path / "s.breg"
    fast = ("--priors", "normal(scale=1)", "--draws", "100", "--chains", "2", "--no-verify")
    kept = run("compare", ships, *COUNTS, *fast, "--save", saved)
    assert kept.exit_code == 0, kept.output
    new = tmp_path / "new.csv"
    frame = pd.read_csv(ships).drop(columns="incidents").head(4)
    frame.assign(twice=2 * frame["service"]).to_csv(new, index=False)
    nameless = tmp_path / "nameless.csv"
    frame.drop(columns="service").to_csv(nameless, index=False)
    without = run("predict", saved, nameless)
    assert without.exit_code in (1, 2)
    assert "service" in without.stderr
    means = []
    for column in ("service", "twice"):
        found = run("predict", saved, new, "--exposure", column, "--json")
        assert found.exit_code == 0, found.output
        means.append([row["mean"] for row in json.loads(found.stdout)["rows"]])
    np.testing.assert_allclose(means[1], 2 * np.array(means[0]), rtol=1e-9)
    known = json.loads(run("predict", saved, new, "--json").stdout)["rows"]
    np.testing.assert_array_equal([row["mean"] for row in known], means[0])
    assert "no column 'years'" in run("predict", saved, new, "--exposure", "years").stderr
    text = run("predict", saved, new, "--exposure", "type")
    assert text.exit_code == 1
    assert "--exposure: column 'type' of new.csv holds text cells, no numbers" in text.stderr
    frame.assign(service=[1.0, 2.0, 0.0, 1.0]).to_csv(new, index=False)
    assert "of new.csv is 0 on line 4" in run("predict", saved, new, *KNOWN).stderr
