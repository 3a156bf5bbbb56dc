"""Steer a language model by adding activations to its residual stream, and sample from it.

`__init__.pyi` lists the public names. Each is loaded on first use: importing `rater.steering` loads no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
