import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.tables.formulas import neutralize, restore

FORMULAS = [
    '=HYPERLINK("http://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\uff1d1+1",  # full-width =
    "\uff0b1+1",  # full-width +
    "\uff0d1+1",  # full-width -
    "\uff20SUM(1)",  # full-width @
    "\ufe66HYPERLINK(1)",  # small =
    "\u22122+3",  # mathematical minus
    "- I liked the first one",
    "\tonly a tab",
    "'=1+1",  # would be read back as a formula
]
HARMLESS = [
    "",
    " ",
    "fine",
    "'tis",
    "a = b",
    "I'd say -1",
    "-1",
    "+3.5",
    "-0,5",
    "1e-5",
    "-.5",
    "\u00fcber",
    "=".join("ab"),
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_written_as_text_and_read_back(text: str) -> None:
    written = neutralize(text)

    assert written == f"'{text}"
    assert restore(written) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_and_numbers_stay_as_they_are(text: str) -> None:
    assert neutralize(text) == text
    assert restore(text) == text


@given(st.text(st.sampled_from("'=+-@ \t\r\n\u200b\uff1d1a,."), max_size=6) | st.text())
def test_every_text_is_read_back_as_it_was(text: str) -> None:
    assert restore(neutralize(text)) == text
