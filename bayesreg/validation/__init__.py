"""Whether an engine samples the posterior that a model defines: three tests that need no data."""

from bayesreg.validation.procedure import CHECKS, validate
from bayesreg.validation.verdict import Validation

__all__ = ["CHECKS", "Validation", "validate"]
