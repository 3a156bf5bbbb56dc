"""Verify a study: recompute everything that its log, its commitment and its sealed half cover."""

from rater.verify.checks import Check, CheckOutcome
from rater.verify.study import names_of_tampered, require_untampered, verify_study

__all__ = ["Check", "CheckOutcome", "names_of_tampered", "require_untampered", "verify_study"]
