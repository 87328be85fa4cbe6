"""The tables that say why the numbers can be believed: certificates, routes, engines, chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.report.table import Rows, by_prior, plain

SHOWN = 40
SAME = (
    "A MAP sits at one λ and a posterior integrates over λ: here the MAP is at the posterior's "
    "own, the"
)


def standing(certificate: Any) -> bool | str:
    """What a certificate is worth: held, failed, or of a local optimum, which nothing bounds."""
    local = certificate.ok and certificate.gap is None
    return "stationary, local" if local else bool(certificate.ok)


@by_prior(
    "certificates",
    "Certificates",
    "solver code solver | gap small duality gap | gap_limit small limit | "
    "kkt small KKT residual | kkt_limit small limit | nats small gap ÷ φ, nats | "
    "ok flag certificate | why why in words",
    "No β has a log posterior, given σ and scale, that is higher by more than gap ÷ φ nats; "
    "φ = σ², and σ under Laplace noise. "
    "Without a gap J is not convex, and the MAP is the best local optimum that was seen.",
    no_sigma={
        "less": "nats",
        "note": "No β has a log posterior, given the scale, that is higher by more than the gap, "
        "which is in nats. Without a gap J is not convex, and the MAP is the best local optimum "
        "that was seen.",
    },
)
def certificates(entry: Any) -> Rows:
    """The certificate of each optimum."""
    if entry.fit is not None:
        c = entry.fit.certificate
        sizes = (c.gap, c.gap_limit, c.kkt, c.kkt_limit, c.nats)
        yield str(entry.fit.solver), *sizes, standing(c), c.why


@by_prior(
    "correspondence",
    "Routes to the optimum",
    "formulation text route | solver code solver | "
    "difference small largest relative difference | limit small limit | "
    "ok flag within limit | reported text reported",
    "‖Δβ‖∞ / ‖β‖∞ on columns of unit sd, against the optimum reported; 0: to the last bit.",
)
def correspondence(entry: Any) -> Rows:
    """Every route to each optimum, and how far it ends from the one reported."""
    if entry.fit is not None:
        for route, one in entry.fit.correspondence.table.iterrows():
            ends = (one["difference"], one["limit"], bool(one["ok"]), bool(one["reported"]))
            yield one["formulation"], str(route), *ends


@by_prior(
    "same_lam",
    "MAP and posterior at the same λ",
    "farthest ratio largest |mean − MAP|, posterior sds | effect name effect | "
    "margin number log p(MAP) − largest of the draws, nats | "
    "exact small mean against MAP, given σ and scale | ok flag certificate",
    f"{SAME} medians of σ and scale plugged in. Given these no draw can have a higher log density "
    "than the MAP. Under a normal prior the mean given σ and scale is the MAP: their relative "
    "difference in closed form; – for other priors.",
    no_sigma={
        "less": "exact",
        "note": f"{SAME} median of the scale plugged in. Given it no draw can have a higher log "
        "density than the MAP.",
    },
)
def same_lam(entry: Any) -> Rows:
    """The MAP at the posterior's own λ beside the posterior."""
    one = entry.same_lam
    if one is not None:
        yield one.farthest, one.effect, one.margin, one.exact, standing(one.fit.certificate)


@by_prior(
    "agreement",
    "Each engine against PyMC's NUTS",
    "engine code engine | statistics integer statistics | max_z ratio largest |z| | "
    "limit ratio limit | mean_z2 ratio mean z² | ok flag agreement | why why in words",
    "z: difference of the two engines' means, sds and 5, 50, 95 % quantiles in units of their "
    "Monte Carlo error; mean z² is about 1 when both sample the same posterior.",
)
def agreement(entry: Any) -> Rows:
    """The verdict of each engine against PyMC."""
    a = entry.agreement
    if a is not None:
        sizes = (len(a.table), a.max_z, a.limit, a.mean_z2)
        yield entry.post.engine, *sizes, a.ok, a.why


@by_prior(
    "differences",
    "All compared statistics",
    "unknown name unknown | statistic text statistic | a number engine | b number PyMC | "
    "mcse number Monte Carlo error | z ratio z",
    first=SHOWN,
    folded=True,
)
def differences(entry: Any) -> Rows:
    """Every compared statistic, the largest |z| of each prior first."""
    if entry.agreement is not None:
        table = entry.agreement.table
        order = np.argsort(-np.abs(table["z"].to_numpy(float)), kind="stable")
        cells = table.iloc[order][["unknown", "statistic", "a", "b", "mcse", "z"]]
        yield from cells.itertuples(index=False, name=None)


@by_prior(
    "diagnostics",
    "Convergence",
    "engine code engine | chains integer chains | draws integer draws | "
    "warmup integer warm-up | rhat number R̂ | ess_bulk integer bulk ESS | "
    "ess_tail integer tail ESS | divergences integer divergences | ok flag checks | "
    "why why in words",
    "Draws per chain; the largest R̂ and the smallest effective sample sizes of all unknowns. "
    "R̂ – : the draws are independent, so that there are no chains to compare.",
)
def runs(entry: Any) -> Rows:
    """One row per run: engine, length, worst diagnostics, verdict."""
    for post in _runs(entry):
        draws, checks = post.draws, post.checks
        least = [plain(checks.table[ess].min()) for ess in ("ess_bulk", "ess_tail")]
        worst = (*draws.intercept.shape, draws.warmup, plain(checks.table["rhat"].max()), *least)
        yield draws.engine, *worst, checks.divergences, bool(checks.ok), checks.why


@by_prior(
    "unknown_diagnostics",
    "Every unknown",
    "engine code engine | unknown name unknown | mean number mean | sd number sd | "
    "mcse_mean number MCSE of the mean | ess_bulk integer bulk ESS | "
    "ess_tail integer tail ESS | rhat number R̂",
    first=SHOWN,
    folded=True,
)
def chains(entry: Any) -> Rows:
    """Diagnostics of every unknown of every run."""
    wanted = ["mean", "sd", "mcse_mean", "ess_bulk", "ess_tail", "rhat"]
    for post in _runs(entry):
        for unknown, *values in post.checks.table[wanted].itertuples(name=None):
            yield post.draws.engine, str(unknown), *values


def _runs(entry: Any) -> list[Any]:
    """The posterior of a prior, then PyMC's where there is one."""
    return [post for post in (entry.post, entry.nuts) if post is not None]
