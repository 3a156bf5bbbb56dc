from .study_analysis import StudyAnalysis as StudyAnalysis
from .study_export import StudyExport as StudyExport
from .workspace import Workspace as Workspace
