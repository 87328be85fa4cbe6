"""The results on stdout: for people on a terminal, plain and whole in a file or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from bayesreg.cli.exits import printable, say
from bayesreg.cli.options import Options

if TYPE_CHECKING:
    from bayesreg.report.document import Document
    from bayesreg.report.table import Table
    from bayesreg.results import Comparison

# Left out in this order where the terminal is too narrow; the report has them all. A MAP of exactly
# zero prints as 0, and no other does, so its own column comes first.
DISPENSABLE = ("zero", "method", "max_khat", "weight", "p_eff", "kappa", "sd")
WIDEST_NAME = 24  # on a terminal
WIDEST_PIPED = 72
COLUMNS = 12  # of factors, named below the table
GAP = 2
# Rows beyond which a table is cut anywhere, and how many are shown then: a screen or so.
LONG, SCREEN = 150, 48


def print_answers(comparison: Comparison, level: float) -> None:
    """Verdict, predictive comparison, coefficients, ratios; what `account` said is not repeated."""
    from bayesreg.report import effects, tables
    from bayesreg.verbs.verdict import account

    said = {account(entry) for entry in comparison.entries.values()}
    sentences = [sentence for sentence in comparison.verdict if sentence not in said]
    print_sentences([*sentences, seeded(comparison.provenance["seed"])])
    if len(comparison.table):
        print_table(tables.prediction(comparison))
    table = tables.coefficients(comparison, level)
    print_table(table if table.rows else tables.unknowns(comparison, level=level))
    ratios = effects.ratios(comparison, level) if table.rows else None
    if ratios is not None:
        print_table(ratios)
    if factors := tables.coding(comparison):
        print_sentences(["", f"{factors} {_columns_of_factors(comparison)}"])


def seeded(seed: int) -> str:
    """Which seed the numbers come from, and how to have others."""
    return f"Seed {seed}: the same command gives the same numbers, --seed others."


def _columns_of_factors(comparison: Comparison) -> str:
    """The columns behind the contrasts, by which the optimum and the draws call them."""
    problem = next(iter(comparison.entries.values())).problem
    single = set(problem.effects.single.tolist())
    names = [name for j, name in enumerate(problem.features) if j not in single]
    more = f", … ({len(names)} in all)" if len(names) > COLUMNS else ""
    return f"Their columns in the fit: {', '.join(names[:COLUMNS])}{more}." if names else ""


def print_sentences(sentences: Sequence[str]) -> None:
    """One paragraph each; a terminal wraps at words, a pipe gets whole lines."""
    console = _terminal()
    with read_or_not():
        for sentence in sentences:
            if console is None:
                click.echo(printable(sentence))
            else:
                from rich.text import Text

                console.print(Text(printable(sentence)))


def print_table(table: Table) -> None:
    """A table: for people on a terminal, in full and aligned elsewhere unless it is endless."""
    console = _terminal()
    texts = _cells(table, WIDEST_PIPED if console is None else WIDEST_NAME)
    shown = _shown(table, on_terminal=console is not None)
    texts = texts[: 1 + shown]
    with read_or_not():
        if console is None:
            click.echo(f"\n{table.title}")
            widths = [_width(column) for column in zip(*texts, strict=True)]
            for row in texts:
                cells = zip(row, widths, table.columns, strict=True)
                line = (" " * GAP).join(_padded(t, w, left=c.textual) for t, w, c in cells)
                click.echo(line.rstrip())
        else:
            _print_rich(console, table, texts)
        if shown < len(table.rows):
            more = f"... and {len(table.rows) - shown} more rows: all with --out or --export"
            (click.echo if console is None else console.print)(more)


def _shown(table: Table, *, on_terminal: bool) -> int:
    """How many rows: what the table says for people, all elsewhere; a screen where it is long."""
    rows = len(table.rows)
    first = table.first if on_terminal else 0
    if not first and rows > LONG:
        first = SCREEN - SCREEN % max(table.group, 1)
    return min(first or rows, rows)


@contextmanager
def read_or_not() -> Iterator[None]:
    """Whoever reads stdout may leave early, as `head` does: the files are still written."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def deliver(
    options: Options, page: Callable[[], Document], files: Iterable[tuple[str, Path]]
) -> None:
    """JSON on stdout if it was asked for; then the files, written as they are drawn, by path."""
    if options.json:
        from bayesreg.report.records import json_text

        with read_or_not():
            click.echo(json_text(page()), nl=False)
    print_files(options, files)


def print_files(options: Options, files: Iterable[tuple[str, Path]]) -> None:
    """What was written where; beside JSON on stderr."""
    for line in [f"{what}: {path}" for what, path in files]:
        if options.json:
            say(line)
        else:
            print_sentences([line])


def _terminal() -> Any:
    """The console of a terminal, or None where stdout is a file or a pipe."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console(highlight=False)


def _cells(table: Table, widest: int) -> list[list[str]]:
    """Headings and cells as text; long names shortened, but never alike."""
    from bayesreg.language.text import labels

    columns = []
    for j, column in enumerate(table.columns):
        body = [table.text(i, j) for i in range(len(table.rows))]
        if column.textual:
            different = list(dict.fromkeys(body))
            short = dict(zip(different, labels(different, widest), strict=True))
            body = [short[text] for text in body]
        columns.append([column.title, *body])
    return [list(row) for row in zip(*columns, strict=True)]


def _print_rich(console: Any, table: Table, texts: list[list[str]]) -> None:
    """Columns that fit, and groups of rows under one heading."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    kept = _fitting(table, texts, console.width)
    grid = Grid(
        title=table.title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, GAP, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for j in kept:
        column = table.columns[j]
        justify: Literal["left", "right"] = "left" if column.textual else "right"
        grid.add_column(Text(texts[0][j]), justify=justify, no_wrap=True)
    for i, row in enumerate(texts[1:]):
        cells = [Text(row[j]) for j in kept]
        if i % table.group:
            cells[0] = Text("")
        grid.add_row(*cells)
    console.print()
    console.print(grid)


def _fitting(table: Table, texts: list[list[str]], width: int) -> list[int]:
    """Columns that fit into the width, dispensable ones left out first."""
    kept = list(range(len(table.columns)))
    widths = [_width(column) + GAP + 1 for column in zip(*texts, strict=True)]
    for key in DISPENSABLE:
        if sum(widths[j] for j in kept) <= width:
            break
        kept = [j for j in kept if table.columns[j].key != key]
    return kept


def _width(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(cell_len(text) for text in texts)


def _padded(text: str, width: int, *, left: bool) -> str:
    from rich.cells import cell_len

    blank = " " * (width - cell_len(text))
    return text + blank if left else blank + text
