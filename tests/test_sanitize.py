import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from rater.sanitize import sanitize_for_display


def test_ordinary_text_is_unchanged() -> None:
    text = "  Dear\tall,\n\n“yes” — año 日本 👩‍👩‍👧 \u200f‎שלום e\u0301"

    assert sanitize_for_display(text) == text


def test_line_ends_become_newlines() -> None:
    assert sanitize_for_display("a\r\nb\rc\u2028d\u2029e\x0bf\x0cg\x85h") == "a\nb\nc\nd\ne\nf\ng\nh"


def test_control_characters_are_replaced() -> None:
    assert (
        sanitize_for_display("a\x00\x1b[31m\u202eb\u2066c\u2069\ud800")
        == "a\ufffd\ufffd[31m\ufffdb\ufffdc\ufffd\ufffd"
    )


@given(st.text(st.characters(codec=None)))
def test_no_control_or_surrogate_is_left(text: str) -> None:
    shown = sanitize_for_display(text)

    assert {unicodedata.category(c) for c in shown if c not in "\t\n"}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert shown.encode().decode() == shown
    assert sanitize_for_display(shown) == shown
