"""Ask people, blindly, whether a language model that was changed from the inside reads differently.

The names an experimenter needs in a study file are exported here, lazily: importing `rater.web` or running
`rater --help` loads none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rater.study.analysis_plan import AnalysisPlan as AnalysisPlan
    from rater.study.analysis_plan import Contrast as Contrast
    from rater.study.analysis_plan import Exclusions as Exclusions
    from rater.study.analysis_plan import Looks as Looks
    from rater.study.arms import ActivationAddition as ActivationAddition
    from rater.study.arms import DatasetVector as DatasetVector
    from rater.study.arms import OtherModel as OtherModel
    from rater.study.arms import Outside as Outside
    from rater.study.arms import Prompted as Prompted
    from rater.study.arms import RandomVector as RandomVector
    from rater.study.arms import Sampling as Sampling
    from rater.study.arms import Steered as Steered
    from rater.study.arms import Unsteered as Unsteered
    from rater.study.arms import VectorFile as VectorFile
    from rater.study.arms import XVector as XVector
    from rater.study.arms import dose_series as dose_series
    from rater.study.arms import random_control as random_control
    from rater.study.design import Plan as Plan
    from rater.study.practice_and_checks import AttentionCheck as AttentionCheck
    from rater.study.practice_and_checks import Practice as Practice
    from rater.study.practice_and_checks import ShuffledWords as ShuffledWords
    from rater.study.protocol import Dimension as Dimension
    from rater.study.scales import Likert as Likert
    from rater.study.scales import Number as Number
    from rater.study.scales import Pairwise as Pairwise
    from rater.study.scales import Slider as Slider
    from rater.study.study import Study as Study
    from rater.study.translation import DimensionTranslation as DimensionTranslation
    from rater.study.translation import Translation as Translation
    from rater.study.visit import CLOUDRESEARCH as CLOUDRESEARCH
    from rater.study.visit import MTURK as MTURK
    from rater.study.visit import PROLIFIC as PROLIFIC
    from rater.study.visit import BlindingQuestion as BlindingQuestion
    from rater.study.visit import Ending as Ending
    from rater.study.visit import Endings as Endings
    from rater.study.visit import Recruitment as Recruitment
    from rater.study.visit import ScreeningQuestion as ScreeningQuestion

_HOME = {
    "ActivationAddition": "rater.study.arms",
    "AnalysisPlan": "rater.study.analysis_plan",
    "AttentionCheck": "rater.study.practice_and_checks",
    "BlindingQuestion": "rater.study.visit",
    "CLOUDRESEARCH": "rater.study.visit",
    "Contrast": "rater.study.analysis_plan",
    "DatasetVector": "rater.study.arms",
    "Dimension": "rater.study.protocol",
    "DimensionTranslation": "rater.study.translation",
    "Ending": "rater.study.visit",
    "Endings": "rater.study.visit",
    "Exclusions": "rater.study.analysis_plan",
    "Likert": "rater.study.scales",
    "Looks": "rater.study.analysis_plan",
    "MTURK": "rater.study.visit",
    "Number": "rater.study.scales",
    "OtherModel": "rater.study.arms",
    "Outside": "rater.study.arms",
    "PROLIFIC": "rater.study.visit",
    "Pairwise": "rater.study.scales",
    "Plan": "rater.study.design",
    "Practice": "rater.study.practice_and_checks",
    "Prompted": "rater.study.arms",
    "RandomVector": "rater.study.arms",
    "Recruitment": "rater.study.visit",
    "Sampling": "rater.study.arms",
    "ScreeningQuestion": "rater.study.visit",
    "ShuffledWords": "rater.study.practice_and_checks",
    "Slider": "rater.study.scales",
    "Steered": "rater.study.arms",
    "Study": "rater.study.study",
    "Translation": "rater.study.translation",
    "Unsteered": "rater.study.arms",
    "VectorFile": "rater.study.arms",
    "XVector": "rater.study.arms",
    "dose_series": "rater.study.arms",
    "random_control": "rater.study.arms",
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
