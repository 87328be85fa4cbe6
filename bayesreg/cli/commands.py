"""The command ``bayesreg``: arguments in, the same verbs as in Python, exit codes out."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from bayesreg.cli import options
from bayesreg.cli.exits import explained
from bayesreg.language.versions import versions

STACK = (
    "numpy", "scipy", "numba", "pymc", "pytensor", "arviz", "pandas", "scikit-learn", "matplotlib",
    "formulaic", "narwhals", "pyarrow",
)  # fmt: skip
EPILOG = """\b
Examples:
  bayesreg compare diabetes --out report.html
  bayesreg compare houses.csv --target price --drop id --missing drop
  bayesreg compare houses.csv --formula "log(price) ~ area + C(district)"
  bayesreg compare diabetes --priors "ridge,laplace(scale=25)" --sigma 54
  bayesreg compare claims.csv --target claims --likelihood negative_binomial --exposure years
  bayesreg compare houses.csv --target price --save fits.breg

\b
Exit codes: 0 done, 1 failure, 2 usage, 3 a check failed under --strict, 130 interrupted.
"""
PREDICT_EPILOG = """\b
Examples:
  bayesreg compare houses.csv --target price --save fits.breg
  bayesreg predict fits.breg new.csv --level 0.9
  bayesreg predict fits.breg new.csv --prior horseshoe --out predictions.csv
  bayesreg predict claims.breg new.csv --exposure years

\b
Exit codes: 0 done, 1 failure, 2 usage, 130 interrupted.
"""
PATH_EPILOG = """\b
Examples:
  bayesreg path diabetes --out path.html
  bayesreg path houses.csv --target price --prior elastic_net --l1-ratio 0.5 --out path.csv

\b
Exit codes: 0 done, 1 failure, 2 usage, 3 a point is not certified, 130 interrupted.
"""
CHOOSE_EPILOG = """\b
Examples:
  bayesreg choose diabetes --out choice.html
  bayesreg choose houses.csv --target price --prior ridge --by evidence,loo,cv
  bayesreg choose visits.csv --target cost --groups patient --by cv,cv-1se

\b
Exit codes: 0 done, 1 failure, 2 usage, 130 interrupted.
"""
TRANSLATE_EPILOG = """\b
Examples:
  bayesreg translate sklearn.Lasso alpha=0.1 --to glmnet --n 100
  bayesreg translate sklearn.Ridge alpha=10 --to glmnet --data houses.csv --target price
  bayesreg translate glmnet lambda=0.5 family=binomial --to sklearn.LogisticRegression --n 200
  bayesreg translate brms.normal sd=2.5 --to sklearn.Ridge --sigma 54

\b
Exit codes: 0 done, 1 there is no such conversion, 2 usage, 130 interrupted.
"""
EXPLAIN_EPILOG = """\b
Examples:
  bayesreg explain --estimator "Lasso(alpha=0.1)" --data houses.csv --target price
  bayesreg explain --estimator "LogisticRegression(C=0.5)" --data endometrial
  bayesreg explain --estimator "make_pipeline(StandardScaler(), Ridge(alpha=2))" --data diabetes

\b
Exit codes: 0 done, 1 failure, 2 usage, 130 interrupted.
"""
DEMO_EPILOG = """\b
Examples:
  bayesreg demo
  bayesreg demo diabetes --columns bmi,bp --prior ridge --out ridge.html
  bayesreg demo houses.csv --target price --columns area,rooms --prior "laplace(scale=25)"

\b
Exit codes: 0 done, 1 failure, 2 usage, 130 interrupted.
"""


def _print_stack(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Versions of everything that a number may depend on; nothing is imported for it."""
    if not value or context.resilient_parsing:
        return
    import platform

    python = {"python": f"{platform.python_version()} ({platform.platform()})"}
    for name, version in {**versions(["bayesreg"]), **python, **versions(STACK)}.items():
        click.echo(f"{name} {version}")
    context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_stack,
    help="Print the versions of bayesreg and of what it stands on.",
)  # fmt: skip
def main() -> None:
    """One regression model, three answers, checked against each other.

    The penalised optimum with its certificate, the closed form where there is one, and the full
    posterior.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # κ and − on a console that has no such letters
            stream.reconfigure(errors="replace")


@main.command()
def datasets() -> None:
    """List the data sets that come with bayesreg."""
    with explained():
        from bayesreg.cli.screen import print_sentences, print_table
        from bayesreg.data.datasets import dataset_names, load_dataset
        from bayesreg.report.table import Column, Table

        found = [load_dataset(name) for name in dataset_names()]
        columns = (
            Column("name", "name", "name"),
            Column("rows", "rows", "integer"),
            Column("columns", "columns", "integer"),
            Column("target", "response", "name"),
            Column("likelihood", "likelihood", "name"),
        )
        rows = tuple((d.name, *d.X.shape, str(d.y.name), d.likelihood) for d in found)
        print_table(Table("datasets", "Data sets", columns, rows))
        print_sentences(["", *(f"{d.name}: {d.description} {d.source}." for d in found)])


@main.command(epilog=EPILOG)
@options.data
@click.option(
    "--priors", default="normal,laplace,horseshoe", show_default=True, metavar="LIST",
    help=f"Names ({options.PRIOR_NAMES}), or 'laplace(scale=25)', or "
    "'laplace(scale=half_cauchy(0.5))'.",
)  # fmt: skip
@click.option(
    "--calibrate", metavar="SPEC",
    help="Set the scales so that all priors agree before the data: r2=0.5, expected_nonzero=3, "
    "sd=2 or match=ridge.",
)  # fmt: skip
@click.option(
    "--engine",
    metavar="NAME",
    help="exact, direct, tilted, independent, streamed, tangent, gibbs, hmc or nuts; else the "
    "fastest. laplace is a normal approximation, for files read in passes.",
)
@click.option(
    "--draws", type=click.IntRange(min=1), default=1000, show_default=True, help="Draws per chain."
)
@click.option("--chains", type=click.IntRange(min=1), default=4, show_default=True, help="Chains.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Another for other draws; the same for the same.",
)
@click.option("--out", metavar="FILE", help="Write a report: .html, .md or .json.")
@click.option("--save", metavar="FILE", help="Keep everything, for predict and for br.load.")
@click.option("--export", metavar="DIR", help="Write tables (CSV, LaTeX) and figures (SVG, PNG).")
@click.option(
    "--level", type=float, default=0.95, show_default=True, help="Probability of intervals."
)
@click.option("--title", help="Title of the report.")
@click.option("--author", help="Author of the report.")
@click.option(
    "--verify/--no-verify", default=None,
    help="Check every posterior against PyMC, after the answers are printed; takes minutes. "
    "Unsaid, up to 4 priors on up to 20 columns are.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Exit with code 3 if a check failed.")
@options.ending
@click.pass_context
def compare(context: click.Context, /, debug: bool, **given: Any) -> None:
    """Compare priors on DATA: the name of a data set, or the path of a file.

    A file is CSV or text like it, packed or not, parquet, Feather, Stata or SPSS.
    """
    with explained(debug=debug):
        from bayesreg.cli.procedure import run

        context.exit(run(options.Options(command=options.again(context), **given)))


@main.command(epilog=PREDICT_EPILOG)
@click.argument("fit")
@click.argument("data", metavar="NEW")
@click.option(
    "--level", "within", type=float, metavar="P",
    help="Probability of intervals of a new response; 0.95 unless said. Of an optimum, noise only.",
)  # fmt: skip
@click.option("--prior", default="", metavar="NAME", help="One prior of a comparison, alone.")
@click.option(
    "--weights", metavar="LIST",
    help="How to average the priors of a comparison: stacking, equal, or 'ridge=0.7,lasso=0.3'.",
)  # fmt: skip
@options.known
@options.missing
@options.cells
@click.option(
    "--out", metavar="FILE", help="Write all rows as .csv, or as .parquet while they are read."
)
@options.ending
@click.pass_context
def predict(context: click.Context, /, debug: bool, **given: Any) -> None:
    """Predict the rows of NEW by FIT: a fit, posterior or comparison that was saved.

    NEW is a file such as the fit was made of, with or without the response; its columns are read
    and coded as at the fit. --save of compare writes a FIT, and so does .save() in Python.
    """
    with explained(debug=debug):
        from bayesreg.cli.prediction import run

        context.exit(run(options.Options(**given)))


@main.command(epilog=PATH_EPILOG)
@options.data
@options.along_lam
@options.ending
@click.pass_context
def path(context: click.Context, /, debug: bool, **given: Any) -> None:
    """Follow the optimum along λ on DATA, every point certified, and say what prior each λ is.

    Prints in which order the columns enter, and every λ with its objective, its prior scale and
    scikit-learn's alpha.
    """
    with explained(debug=debug):
        from bayesreg.cli.regularisation import follow

        context.exit(follow(options.Options(command=options.again(context), **given)))


@main.command(epilog=CHOOSE_EPILOG)
@options.data
@options.along_lam
@click.option(
    "--by", metavar="LIST",
    help="Rules, such as 'evidence,cv,cv-1se,bic'; unsaid, all that apply.",
)  # fmt: skip
@click.option(
    "--folds", type=click.IntRange(min=2), default=10, show_default=True,
    help="Folds of the cross-validation.",
)  # fmt: skip
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True,
    help="Splits of the repeated cross-validation.",
)  # fmt: skip
@click.option(
    "--groups",
    metavar="COL",
    help="Keep rows with the same value of COL in one fold; no predictor.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed.")
@options.ending
@click.pass_context
def choose(context: click.Context, /, debug: bool, **given: Any) -> None:
    """Say which λ on DATA, by which argument, and what prior that would be.

    Marginal likelihood, posterior of λ, cross-validation and its one-standard-error rule, GCV and
    leave-one-out, AIC, BIC and EBIC on one axis; where they differ, and why.
    """
    with explained(debug=debug):
        from bayesreg.cli.regularisation import weigh

        context.exit(weigh(options.Options(command=options.again(context), **given)))


@main.command(epilog=DEMO_EPILOG)
@click.argument("data", default="diabetes")
@click.option(
    "--columns", "pair", multiple=True, metavar="LIST",
    help="The two columns, such as 'age,income', or the option twice where a name has a comma; "
    "unsaid, those most correlated with the response.",
)  # fmt: skip
@click.option(
    "--prior", default="laplace", show_default=True, metavar="SPEC",
    help="Where the sliders start: normal or ridge, laplace or lasso, bridge; a name, or such as "
    "'normal(scale=25)'.",
)  # fmt: skip
@options.asking
@click.option(
    "--out", metavar="FILE", default="demo.html", show_default=True, help="The page: .html."
)
@click.option("--title", help="Title of the page.")
@options.ending
@click.pass_context
def demo(context: click.Context, /, debug: bool, **given: Any) -> None:
    """Write a page to play with: two coefficients, with sliders for σ, the prior and its exponent.

    Loss, constraint, densities, the path along λ and the three answers move together. It is one
    file with the moments of the data and no row of it, and needs no network. DATA is the name of a
    data set or the path of a file; unsaid, diabetes.
    """
    with explained(debug=debug):
        from bayesreg.cli.demonstration import run

        context.exit(run(options.Options(command=options.again(context), **given)))


@main.command(epilog=TRANSLATE_EPILOG)
@click.argument("source")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--to", required=True, metavar="NAME", help="The library to translate to.")
@click.option("--data", metavar="DATA", default="", help="A data set's name, or a file's path.")
@click.option("--n", type=float, metavar="N", help="Rows, or the sum of weights, without data.")
@click.option("--sd-y", type=float, metavar="SD", help="sd of the response with divisor N.")
@click.option(
    "--rms-y", type=float, metavar="RMS",
    help="Root mean square of the response, for a fit without an intercept.",
)  # fmt: skip
@click.option(
    "--standardize", is_flag=True, default=None,
    help="The source's penalty is of sd(x)·β, as after a StandardScaler.",
)  # fmt: skip
@options.asking
@click.option("--json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
def translate(  # the options of the data, and those of the conversion
    debug: bool, source: str, arguments: tuple[str, ...], to: str, **given: Any
) -> None:
    """Say what SOURCE's λ is in another library, with the objective of both.

    SOURCE is a library's function, such as sklearn.Lasso or glmnet, and its arguments follow. N
    alone is often enough; what else a conversion needs is asked for by name.
    """
    with explained(debug=debug):
        from bayesreg.cli.translation import run

        own = ("n", "sd_y", "rms_y", "standardize")
        facts = {name: given.pop(name) for name in own}
        raise click.exceptions.Exit(run(options.Options(**given), source, arguments, to, **facts))


@main.command(epilog=EXPLAIN_EPILOG)
@click.option(
    "--estimator", required=True, metavar="CALL",
    help="How it is constructed, such as 'Lasso(alpha=0.1)', of scikit-learn unless said "
    "('celer.Lasso(alpha=0.1)'), or 'make_pipeline(StandardScaler(), Ridge(alpha=2))'; read, and "
    "never run.",
)  # fmt: skip
@click.option("--data", metavar="DATA", required=True, help="A data set's name, or a file's path.")
@options.asking
@click.option("--json", is_flag=True, help="Print the result as JSON.")
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
def explain(debug: bool, estimator: str, **given: Any) -> None:
    """Say what prior an estimator of another library assumes on DATA, before these are seen.

    On which scale, which effects and which R² it thinks plausible, and whether the intercept is
    penalised. The columns are as they are in the file, unless a StandardScaler is said.
    """
    with explained(debug=debug):
        from bayesreg.cli.explanation import run

        raise click.exceptions.Exit(run(options.Options(**given), estimator))


@main.command(epilog="Exit codes: 0 validated, 1 failure, 2 usage, 3 a check failed.")
@click.option(
    "--priors", metavar="LIST", help="As for compare; unsaid, every prior with its default scale."
)
@click.option(
    "--engines", metavar="LIST",
    help="Engines for each prior, or 'all' (but nuts); unsaid, the fastest.",
)  # fmt: skip
@options.likelihood
@click.option(
    "--sigma", metavar="SPEC",
    help=f"Noise sd: a number, or a proper distribution; unsaid, {options.PROPER_SIGMA}.",
)  # fmt: skip
@click.option("--rows", type=click.IntRange(min=3), default=10, show_default=True, help="Rows.")
@click.option(
    "--columns", type=click.IntRange(min=1), default=8, show_default=True, help="Columns."
)
@click.option("--quick", is_flag=True, help="A quarter of the data sets: seconds, and less power.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed.")
@click.option("--out", metavar="DIR", help="Write rank plots with simultaneous bands (SVG, PNG).")
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.pass_context
def validate(context: click.Context, /, debug: bool, priors: str | None, **given: Any) -> None:
    """Test whether the engines draw from the posteriors that the priors define.

    Simulation-based calibration, recovery of the prior without data, and Geweke's joint test.
    """
    with explained(debug=debug):
        from bayesreg.cli.validation import PRIORS, run

        context.exit(run(options.Options(priors=priors or PRIORS, **given)))
