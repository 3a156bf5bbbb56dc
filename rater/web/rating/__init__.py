"""Serve the raters' pages, one module a stage: its views, and the dataclasses that its templates show."""
