"""Turn a study into sealed completions: freeze it, see which are missing, make them."""
