"""Show raters one text at a time, and keep every answer."""
