"""Find a text on a page, as `rater.rendering.shown.shown_key` has it."""

from bs4 import BeautifulSoup, Tag

from rater.rendering.shown import without_spaces


def words_of_text(element: Tag) -> str:
    """Return the words of an element with a text or context; of turns their words, without the roles."""
    parts = element.select(".part") if element.select_one(".turn") else [element]
    return without_spaces("".join(part.get_text() for part in parts))


def prompt_on(page: BeautifulSoup) -> str:
    """Return the prompt of a page, or the turns that its texts share; empty where there is none."""
    element = page.select_one(".context") or page.select_one(".prompt")
    return "" if element is None else words_of_text(element)


def texts_on(page: BeautifulSoup) -> tuple[str, ...]:
    """Return the texts of a page, from left to right."""
    return tuple(words_of_text(found) for found in page.select(".completion"))
