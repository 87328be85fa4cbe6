"""Criteria: numbers by which to choose λ. Each takes a Problem and λ's, and fits nothing else."""

from bayesreg.criteria.cross_validation import CrossValidation, cross_validate
from bayesreg.criteria.information_criteria import InformationCriteria, information_criteria

__all__ = [
    "CrossValidation",
    "InformationCriteria",
    "cross_validate",
    "information_criteria",
]
