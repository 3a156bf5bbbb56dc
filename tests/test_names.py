import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.names import Unnamed, is_template, normalise_name, why_unnamed


@pytest.mark.parametrize(
    "other",
    [
        "José Díaz",
        "Jose\u0301 Di\u0301az",
        "  José  Díaz\t",
        "José\u00a0Díaz",
        "José\u2003Díaz\u3000",
        "Jo\u200bsé Díaz\ufeff",
        "Jose\u200d\u0301 Díaz",
        "\u202aJosé Díaz\u202c",
        "José Dí\u00adaz",
    ],
)
def test_names_that_look_the_same_are_one(other: str) -> None:
    assert normalise_name(other) == "José Díaz"


@pytest.mark.parametrize(("one", "other"), [("abc", "ABC"), ("1", "01"), ("é", "e"), ("a b", "ab")])
def test_names_that_look_different_are_two(one: str, other: str) -> None:
    assert normalise_name(one) != normalise_name(other)


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise_name(text)

    assert normalise_name(once) == once
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    "value",
    [
        "{{%PROLIFIC_PID%}}",
        "%7B%7B%25PROLIFIC_PID%25%7D%7D",
        "%257B%257B%2525PROLIFIC_PID%2525%257D%257D",
        "{{PROLIFIC_PID}}",
        "{%PROLIFIC_PID%}",
        "{PROLIFIC_PID}",
        "${PROLIFIC_PID}",
        "${e://Field/PROLIFIC_PID}",
        "$PROLIFIC_PID",
        "[PROLIFIC_PID]",
        "[participantId]",
        "[%RID%]",
        "[[id]]",
        "%SURVEY_CODE%",
        "%PROLIFIC_PID",
        "%%id%%",
        "<PROLIFIC_PID>",
        "&lt;id&gt;",
        "<%= id %>",
        "#{id}",
        "#id#",
        "@@id@@",
        "@pid",
        ":participantId",
        "__PARTICIPANT_ID__",
        "*|EMAIL|*",
        "«ID»",
        "\uff5bID\uff5d",
        "(id)",
        "{\u200bid\u200b}",
        "PROLIFIC_PID",
        "prolific-pid",
        "YOUR_ID_HERE",
        "insert id here",
        "ASSIGNMENT_ID_NOT_AVAILABLE",
        "XXXXXXXX",
    ],
)
def test_a_placeholder_names_nobody(value: str) -> None:
    assert why_unnamed(value, parameter="PROLIFIC_PID") == Unnamed.TEMPLATE


@pytest.mark.parametrize(
    "value",
    [
        "undefined",
        "null",
        "NULL",
        "None",
        "NaN",
        "nil",
        "n/a",
        "(null)",
        '"null"',
        "%6eull",
        " none ",
        "[object Object]",
    ],
)
def test_a_word_for_nothing_names_nobody(value: str) -> None:
    assert why_unnamed(value, parameter="workerId") == Unnamed.NOTHING


@pytest.mark.parametrize(
    "value",
    ["", "  ", "\t\n", "%20", "%2520", "\u00a0", "\u200b", "\ufeff\u2060", "\u3164", "-", "...", "???"],
)
def test_a_value_without_a_letter_or_digit_names_nobody(value: str) -> None:
    assert why_unnamed(value, parameter="workerId") == Unnamed.BLANK


@pytest.mark.parametrize(
    "value",
    [
        "5f3a9c0b1d2e3f4a5b6c7d8e",
        "A2K5F3R9ZQ1X0P",
        "4711",
        "0",
        "ada@example.org",
        "ada+study@example.org",
        "auth0|5f3a",
        "550e8400-e29b-41d4-a716-446655440000",
        "dGVzdA==",
        "-nano_id-21_",
        "_x_",
        "Zoë Müller",
        "李雷",
        "participant 7",
        "Nanette",
        "Noneman",
        "id-7",
        "p-1",
        "S:12",
        "urn:uuid:7",
    ],
)
def test_an_identifier_names_somebody(value: str) -> None:
    assert why_unnamed(value, parameter="PROLIFIC_PID") is None
    assert not is_template(value)
