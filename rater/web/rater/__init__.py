"""Serve the raters' pages, one module a stage: each view reads the form, calls the store, and answers."""

from rater.web.rater import arrival, ending, practice, preparation, trials
from rater.web.rater.blueprint import blueprint

__all__ = ["arrival", "blueprint", "ending", "practice", "preparation", "trials"]
