"""Simulated raters of several characters: over HTTP with the real forms, or in the store."""
