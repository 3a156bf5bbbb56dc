"""Audit a publication: find what could reveal an arm to raters, or to anyone who has the rating database."""
