"""One object for notebooks and the command line: two databases and every verb on a study.

Importing this package loads neither torch nor pandas; a verb imports what it needs when it is called.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rater.workspace.study_analysis import StudyAnalysis as StudyAnalysis
    from rater.workspace.workspace import Workspace as Workspace

_MODULES = {"StudyAnalysis": "study_analysis", "Workspace": "workspace"}

__all__ = ["StudyAnalysis", "Workspace"]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
