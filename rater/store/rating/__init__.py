"""The rating database: items, booklets, raters and answers; no arm anywhere."""
