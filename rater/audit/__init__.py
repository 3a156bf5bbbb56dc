"""Audit a publication: find what could tell raters, or who holds the rating database, an arm."""
