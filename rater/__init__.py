"""Ask people, blindly, whether a language model that was changed from the inside reads differently.

The names an experimenter needs in a study file are exported here, lazily: importing `rater.web` or running
`rater --help` loads none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rater.study.analysis_plan import AnalysisPlan as AnalysisPlan
    from rater.study.arms import ActivationAddition as ActivationAddition
    from rater.study.arms import DatasetVector as DatasetVector
    from rater.study.arms import RandomVector as RandomVector
    from rater.study.arms import Steered as Steered
    from rater.study.arms import Unsteered as Unsteered
    from rater.study.arms import VectorFile as VectorFile
    from rater.study.arms import XVector as XVector
    from rater.study.plan import Plan as Plan
    from rater.study.protocol import Dimension as Dimension
    from rater.study.protocol import Likert as Likert
    from rater.study.sampling import Sampling as Sampling
    from rater.study.study import Study as Study

_HOME = {
    "ActivationAddition": "rater.study.arms",
    "AnalysisPlan": "rater.study.analysis_plan",
    "DatasetVector": "rater.study.arms",
    "Dimension": "rater.study.protocol",
    "Likert": "rater.study.protocol",
    "Plan": "rater.study.plan",
    "RandomVector": "rater.study.arms",
    "Sampling": "rater.study.sampling",
    "Steered": "rater.study.arms",
    "Study": "rater.study.study",
    "Unsteered": "rater.study.arms",
    "VectorFile": "rater.study.arms",
    "XVector": "rater.study.arms",
}

__all__ = [  # noqa: PLE0604 (one list serves both the lazy look-up and the export)
    *_HOME,
    "__version__",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    msg = f"module 'rater' has no attribute {name!r}"
    raise AttributeError(msg)
