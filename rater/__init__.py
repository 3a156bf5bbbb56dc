"""Blinded, randomised human evaluation of interventions on language models.

`__init__.pyi` lists the names that study files import, for type checkers and at run time. Each is loaded on
first use: importing `rater.web` or running `rater --help` loads none of them.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
