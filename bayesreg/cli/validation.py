"""What ``bayesreg validate`` does: every prior with every engine that serves it, then a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.cli.exits import CHECK_FAILED
from bayesreg.cli.log import Log
from bayesreg.cli.options import AUTO, GAUSSIAN, PROPER_SIGMA, Options
from bayesreg.cli.screen import print_sentences, print_table
from bayesreg.language import families
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.families import snake

if TYPE_CHECKING:
    from bayesreg.priors import Prior
    from bayesreg.validation.findings import Validation

FULL, QUICK = (600, 100), (150, 40)  # simulations, and draws ranked in each
PRIORS = ",".join(snake(name) for name in families.PRIORS if name != "Flat")  # all with a scale
_BARS = "▁▂▃▄▅▆▇█"


def run(options: Options) -> int:
    """Answer ``bayesreg validate``.

    Returns
    -------
    int
        The exit code: 0, or 3 if a prior under an engine was not validated.
    """
    from bayesreg.cli.priorspec import parse_priors

    log = Log(quiet=options.quiet)
    priors = parse_priors(options.priors)
    named = None if options.engines is None else _named(options.engines)
    folder = None if options.out is None else _folder(options.out)
    found: list[tuple[str, Validation]] = []
    for name, prior in priors.items():
        for engine in [None] if named is None else named:
            log.progress(f"validating {name}{'' if engine is None else f' with {engine}'} ...")
            one = _validated(options, prior, engine, log)
            if one is None:
                log.note(f"{name}: engine {engine!r} cannot serve it, and was left out")
                continue
            found.append((name, one))
            if folder is not None:
                _write(one, folder / f"{len(found):02d}-{one.engine}-{_plain(name)}")
    if not found:
        raise NotSupported(
            f"nothing was validated: no prior of {options.priors} is served by {options.engines}"
        )
    _print(found, options)
    return 0 if all(one.ok for _, one in found) else CHECK_FAILED


def _validated(options: Options, prior: Prior, engine: str | None, log: Log) -> Validation | None:
    """One prior under one engine; None where an engine of several cannot serve it."""
    from bayesreg.cli.priorspec import parse_likelihood
    from bayesreg.model.model import Model
    from bayesreg.verbs.validate import validate

    simulations, draws = QUICK if options.quick else FULL
    model = Model(prior, parse_likelihood(_likelihood(options), _sigma(options), None))
    try:
        with log.listening():
            return validate(
                model, engine, n=options.rows, p=options.columns, simulations=simulations,
                draws=draws, seed=options.seed, progress=not options.quiet,
            )  # fmt: skip
    except NotSupported as error:
        if engine is None or "cannot serve" not in str(error):
            raise
        return None


def _likelihood(options: Options) -> str:
    """The likelihood as it was said; there are no data to settle it by."""
    said = options.likelihood or AUTO
    return GAUSSIAN if said.lower() == AUTO else said


def _sigma(options: Options) -> str | None:
    """σ as it was said; unsaid, a proper distribution where it is unknown and improper."""
    from bayesreg.cli.priorspec import parse_likelihood
    from bayesreg.likelihoods.base import improper

    found = parse_likelihood(_likelihood(options), options.sigma, None).unknowns
    return options.sigma or (PROPER_SIGMA if improper(found.get("sigma")) else None)


def _named(text: str) -> list[str]:
    """Engines of a list; "all" stands for every one but nuts, which takes minutes."""
    from bayesreg.engines import ENGINES

    if text.strip() == "all":
        return [name for name in ENGINES if name != "nuts"]
    names = [part.strip() for part in text.split(",")]
    wrong = [name for name in names if name not in ENGINES]
    if wrong:
        raise BadArgument(f"--engines: no engine is called {wrong[0]!r}; write all, or some of "
                          f"{', '.join(ENGINES)}")  # fmt: skip
    return names


def _folder(text: str) -> Path:
    """The folder of the figures."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise BadArgument(f"--out: {text!r} is a file; give a folder for the rank plots")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _write(one: Validation, stem: Path) -> None:
    """The rank plot as SVG and PNG."""
    from bayesreg.plots.canvas import png, style, svg

    with style():
        figure = one.plot()[0].figure
    stem.with_suffix(".svg").write_text(svg(figure), encoding="utf-8")
    stem.with_suffix(".png").write_bytes(png(figure))


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)[:40].strip("_")


def _print(found: list[tuple[str, Validation]], options: Options) -> None:
    """One row per prior and engine, and in words what failed."""
    from bayesreg.report.table import Column, Table

    columns = (
        Column("prior", "prior", "prior"),
        Column("engine", "engine", "name"),
        Column("calibration", "calibration", "flag"),
        Column("recovery", "recovery", "flag"),
        Column("joint", "joint", "flag"),
        Column("p", "smallest p", "number"),
        Column("quantity", "of", "name"),
        Column("ranks", "its ranks", "text"),
        Column("seconds", "s", "decimal"),
    )
    rows = tuple(_row(name, one) for name, one in found)
    simulations, _ = QUICK if options.quick else FULL
    print_table(Table("validation", f"Validation, {simulations} simulations each", columns, rows))
    failed = [(name, one) for name, one in found if not one.ok]
    print_sentences(["", *(f"{name}, {one.engine}: {one.why}" for name, one in failed)])
    verdict = (
        f"{len(failed)} of {len(found)} NOT validated"
        if failed
        else "every posterior is calibrated: nothing strays beyond what chance does"
    )
    sigma = _sigma(options)
    noise = f"{_likelihood(options)} likelihood" + ("" if sigma is None else f", σ ~ {sigma}")
    how = f"{noise}, seed {options.seed}"
    limit = "p-values are corrected over all of a row, which fails below 0.001"
    print_sentences([f"{verdict} ({how}; {limit})"])


def _row(name: str, one: Validation) -> tuple[Any, ...]:
    """Which tests held, and the quantity whose ranks are least uniform with its histogram."""
    held: dict[str, bool] = {}
    for finding in one.findings:
        held[finding.check] = held.get(finding.check, True) and finding.adjusted >= one.level
    for failure in one.failures:
        held[failure.split(":")[0].split()[0]] = False
    ranked = [f for f in one.findings if f.check == "calibration"]
    worst = min(ranked, key=lambda f: f.p) if ranked else None
    return (
        name, one.engine, *(held.get(check) for check in ("calibration", "recovery", "joint")),
        one.p, None if worst is None else worst.quantity,
        None if worst is None else bars(one.ranks[worst.quantity]), one.wall,
    )  # fmt: skip


def bars(ranks: Any, count: int = 16) -> str:
    """A histogram of ranks in text; half height is what uniform ranks come to.

    Examples
    --------
    >>> bars(np.linspace(0.01, 0.99, 64), 8)
    '▄▄▄▄▄▄▄▄'
    """
    heights = np.histogram(ranks, np.linspace(0.0, 1.0, count + 1))[0] * count / len(ranks)
    return "".join(_BARS[int(h)] for h in np.clip(np.round(4.0 * heights) - 1, 0, 7))
