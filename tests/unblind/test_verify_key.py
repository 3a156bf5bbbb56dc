from collections.abc import Callable

import pytest

from rater.errors import SealError
from rater.study.study import Study
from tests.unblind.conftest import change, look, read_log


@pytest.mark.parametrize(
    ("where", "statements"),
    [
        ("sealed", ["UPDATE completion SET arm = 'x-arm' WHERE id = 1"]),
        ("sealed", ["UPDATE publication SET salt = 'other'"]),
        ("sealed", ["UPDATE study SET canonical_json = replace(canonical_json, '7.8125', '8.8125')"]),
        ("rating", ["UPDATE item SET text = 'a happier text' WHERE id = (SELECT min(id) FROM item)"]),
        ("rating", ["UPDATE study SET commitment = 'forged'"]),
        (
            "rating",
            ["DROP TRIGGER event_refuses_update", "UPDATE event SET detail = '{}' WHERE sequence = 1"],
        ),
        ("rating", ["DROP TRIGGER event_refuses_delete", "DELETE FROM event"]),
        ("sealed", ["UPDATE completion SET token_ids = 'some' WHERE id = 1"]),
    ],
)
def test_a_key_text_study_or_log_that_was_changed_is_found_and_nothing_is_unblinded(
    rated: Study, sealed_url: str, rating_url: str, where: str, statements: list[str]
) -> None:
    change(sealed_url if where == "sealed" else rating_url, *statements)

    with pytest.raises(SealError, match="'marked_study'"):
        look(sealed_url, rating_url, rated)
    assert read_log(rating_url, rated)[0] == "open"


def test_the_key_of_another_publication_is_refused(
    rated: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    change(sealed_url, "DROP TRIGGER key_entry_refuses_delete", "DELETE FROM key_entry")

    with pytest.raises(SealError, match="has no key to study 'marked_study'"):
        look(sealed_url, rating_url, rated)
