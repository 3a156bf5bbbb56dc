from .external_plan import plan_for as plan_for
from .plan import Planned as Planned
from .primary import Analysis as Analysis
from .primary import analyze as analyze
from .read_ratings import read as read
from .reading_notes import ReadingNotes as ReadingNotes

__all__: list[str]
