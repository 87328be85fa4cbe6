"""Page one and what it rests on: the answers, the findings on the model, the works cited."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bayesreg.report.table import Rows, Table, by_prior, columns, plain

# By how the texts cite them: author, year.
WORKS = {
    "Carvalho, Polson and Scott, 2010": "Carvalho, C. M., Polson, N. G. & Scott, J. G. (2010). The "
    "horseshoe estimator for sparse signals. Biometrika 97(2), 465–480. doi:10.1093/biomet/asq017",
    "Piironen and Vehtari, 2017": "Piironen, J. & Vehtari, A. (2017). Sparsity information and "
    "regularization in the horseshoe and other shrinkage priors. Electronic Journal of Statistics "
    "11(2), 5018–5051. doi:10.1214/17-EJS1337SI",
    "Vehtari et al., 2021": "Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. & Bürkner, P.-C. "
    "(2021). Rank-normalization, folding, and localization: an improved R̂ for assessing "
    "convergence of MCMC. Bayesian Analysis 16(2), 667–718. doi:10.1214/20-BA1221",
    "Vehtari, Gelman and Gabry, 2017": "Vehtari, A., Gelman, A. & Gabry, J. (2017). Practical "
    "Bayesian model evaluation using leave-one-out cross-validation and WAIC. Statistics and "
    "Computing 27(5), 1413–1432. doi:10.1007/s11222-016-9696-4",
    "Magnusson et al., 2020": "Magnusson, M., Vehtari, A., Jonasson, J. & Andersen, M. R. (2020). "
    "Leave-one-out cross-validation for Bayesian model comparison in large data. Proceedings of "
    "Machine Learning Research 108, 341–351.",
    "Sivula et al. 2025": "Sivula, T., Magnusson, M., Matamoros, A. A. & Vehtari, A. (2025). "
    "Uncertainty in Bayesian leave-one-out cross-validation based model comparison. Bayesian "
    "Analysis. arXiv:2008.10296",
    "Yao et al. (2018)": "Yao, Y., Vehtari, A., Simpson, D. & Gelman, A. (2018). Using stacking to "
    "average Bayesian predictive distributions. Bayesian Analysis 13(3), 917–1007. "
    "doi:10.1214/17-BA1091",
    "Gelman et al., 2019": "Gelman, A., Goodrich, B., Gabry, J. & Vehtari, A. (2019). R-squared "
    "for Bayesian regression models. The American Statistician 73(3), 307–309. "
    "doi:10.1080/00031305.2018.1549100",
    "DeLong, DeLong and Clarke-Pearson, 1988": "DeLong, E. R., DeLong, D. M. & Clarke-Pearson, "
    "D. L. (1988). Comparing the areas under two or more correlated receiver operating "
    "characteristic curves: a nonparametric approach. Biometrics 44(3), 837–845. "
    "doi:10.2307/2531595",
    "Kallioinen et al., 2024": "Kallioinen, N., Paananen, T., Bürkner, P.-C. & Vehtari, A. (2024). "
    "Detecting and diagnosing prior and likelihood sensitivity with power-scaling. Statistics and "
    "Computing 34, 57. doi:10.1007/s11222-023-10366-5",
}


def answers(comparison: Any, level: float) -> Table:
    """What a reader asks first, and the answers in units."""
    rows = tuple(tuple(one) for one in comparison.brief(level).answers)
    head = columns("question text question | answer text answer")
    return Table("in_short", "In short", head, rows, layout="answers")


@by_prior(
    "accuracy",
    "How much is explained",
    "of text of | mean number R² | interval number | rmse number root mean squared error | "
    "rmse_low number from | rmse_high number to",
    "Rows seen: of the rows that the model was fitted to. Rows left out: each predicted from the "
    "others, what to expect of new ones. R²: Gelman et al., 2019; an error is in the unit of the "
    "response, and of a probability that of its distance from yes or no. Of counts even a perfect "
    "mean leaves their own variance. Both intervals are of the same level.",
)
def accuracy(entry: Any, level: float) -> Rows:
    """R² and RMSE of rows seen and left out, with their intervals."""
    post = entry.post
    if entry.loo is None or not post.has_rows or not np.ptp(post.at_hand.problem.design.y) > 0.0:
        return
    for said, kind in (("rows seen", "in-sample"), ("rows left out", "loo")):
        r2, rmse = post.r2(kind, level), post.rmse(kind, level)
        yield said, r2.mean, *r2.interval(), rmse.mean, *rmse.interval()


def scores(comparison: Any) -> Table:
    """The log score, and Brier's and the AUC, the deviance, or errors, as the response asks for."""
    found = {n: e.scores for n, e in comparison.entries.items() if e.scores is not None}
    rows, said = [], {}
    for name in dict.fromkeys(one.name for each in found.values() for one in each.rows):
        for prior, each in found.items():
            for one in each.rows:
                if one.name == name:
                    rows.append((name, prior, *map(plain, (one.value, one.se, one.alone))))
                    said[name] = f"{name} ({one.better} is better): {one.says}"
    head = columns(
        "score name score | prior prior prior | value number value | se number standard error | "
        "alone number the mean alone"
    )
    note = "Each row predicted from the others. " + "; ".join(said.values())
    note += ". The mean alone: the same score where the columns say nothing."
    cited = " Error of the AUC: DeLong, DeLong and Clarke-Pearson, 1988." * ("AUC" in said)
    title = "How rows left out are predicted"
    return Table("scores", title, head, tuple(rows), note + cited, group=max(len(found), 1))


def findings(comparison: Any) -> Table | None:
    """What was looked at to see whether the model describes the data, and what was seen."""
    found = comparison.adequacy
    if found is None:
        return None
    head = columns("question text question | ok answer answer | seen text what was seen | why why")
    rows = tuple((f.question, f.ok, f.seen, f.advice) for f in found.findings)
    note = (
        "Each is asked of the prior that predicts best. A test alone would call any departure of "
        "many rows: a finding needs p < 0.001 and a size that changes an answer. Prior: "
        "sensitivity by power-scaling (Kallioinen et al., 2024)."
    )
    return Table("adequacy", "What was looked at", head, rows, note)


def surprising(comparison: Any) -> Table | None:
    """Of rows that are read in passes, those that the best prior expected least."""
    found = leader(comparison).loo
    if not hasattr(found, "surprising"):
        return None
    head = columns(
        "row text row | elpd decimal log density | y number y | predicted number predicted | "
        "error ratio error in its scale"
    )
    rows = tuple((str(row), *map(float, one)) for row, *one in found.surprising.itertuples())
    note = "Of all rows, each predicted from the others by the prior that predicts best."
    return Table("surprising", "The rows that were least expected", head, rows, note)


def leader(comparison: Any) -> Any:
    """The entry that predicts best, or the first."""
    ranked = [str(name) for name in comparison.table.index] or list(comparison.entries)
    return comparison.entries[ranked[0]]


def works(texts: Iterable[str]) -> list[str]:
    """The references of those works that the texts cite, by author."""
    said = " ".join(texts)
    return sorted(full for cited, full in WORKS.items() if cited in said)
