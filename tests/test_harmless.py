import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from rater.harmless import harmless


def test_ordinary_text_stays_as_it_is() -> None:
    text = "  Dear\tall,\n\n“yes” — año 日本 👩‍👩‍👧 \u200f‎שלום e\u0301"

    assert harmless(text) == text


def test_line_ends_become_newlines() -> None:
    assert harmless("a\r\nb\rc\u2028d\u2029e\x0bf\x0cg\x85h") == "a\nb\nc\nd\ne\nf\ng\nh"


def test_what_a_browser_would_obey_is_replaced() -> None:
    assert (
        harmless("a\x00\x1b[31m\u202eb\u2066c\u2069\ud800") == "a\ufffd\ufffd[31m\ufffdb\ufffdc\ufffd\ufffd"
    )


@given(st.text(st.characters(codec=None)))
def test_nothing_left_is_a_control_or_cannot_be_sent(text: str) -> None:
    shown = harmless(text)

    assert {unicodedata.category(c) for c in shown if c not in "\t\n"}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert shown.encode().decode() == shown
    assert harmless(shown) == shown
