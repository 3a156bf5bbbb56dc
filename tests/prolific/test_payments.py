from decimal import Decimal
from pathlib import Path

import pytest

from rater.errors import TableError
from rater.prolific.client import ProlificClient, ProlificError
from rater.prolific.payments import (
    MAX_BONUSES,
    Bonus,
    Rejection,
    RejectionCategory,
    approve,
    pay_bonuses,
    prepare_bonuses,
    read_bonuses,
    read_ids,
    read_rejections,
    reject,
    require_payable,
    review,
)
from rater.prolific.submissions import read_submissions
from tests.prolific.conftest import STUDY_ID
from tests.prolific.prolific_site import Site

MESSAGE = (
    "You answered three of the four attention checks wrongly although each of them names the answer. " * 2
)


@pytest.fixture
def awaiting(site: Site) -> Site:
    """The site with three submissions of participants a, b and c; that of c is approved and has a bonus."""
    for number, (participant, status, bonuses) in enumerate(
        (("a", "AWAITING REVIEW", ()), ("b", "AWAITING REVIEW", ()), ("c", "APPROVED", (50,)))
    ):
        site.add_submission(number, participant, status, study=STUDY_ID, bonuses=bonuses)
    return site


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_ids_are_read_with_or_without_a_heading(tmp_path: Path) -> None:
    assert read_ids(written(tmp_path, "id\na1\n\nb2\n")) == ["a1", "b2"]
    assert read_ids(written(tmp_path, "a1\nb2")) == ["a1", "b2"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "has 0 entries"),
        ("id\n", "has 0 entries"),
        ("a1\na1\n", "has 'a1' twice"),
        ("../x\n", "the id is '../x'"),
        ("\xe9\n", "the id is"),
    ],
)
def test_a_list_of_ids_that_is_not_valid_is_refused(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(TableError, match=named):
        read_ids(written(tmp_path, text))


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(TableError, match="cannot be read: No such file"):
        read_ids(tmp_path / "none")
    with pytest.raises(TableError, match="not text in UTF-8"):
        read_ids(tmp_path / "x")


def test_rejections_have_a_category_and_a_message(tmp_path: Path) -> None:
    found = read_rejections(written(tmp_path, f'id,category,message\na1,failed_check,"{MESSAGE}"\n'))

    assert found == [Rejection("a1", RejectionCategory.FAILED_CHECK, MESSAGE.strip())]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("a1,LAZY," + MESSAGE, "the category is 'LAZY'; valid: TOO_QUICKLY"),
        ("a1,OTHER,too short", "the message has 9 characters; Prolific requires at least 100"),
        ("a1,OTHER", "has 2 columns; valid: id,category,message"),
        ("a1,OTHER,a,b", "has 4 columns"),
    ],
)
def test_a_rejection_that_prolific_would_refuse_is_refused(tmp_path: Path, row: str, named: str) -> None:
    with pytest.raises(TableError, match=named):
        read_rejections(written(tmp_path, row + "\n"))


@pytest.mark.parametrize("amount", ["0", "-1", "1.505", "much", "NaN", "1001", ""])
def test_a_bonus_that_is_no_amount_is_refused(tmp_path: Path, amount: str) -> None:
    with pytest.raises(TableError, match="entry 1: the amount is"):
        read_bonuses(written(tmp_path, f"id,amount\na1,{amount}\n"))


def test_bonuses_are_read_as_decimals(tmp_path: Path) -> None:
    assert read_bonuses(written(tmp_path, "id,amount\na1,1.10\nb2, 2\n")) == [
        Bonus("a1", Decimal("1.10")),
        Bonus("b2", Decimal(2)),
    ]


def test_only_submissions_that_await_review_are_reviewed(client: ProlificClient, awaiting: Site) -> None:
    found = review(read_submissions(client, STUDY_ID), ["a", f"{0:024x}", f"{1:024x}", "c", "nobody"])

    assert [each.participant_id for each in found.submissions] == ["a", "b"]
    assert found.skipped == (
        ("c", "the submission is approved, not awaiting review"),
        ("nobody", "Prolific lists no submission with this ID"),
    )


def test_submissions_are_approved_in_one_request(client: ProlificClient, awaiting: Site) -> None:
    found = review(read_submissions(client, STUDY_ID), ["a", "b"])

    approve(client, found.submissions)

    assert (awaiting.status_of("a"), awaiting.status_of("b")) == ("APPROVED", "APPROVED")
    assert len(awaiting.writes()) == 1


def test_a_rejection_reaches_the_site_with_its_reason(client: ProlificClient, awaiting: Site) -> None:
    (submission,) = review(read_submissions(client, STUDY_ID), ["b"]).submissions

    reject(client, submission, Rejection("b", RejectionCategory.LOW_EFFORT, MESSAGE))

    assert awaiting.status_of("b") == "REJECTED"
    assert awaiting.writes() == [
        (
            f"/submissions/{1:024x}/transition/",
            {"action": "REJECT", "rejection_category": "LOW_EFFORT", "message": MESSAGE},
        )
    ]


def test_bonuses_are_set_up_and_then_paid_once(client: ProlificClient, awaiting: Site) -> None:
    prepared = prepare_bonuses(client, STUDY_ID, [Bonus("a", Decimal("1.5")), Bonus("b", Decimal(3))])

    assert awaiting.n_paid == {}
    assert prepared.total == Decimal(6)
    pay_bonuses(client, prepared)
    assert awaiting.bonus_payments[prepared.id] == [("a", 1.5), ("b", 3.0)]
    assert awaiting.n_paid == {prepared.id: 1}


def test_a_payment_whose_answer_is_lost_is_not_sent_again(client: ProlificClient, awaiting: Site) -> None:
    prepared = prepare_bonuses(client, STUDY_ID, [Bonus("a", Decimal(1))])
    n_before = len(awaiting.requests)
    awaiting.answers_first = [(0, {}, "")]

    with pytest.raises(ProlificError, match="It is unknown whether the request was carried out"):
        pay_bonuses(client, prepared)

    assert len(awaiting.requests) == n_before + 1


def test_the_site_s_words_name_the_ids_that_did_not_take_part(client: ProlificClient, awaiting: Site) -> None:
    with pytest.raises(ProlificError, match="These IDs did not take part: nobody"):
        prepare_bonuses(client, STUDY_ID, [Bonus("nobody", Decimal(1))])


@pytest.mark.parametrize("n", [0, MAX_BONUSES + 1])
def test_a_payment_of_too_many_or_no_bonuses_is_refused(client: ProlificClient, site: Site, n: int) -> None:
    with pytest.raises(ProlificError, match="valid: 1 to 200"):
        prepare_bonuses(client, STUDY_ID, [Bonus(f"p{number}", Decimal(1)) for number in range(n)])

    assert site.requests == []


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        (["a", "nobody"], "no submission of nobody"),
        (["a", f"{0:024x}"], f"a and {0:024x} are the same participant"),
        (["c"], "c has had a bonus of 0.50 before"),
    ],
)
def test_nobody_is_paid_twice_and_no_stranger_at_all(
    client: ProlificClient, awaiting: Site, ids: list[str], named: str
) -> None:
    bonuses = [Bonus(each, Decimal(1)) for each in ids]

    with pytest.raises(ProlificError, match=named):
        require_payable(read_submissions(client, STUDY_ID), bonuses, again=False)


def test_a_second_bonus_is_paid_on_request(client: ProlificClient, awaiting: Site) -> None:
    require_payable(read_submissions(client, STUDY_ID), [Bonus("c", Decimal(1))], again=True)
