"""Find prompt and texts on a page."""

from bs4 import BeautifulSoup

from rater.rendering.page_text import prompt_on, texts_on

PLAIN = "<p><strong class=prompt>I woke</strong><span class=completion> up.</span></p>"
TURNS = """
<div class=context><div class=turn><p class=role>User</p><div class=part>Hi there</div></div></div>
<div class=completion>
<div class=turn><p class=role>Assistant</p><div class=part><p>Yes, <em>do</em></p></div></div>
</div>
<div class=completion><div class=turn><p class=empty>This text is empty.</p></div></div>
"""


def test_a_text_that_continues_its_prompt_is_found() -> None:
    page = BeautifulSoup(PLAIN, "html.parser")

    assert (prompt_on(page), texts_on(page)) == ("Iwoke", ("up.",))


def test_of_turns_the_words_are_found_without_roles() -> None:
    page = BeautifulSoup(TURNS, "html.parser")

    assert prompt_on(page) == "Hithere"
    assert texts_on(page)[0] == "Yes,do"


def test_an_empty_text_has_no_words() -> None:
    assert texts_on(BeautifulSoup(TURNS, "html.parser"))[1] == ""


def test_a_page_without_texts_has_none() -> None:
    page = BeautifulSoup("<main></main>", "html.parser")

    assert (prompt_on(page), texts_on(page)) == ("", ())
