import pytest

from rater.store.rating.proofs import is_proven, prove, session_mark

DIGEST, OTHER = "0" * 64, "1" * 64


@pytest.mark.parametrize(
    ("token_digest", "submission_id", "position", "expected"),
    [
        (DIGEST, "abc", 3, True),
        (DIGEST, "abc-1", 3, True),  # a change to the same submission
        (DIGEST, "abc-123456", 3, False),  # no page counts that far
        (DIGEST, "xyz", 3, False),
        (DIGEST, "abc", 4, False),
        (OTHER, "abc", 3, False),
    ],
)
def test_a_proof_holds_for_one_submission_of_one_rater_to_one_trial(
    token_digest: str, submission_id: str, position: int, *, expected: bool
) -> None:
    proof = prove(DIGEST, "abc", 3)

    assert is_proven(token_digest, submission_id, position, proof=proof) is expected


def test_a_proof_that_is_not_ascii_is_refused() -> None:
    assert not is_proven(DIGEST, "abc", 3, proof="é")


def test_a_mark_tells_raters_apart_and_does_not_contain_the_digest() -> None:
    assert session_mark(DIGEST) != session_mark(OTHER)
    assert session_mark(DIGEST)[:8] not in DIGEST
