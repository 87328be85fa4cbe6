"""Criteria: numbers by which to choose λ. Each takes a Problem and λ's, and fits nothing else."""

from bayesreg.criteria.cross_validation import CrossValidation, cross_validate
from bayesreg.criteria.evidence import Evidence, log_evidence, maximise_evidence, reference_sigma
from bayesreg.criteria.information import InformationCriteria, information_criteria
from bayesreg.criteria.ridge import RidgeCriteria, ridge_criteria

__all__ = [
    "CrossValidation",
    "Evidence",
    "InformationCriteria",
    "RidgeCriteria",
    "cross_validate",
    "information_criteria",
    "log_evidence",
    "maximise_evidence",
    "reference_sigma",
    "ridge_criteria",
]
