"""The tables that say why the numbers can be believed: certificates, routes, engines, chains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesreg.report.table import PRIOR, Column, Table, plain

SHOWN = 40


def certificates(comparison: Any) -> Table:
    """The certificate of each optimum."""
    rows = []
    for name, entry in comparison.entries.items():
        if entry.fit is None:
            continue
        c = entry.fit.certificate
        cells = (c.gap, c.gap_limit, c.kkt, c.kkt_limit, c.nats, bool(c.ok), c.why)
        rows.append((name, str(entry.fit.solver), *cells))
    columns = (
        PRIOR,
        Column("solver", "solver", "code"),
        Column("gap", "duality gap", "small"),
        Column("gap_limit", "limit", "small"),
        Column("kkt", "KKT residual", "small"),
        Column("kkt_limit", "limit", "small"),
        Column("nats", "gap ÷ σ², nats", "small"),
        Column("ok", "certificate", "flag"),
        Column("why", "in words", "why"),
    )
    note = (
        "No β has a log posterior, given σ and scale, that is higher by more than gap ÷ σ² nats. "
        "Without a gap J is not convex, and the MAP is the best local optimum that was seen."
    )
    return Table("certificates", "Certificates", columns, tuple(rows), note)


def correspondence(comparison: Any) -> Table:
    """Every route to each optimum, and how far it ends from the one reported."""
    rows: list[tuple[Any, ...]] = []
    for name, entry in comparison.entries.items():
        if entry.fit is None:
            continue
        for route, row in entry.fit.correspondence.table.iterrows():
            cells = (row["difference"], row["limit"], bool(row["ok"]), bool(row["reported"]))
            rows.append((name, row["formulation"], str(route), *cells))
    columns = (
        PRIOR,
        Column("formulation", "route", "text"),
        Column("solver", "solver", "code"),
        Column("difference", "largest relative difference", "small"),
        Column("limit", "limit", "small"),
        Column("ok", "within limit", "flag"),
        Column("reported", "reported", "text"),
    )
    note = "‖Δβ‖∞ / ‖β‖∞ on columns of unit sd, against the optimum reported; 0: to the last bit."
    return Table("correspondence", "Routes to the optimum", columns, tuple(rows), note)


def agreement(comparison: Any) -> Table:
    """The verdict of each engine against PyMC."""
    rows = []
    for name, entry in comparison.entries.items():
        found = entry.agreement
        if found is not None:
            cells = (len(found.table), found.max_z, found.limit, found.mean_z2, found.ok, found.why)
            rows.append((name, entry.post.engine, *cells))
    columns = (
        PRIOR,
        Column("engine", "engine", "code"),
        Column("statistics", "statistics", "integer"),
        Column("max_z", "largest |z|", "ratio"),
        Column("limit", "limit", "ratio"),
        Column("mean_z2", "mean z²", "ratio"),
        Column("ok", "agreement", "flag"),
        Column("why", "in words", "why"),
    )
    note = (
        "z: difference of the two engines' means, sds and 5, 50, 95 % quantiles in units of their "
        "Monte Carlo error; mean z² is about 1 when both sample the same posterior."
    )
    return Table("agreement", "Each engine against PyMC's NUTS", columns, tuple(rows), note)


def differences(comparison: Any) -> Table:
    """Every compared statistic, the largest |z| of each prior first."""
    rows: list[tuple[Any, ...]] = []
    for name, entry in comparison.entries.items():
        if entry.agreement is None:
            continue
        table = entry.agreement.table
        order = np.argsort(-np.abs(table["z"].to_numpy(float)), kind="stable")
        cells = table.iloc[order][["unknown", "statistic", "a", "b", "mcse", "z"]]
        rows += [(name, *row) for row in cells.itertuples(index=False)]
    columns = (
        PRIOR,
        Column("unknown", "unknown", "name"),
        Column("statistic", "statistic", "text"),
        Column("a", "engine"),
        Column("b", "PyMC"),
        Column("mcse", "Monte Carlo error"),
        Column("z", "z", "ratio"),
    )
    title = "All compared statistics"
    return Table("differences", title, columns, tuple(rows), first=SHOWN, folded=True)


def runs(comparison: Any) -> Table:
    """One row per run: engine, length, worst diagnostics, verdict."""
    columns = (
        PRIOR,
        Column("engine", "engine", "code"),
        Column("chains", "chains", "integer"),
        Column("draws", "draws", "integer"),
        Column("warmup", "warm-up", "integer"),
        Column("rhat", "R̂", "number"),
        Column("ess_bulk", "bulk ESS", "integer"),
        Column("ess_tail", "tail ESS", "integer"),
        Column("divergences", "divergences", "integer"),
        Column("ok", "checks", "flag"),
        Column("why", "in words", "why"),
    )
    rows = tuple(_run_row(name, post) for name, post in _runs(comparison))
    note = (
        "Draws per chain; the largest R̂ and the smallest effective sample sizes of all unknowns. "
        "R̂ – : the draws are independent, so that there are no chains to compare."
    )
    return Table("diagnostics", "Convergence", columns, rows, note)


def chains(comparison: Any) -> Table:
    """Diagnostics of every unknown of every run."""
    rows: list[tuple[Any, ...]] = []
    wanted = ["mean", "sd", "mcse_mean", "ess_bulk", "ess_tail", "rhat"]
    for name, post in _runs(comparison):
        table = post.checks.table[wanted]
        rows += [
            (name, post.draws.engine, str(unknown), *values)
            for unknown, *values in table.itertuples(name=None)
        ]
    columns = (
        PRIOR,
        Column("engine", "engine", "code"),
        Column("unknown", "unknown", "name"),
        Column("mean", "mean"),
        Column("sd", "sd"),
        Column("mcse_mean", "MCSE of the mean", "number"),
        Column("ess_bulk", "bulk ESS", "integer"),
        Column("ess_tail", "tail ESS", "integer"),
        Column("rhat", "R̂", "number"),
    )
    title = "Every unknown"
    return Table("unknown_diagnostics", title, columns, tuple(rows), first=SHOWN, folded=True)


def _runs(comparison: Any) -> Iterator[tuple[str, Any]]:
    """The posteriors: of each prior, then PyMC's where there is one."""
    for name, entry in comparison.entries.items():
        yield name, entry.post
        if entry.nuts is not None:
            yield name, entry.nuts


def _run_row(name: str, post: Any) -> tuple[Any, ...]:
    """Worst numbers of one run; NaN where all are."""
    draws, checks = post.draws, post.checks
    count, length = draws.sigma.shape
    table = checks.table
    worst = (
        plain(table["rhat"].max()),
        plain(table["ess_bulk"].min()),
        plain(table["ess_tail"].min()),
    )
    verdict = (checks.divergences, bool(checks.ok), checks.why)
    return (name, draws.engine, count, length, draws.warmup, *worst, *verdict)
