import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.publish.normalise import normalise


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" It rained. Then we", " It rained."),
        (' She said "Stop!" and', ' She said "Stop!"'),
        (" no sentence ends here", " no sentence ends here"),
        (" version 2.5 of it", " version 2.5 of it"),
        (" Done. ", " Done."),
        ("今日は晴れ。 そして", "今日は晴れ。"),
    ],
)
def test_a_last_sentence_that_does_not_end_is_cut_where_the_study_says_so(text: str, shown: str) -> None:
    assert normalise(text, cut_unfinished_sentence=True) == shown


@given(st.text(), st.booleans())
def test_normalising_twice_is_normalising_once(text: str, cut: bool) -> None:  # noqa: FBT001 (hypothesis gives it)
    once = normalise(text, cut_unfinished_sentence=cut)

    assert normalise(once, cut_unfinished_sentence=cut) == once
    assert "\0" not in once
    assert once == once.rstrip()
