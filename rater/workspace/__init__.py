"""One object for notebooks and the command line: two databases and every verb on a study.

Importing this package loads neither torch nor pandas; a verb imports what it needs when it is called.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
