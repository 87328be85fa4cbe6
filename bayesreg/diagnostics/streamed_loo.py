r"""Leave-one-out for posteriors of rows that are read in passes: one pass, and a sample by hash.

Where rows are left out in closed form, each one is. Elsewhere a normal approximation a_i is at
every row in that pass (under another likelihood with log p(y_i | η) expanded), and importance
sampling gives log p(y_i | y_-i) at the m of n rows that are the sample; their differences are
scaled up,

.. math:: \hat T = \sum_i w_i a_i + \frac{n}{m} \sum_{i \in s} w_i (\log p(y_i \mid y_{-i}) - a_i)

Magnusson, Vehtari, Jonasson & Andersen (2020), "Leave-one-out cross-validation for Bayesian model
comparison in large data", AISTATS, https://proceedings.mlr.press/v108/magnusson20a.html.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.stores.read import grouped
from bayesreg.diagnostics.elpd import Known, Pointwise, Total, good_khat, judged, measured
from bayesreg.diagnostics.leave_one_out import importance, mend, methods_said, noise_said
from bayesreg.diagnostics.one_pass import LeavingOut, Passed, Together
from bayesreg.engines.draws import at_hand, rows_of
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.data.streamed import Streamed
    from bayesreg.diagnostics.pointwise import Routes
    from bayesreg.engines.draws import Draws


Finish = Callable[[Passed], Any]


def loo_of_stream(
    runs: Sequence[Draws], stream: Streamed, method: str | None, routes: Routes
) -> list[Any]:
    """Of several posteriors of the same rows, in one pass: see ``diagnostics.loo``.

    Returns
    -------
    list of StreamedLOO

    Raises
    ------
    NotSupported
        If folds are asked for, or the likelihood has no approximation that a pass could sum.
    """
    if method == "kfold" or routes.near is None:
        what = "folds" if method == "kfold" else f"{type(runs[0].problem.likelihood).__name__}()"
        raise NotSupported(
            f"leave-one-out by {what} takes rows in memory, and {stream.apart}; condition on a "
            "sample of them, problem.stream.sample()"
        )
    asked = [_asked(draws, stream, method, routes) for draws in runs]
    passed = stream.total(Together(tuple(part for part, _ in asked))).passed
    return [finish(one) for one, (_, finish) in zip(passed, asked, strict=True)]


def _asked(
    draws: Draws, stream: Streamed, method: str | None, routes: Routes
) -> tuple[LeavingOut, Finish]:
    """What a pass sums for a posterior, and what is then made of it."""
    assert routes.near is not None
    here = dataclasses.replace(draws, problem=at_hand(draws.problem))
    if draws.engine == "exact" and method is None and routes.leaving is not None:
        leaving = routes.leaving(draws)
        finish = partial(_in_closed_form, here, stream, leaving)
        return LeavingOut.of(draws, leaving), finish
    if not (np.all(np.isfinite(draws.beta)) and np.all(np.isfinite(draws.sigma))):
        raise BadData("LOO needs finite draws, and some are not; see post.checks.why")
    design = rows_of(here.problem)
    values, sample, notes = importance(here, design, None, None if method else routes.integrated)
    if draws.approximate:
        notes.append("of a normal approximation to the posterior")
    if method is None and routes.leaving is not None:  # elsewhere all rows would be needed
        found = mend(here, design, values, good_khat(sample.size), notes, routes)
        values = values if found is None else found
    leaving = routes.near(draws, sample)
    finish = partial(_by_difference, here, stream, leaving, values, sample.size, notes)
    return LeavingOut.of(draws, leaving), finish


def _in_closed_form(here: Draws, stream: Streamed, leaving: Any, passed: Passed) -> Any:
    """Every row left out, and each of the sample once more."""
    design = rows_of(here.problem)
    found = leaving.of(design)
    method = np.broadcast_to(np.array("exact"), design.n)
    values = Pointwise(found.elpd, found.lppd, np.zeros(design.n), design.frequencies, method)
    about: dict[str, Any] = {"n_samples": 0, "warning": False, "good_k": good_khat(0), "mcse": 0.0}
    about |= {"p": passed.lppd - passed.elpd, "note": "exact", "method": "exact"}
    about |= measured(here.problem)
    return _result(stream, design, passed, values, _known(passed).itself(ddof=1), about)


def _by_difference(
    here: Draws,
    stream: Streamed,
    leaving: Any,
    values: Pointwise,
    draws: int,
    notes: list[str],
    passed: Passed,
) -> Any:
    """The sample left out by importance sampling, every row as if the posterior were normal."""
    design = rows_of(here.problem)
    near = leaving.of(design).elpd
    many = passed.rows / design.n
    values = dataclasses.replace(values, approximate=near, mcse=many * values.mcse)
    counted = f"{grouped(design.n)} of {grouped(passed.rows)} rows"
    said = [*notes, f"{counted}, difference estimator", noise_said(values.mcse)]
    bad, note = judged(values, good_khat(draws), "; ".join(said))
    total = _known(passed).corrected(values.elpd, near, values.weights, ddof=1)
    p = many * float(values.weights @ (values.lppd - values.elpd))
    about = {"n_samples": draws, "warning": bad, "good_k": good_khat(draws), "p": p, "note": note}
    about |= {"method": methods_said(values), "mcse": values.mcse, **measured(here.problem)}
    return _result(stream, design, passed, values, total, about)


def _known(passed: Passed) -> Known:
    return Known(passed.rows, passed.size, passed.elpd, passed.spread)


def _result(
    stream: Streamed,
    design: Design,
    passed: Passed,
    values: Pointwise,
    total: Total,
    about: dict[str, Any],
) -> Any:
    """ArviZ's object, with what the pass said."""
    from bayesreg.diagnostics.streamed_elpd import StreamedLOO

    worst = passed.worst
    told = np.column_stack([worst.elpd, worst.y, worst.fitted, worst.error])
    near = values.elpd if values.approximate is None else values.approximate
    return StreamedLOO(
        elpd=total.value, se=total.se, subsampling_se=total.sampling_se, scale="log",
        n_data_points=passed.rows, size=passed.size, row=design.obs_id, y=design.y,
        weight=values.weights, value=values.elpd, approximate=near, khat=values.khat,
        pit=passed.pit, seen=passed.seen, edges=passed.edges, groups=passed.groups, worst=told,
        places=tuple(map(stream.place, worst.rows.tolist(), worst.runs.tolist())), **about,
    )  # fmt: skip
