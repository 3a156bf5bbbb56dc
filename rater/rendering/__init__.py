"""Completions as raters see them: turns, reasoning and Markdown, in the same way for every arm."""
