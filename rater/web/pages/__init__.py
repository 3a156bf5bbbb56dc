"""Define each page as one frozen dataclass: its fields are the whole context of its template."""

from rater.web.pages.frame import ErrorPage, Frame, NoticePage, Page, render

__all__ = ["ErrorPage", "Frame", "NoticePage", "Page", "render"]
