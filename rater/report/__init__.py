"""Turn results into something to read: a screen, JSON, CSV."""
