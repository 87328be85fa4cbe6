"""What results look like: short, escaped, with nothing hidden; and what makes them again."""

import ast
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg import priors
from bayesreg.language.text import html_table, plain, visible
from bayesreg.priors.base import in_brief
from bayesreg.report import latex, markdown
from tests import cases

PACKAGE = Path(br.__file__).parent
HIDDEN = (
    "\x00\x07\x1b\x7f\x85\xad\u061c\u200b\u200d\u200e\u202e\u2066\u2060\ufeff\u2028\u3164\U000e0041"
)
NAMES = [f"a{HIDDEN}b", "<script>alert(1)</script>", "x & y", "`q` | 'r' \"s\"", "√n", "$x_1$"]

MADE = {  # whatever makes a prior, a law or a model, beyond the defaults of every family
    **{f"{name}()": getattr(br, name)() for name in priors.PRIORS},
    **{f"case {i}": one for i, one in enumerate(cases.priors())},
    "weights with digits of their own": br.ElasticNet.from_scales(laplace=0.3, normal=7.0),
    "from λ": br.Laplace.from_lam(0.1, sigma=3.0),
    "per column": br.Normal([1.0, 2.5, np.pi]),
    "relative": br.Laplace(br.HalfNormal(2.0), relative=[1, 2, 4]),
    "groups": br.Horseshoe(groups=[["a", "b"], ["c"]]),
    "expected": br.RegularizedHorseshoe(expected_nonzero=3, slab_scale=1.5),
    "loc": br.StudentT(7, 2.0, loc=-1.5),
    "half Student": br.HalfStudentT(3.0, 2.0),
    "half Cauchy": br.HalfCauchy(0.1),
    "half normal": br.HalfNormal(1 / 3),
    "exponential": br.Exponential(2.0),
    "uniform": br.Uniform(0.0, 10.0),
    "inverse gamma": br.InverseGammaSquared(2.0, 3.0),
    "beta prime": br.BetaPrimeSquared(0.5, 1.5),
    "Gaussian": br.Gaussian(),
    "Gaussian known": br.Gaussian(54.0),
    "Gaussian flat": br.Gaussian(br.Flat()),
    "Gaussian half normal": br.Gaussian(br.HalfNormal(2.0)),
    "Bernoulli": br.Bernoulli(positive="yes"),
    "model": br.Model(br.StudentT(), br.Gaussian(2.0)),
    "model by column": br.Model({"a": br.Flat(), ...: br.Bridge()}),
    "model without σ": br.Model("lasso", br.Bernoulli()),
}


@pytest.mark.parametrize("name", MADE)
def test_a_repr_makes_it_again(name):
    assert eval(repr(MADE[name]), vars(br) | {n: getattr(br, n) for n in br.__all__}) == MADE[name]


def test_a_repr_says_what_shapes_the_density():
    for prior, shape in [
        (br.StudentT(), "df=3.0"),
        (br.Bridge(), "q=0.5"),
        (br.ElasticNet(), "mix=0.5"),
        (br.DoublePareto(), "shape=1.0"),
        (br.NormalGamma(), "shape=0.5"),
        (br.RegularizedHorseshoe(), "slab_df=4.0"),
        (br.R2D2(), "mean=0.5"),
    ]:
        assert shape in repr(prior)
        assert len(in_brief(prior)) < 80


def results(names, n=60):
    """Every kind of result on columns of these names."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.standard_normal((n, len(names))), columns=names)
    y = pd.Series(frame.iloc[:, 0] * 3.0 + rng.standard_normal(n), name=names[0] + "?")
    chosen = {names[0]: "lasso", "ridge": "ridge"}
    fits = br.compare(chosen, frame, y, seed=1, draws=100, standardize=True)
    entry = fits[names[0]]
    known = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(frame, y, standardize=True)
    choice = br.choose(entry.problem, by=["bic"])
    return {
        "comparison": fits,
        "entry": entry,
        "fit": entry.fit,
        "certificate": entry.fit.certificate,
        "correspondence": entry.fit.correspondence,
        "posterior": entry.post,
        "draws": entry.post.draws,
        "checks": entry.post.checks,
        "fit.summary": entry.fit.summary(),
        "post.summary": entry.post.summary(),
        "closed": br.closed_form(known),
        "closed.summary": br.closed_form(known).summary(),
        "path": fits.path,
        "choice": choice,
        "rule": choice["bic"],
        "relaxed": choice.relaxed("bic"),
        "lam": entry.lam,
        "shrinkage": entry.post.shrinkage,
        "significance": entry.significance,
        "profile": entry.profiles[0],
        "quantity": entry.post.contrast({names[0]: 1.0}),
        "problem": entry.problem,
        "penalty": entry.problem.penalty,
        "model": entry.model,
        "design": entry.problem.design,
        "moments": entry.problem.moments,
        "quadratic": entry.problem.quadratic,
        "block": entry.problem.blocks[0],
        "margins": br.slopes(entry.post, names[2]),
        "adequacy": entry.post.adequacy,
        "simulated": br.simulate(n=30, p=40, seed=1),
        "dataset": br.load_dataset("diabetes"),
    }


@pytest.fixture(scope="module")
def hostile():
    return results(NAMES)


@pytest.fixture(scope="module")
def many():
    return results([f"column_{j}" for j in range(80)], n=200)


SHORT = {  # lines: what lists coefficients has at most thirty of them
    "entry draws simulated dataset problem penalty design moments model path rule profile "
    "quantity quadratic block certificate": 12,
    "fit posterior closed checks relaxed shrinkage significance": 40,
}


@pytest.mark.parametrize("name", " ".join(SHORT).split())
def test_a_repr_is_short_however_large_the_data(many, name):
    lines = repr(many[name]).split("\n")
    limit = next(most for names, most in SHORT.items() if name in names.split())

    assert len(lines) <= limit
    assert limit > 12 or sum(map(len, lines)) < 1200
    assert "array(" not in repr(many[name])


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)


SHOWN = ["comparison", "entry", "fit", "certificate", "correspondence", "posterior", "closed"]
SHOWN += ["choice", "lam", "shrinkage", "significance", "margins", "adequacy"]
SHOWN += ["fit.summary", "post.summary", "closed.summary"]
TEXTS = [*SHOWN, "checks", "relaxed", "design", "moments"]


@pytest.mark.parametrize("name", SHOWN)
def test_html_is_escaped_and_hides_nothing(hostile, name):
    text = hostile[name]._repr_html_()
    tags = Tags()
    tags.feed(text)

    assert "script" not in tags.seen
    assert not set(HIDDEN) & set(text) - {"\n"}


@pytest.mark.parametrize("name", TEXTS)
def test_text_hides_nothing(hostile, name):
    assert not set(HIDDEN) & set(repr(hostile[name]))


def test_the_control_the_names_hide_something(hostile):
    assert set(HIDDEN) <= set("".join(hostile["problem"].features))
    assert "script" in hostile["post.summary"].to_string()


@pytest.mark.parametrize("character", HIDDEN)
def test_hidden_characters_are_spelt_out_at_every_exit(character):
    code = f"U+{ord(character):04X}"
    for written in (
        visible(f"a{character}b"),
        markdown.escape(f"a{character}b"),
        latex.escape(f"a{character}b"),
        html_table(pd.DataFrame({f"a{character}b": ["x"]})),
        plain(pd.DataFrame({"a": [f"a{character}b"]})).to_string(),
    ):
        assert character not in written
        assert code in written


def test_joiners_of_scripts_stay():
    for text in ("می\u200cخواهم", "क\u094d\u200dष", "👩\u200d💻"):
        assert visible(text) == text


def test_markdown_adds_no_hidden_character_of_its_own():
    for text in ("http://a.b", "www.a.b", "ftp://x"):
        assert markdown.escape(text).isascii()
        assert not re.search(r"://|www\.", markdown.escape(text))


def literals():
    """Every string in the package that may be shown: all but docstrings, and this table's own."""
    for path in PACKAGE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes if path.stem not in ("latex", "text") else []:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield "" if id(node) in prose else node.value


# Blocks of a bar on the screen, and what `visible` spells out before LaTeX sees it.
NOT_IN_TABLES = set("▁▂▃▄▅▆▇█─")


def test_every_character_of_ours_is_ascii_in_latex():
    used = {c for text in literals() for c in text if not c.isascii()} - NOT_IN_TABLES
    surrogates = {c for c in used if "\ud800" <= c <= "\udfff"}
    accents = {c for c in used if "\u0300" <= c <= "\u036f"}
    assert {"√", "½", "σ"} <= used
    wrong = [c for c in used - surrogates - accents if not latex.escape(c).isascii()]

    assert not wrong
    assert latex.escape("k̂ R̂ ȳ é ñ Å Łódź ß").isascii()
    assert latex.escape("√(n)") == r"$\surd$(n)"


def test_other_scripts_are_for_engines_that_read_them():
    assert latex.escape("中") == r"\ifdefined\Umathcode 中\else U+4E2D\fi{}"


@pytest.mark.parametrize("name", ["fit.summary", "post.summary", "closed.summary"])
def test_a_summary_is_a_data_frame_that_prints_as_a_page(many, name):
    table = many[name]
    text = str(table)

    assert isinstance(table, pd.DataFrame)
    for word in ("response", "rows", "prior", "likelihood", "80"):
        assert word in text
    assert type(table.loc[table.index[:3]]) is pd.DataFrame
    assert type(table.round(2).join(table.add_suffix("_too"))) is pd.DataFrame
    assert "<table" in table.to_html()
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.concat([table]))
    again = pickle.loads(pickle.dumps(table))
    assert (again.title, again.facts, again.notes) == (table.title, table.facts, table.notes)
    assert str(again) == text


def test_r2_of_a_summary_is_that_of_its_coefficients():
    data = br.load_dataset("diabetes")
    fit = br.fit_map(br.Model(br.Normal(20.0)).condition(data.X, data.y, standardize=True))
    residual = data.y - fit.predict(data.X)

    assert fit.summary().facts["R² in-sample"] == f"{1 - residual.var() / data.y.var():.3f}"
    z = data.X / data.X.std()
    no_intercept = br.Model(br.Normal(20.0)).condition(z, data.y, intercept=False)
    assert "R² in-sample" not in br.fit_map(no_intercept).summary().facts


def test_rows_that_differ_are_shown_to_differ():
    """Numbers alike in their first digits get the digits in which they are not."""
    frame = pd.DataFrame({"elpd": [-2397.79, -2398.12, -2400.5], "weight": [0.1, 0.3, 0.6]})
    text = html_table(frame)

    assert all(value in text for value in ("-2397.8", "-2398.1", "-2400.5", "0.1", "0.3"))


class Table:
    """A stand-in for the reader of maketables 0.2: what its plug-in extractor asks of a model."""

    def __init__(self, model):
        self.coefficients = model.__maketables_coef_table__
        self.response = model.__maketables_depvar__
        labels = model.__maketables_stat_labels__
        self.under = {labels[k]: model.__maketables_stat__(k) for k in labels}
        self.usual = [labels[k] for k in model.__maketables_default_stat_keys__]
        self.unknown = model.__maketables_stat__("adj_r2")
        self.spread = model.__maketables_vcov_info__


@pytest.mark.parametrize("name", ["fit", "posterior", "closed"])
def test_results_go_into_tables_for_word_and_typst(many, name):
    result, made = many[name], Table(many[name])
    features = list(result.problem.features)
    table = made.coefficients

    assert {"b", "se", "t", "p"} <= set(table.columns)
    assert table.index.name == "Coefficient"
    assert list(table.index) == ["Intercept", *features]
    assert table["b"].iloc[0] == pytest.approx(result.intercept)
    beta = result.mean if name == "closed" else result.beta
    np.testing.assert_allclose(table["b"].iloc[1:], beta)
    assert table["p"].isna().all(), "no p-value, hence no stars"
    assert table["se"].isna().all() if name == "fit" else (table["se"] > 0).all()
    assert made.under["Observations"] == 200
    assert made.response == "column_0?"
    assert made.unknown is None
    assert set(made.usual) <= set(made.under)
    assert all(isinstance(value, str) for value in made.spread.values())


def test_completion_lists_what_users_ask_of_a_problem(many):
    problem = many["problem"]
    listed = dir(problem)

    assert {"given", "penalty", "features", "to_pymc", "warnings"} <= set(listed)
    assert not {"rss0", "xy", "yy", "root", "gram", "pull"} & set(listed)
    assert all(hasattr(problem, name) for name in listed)


def calls(attribute):
    """Where an attribute of this name is called."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr == attribute:
                yield path.relative_to(PACKAGE).as_posix()


def test_tables_have_one_exit_to_html():
    assert list(calls("to_html")) == ["language/text.py"]
