"""Audit a publication: find what could tell a rater, or who holds the rating database, which arm made a text."""
