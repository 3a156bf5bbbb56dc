"""Measure texts: counts, classifiers and LLM judges, which see a prompt and its text and never an arm.

`__init__.pyi` lists the public names. Each is loaded on first use: importing `rater.measure` loads no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
