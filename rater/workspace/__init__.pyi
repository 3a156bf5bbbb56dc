from .study_analysis import StudyAnalysis as StudyAnalysis
from .workspace import Workspace as Workspace
