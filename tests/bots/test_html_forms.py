import httpx
import pytest

from rater.bots.html_forms import BotPage, is_number, read_page
from rater.errors import StateError

TRIAL = """
<main>
  <p class="prompt">Once</p><p class="completion"> left</p><p class="completion"> right</p>
  <form method="post" action="stop"><button>Stop</button></form>
  <form method="post">
    <input type="hidden" name="shown_ms" value=""><input type="hidden" name="token" value="t">
    <label><input type="radio" name="answer.joy" value="1"> not  at all</label>
    <input type="radio" id="j2" name="answer.joy" value="2"><label for="j2">very</label>
    <label><input type="radio" name="answer.joy" value="cannot"> I cannot judge</label>
    <input type="text" name="answer.words" data-min="5" data-max="60" data-step="0.5">
    <textarea name="comment"></textarea>
    <button class="primary" name="go" value="next">Next</button>
  </form>
  <a class="primary" href="/s/x/end">On</a>
</main>
"""


def page(html: str = TRIAL, url: str = "http://localhost/s/x/trial/1", status: int = 200) -> BotPage:
    return read_page(httpx.Response(status, html=html, request=httpx.Request("GET", url)))


def test_a_trial_is_read_with_its_texts_from_left_to_right() -> None:
    shown = page()

    assert shown.is_trial
    assert (shown.prompt, shown.texts) == ("Once", ("left", "right"))


def test_the_form_that_continues_is_found_with_its_hidden_fields_times_and_button() -> None:
    shown = page()

    assert shown.action == "http://localhost/s/x/trial/1"
    assert shown.hidden == {"shown_ms": "", "token": "t"}
    assert shown.times == ("shown_ms",)
    assert shown.button == {"go": "next"}


def test_questions_have_their_buttons_with_labels_or_their_range() -> None:
    joy, words, comment = page().fields()

    assert (joy.dimension, joy.numbers) == ("joy", (1, 2))
    assert [option.label for option in joy.options] == ["not at all", "very", "I cannot judge"]
    assert (words.dimension, words.lowest, words.highest, words.step) == ("words", 5, 60, 0.5)
    assert (comment.dimension, comment.lowest) == (None, None)


def test_a_link_to_another_site_is_not_followed() -> None:
    assert page().link == "http://localhost/s/x/end"
    assert page('<main><a class="primary" href="https://example.org/done">Back</a></main>').link is None


def test_an_error_is_raised_with_its_address_and_status() -> None:
    with pytest.raises(StateError, match=r"GET http://localhost/s/x/trial/1 answered 500\."):
        page("oh", status=500)


@pytest.mark.parametrize(("text", "expected"), [("3", True), ("-1.5", True), ("cannot", False), ("", False)])
def test_only_answers_on_a_scale_are_numbers(text: str, expected: bool) -> None:  # noqa: FBT001 (expected)
    assert is_number(text) is expected
