import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import select

from rater.store.engine import disposing, writing
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Booklet, Identifier, Rater
from rater.store.rating.studies import get_study
from rater.study.endings import Ending, Endings
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC, Channel
from tests.cli import command
from tests.prolific.prolific_site import TOKEN, Site, serving

STUDY_ID = "64395e9c2332b8a59a65d51e"
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
MESSAGE = (
    "You answered three of the four attention checks wrongly, although each of them names the answer itself."
)
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def site() -> Iterator[Site]:
    """The site with the study and three participants."""
    with serving() as running:
        running.add_study(STUDY_ID)
        for number, (participant, status) in enumerate(
            (("a1", "AWAITING REVIEW"), ("b2", "AWAITING REVIEW"), ("c3", "RETURNED"))
        ):
            running.add_submission(number, participant, status, study=STUDY_ID)
        yield running


@pytest.fixture
def run(
    site: Site, publish_study: Callable[..., str], protocol: Protocol, tmp_path: Path, rating_url: str
) -> Run:
    """A function that runs ``rater prolific`` on an open study with the three participants."""
    shown = protocol.model_copy(
        update={"recruitment": PROLIFIC, "minutes": 12, "endings": Endings(finished=Ending(code="C1"))}
    )
    publish_study(slug="paid-river", name="paid", shown=shown)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, "paid")
        booklets = session.scalars(select(Booklet)).all()
        for number, participant in enumerate(("a1", "b2", "c3")):
            rater = Rater(
                id=f"{number:032x}",
                study_id=study.id,
                booklet_id=booklets[number].id,
                channel=Channel.WEB,
                consented_at=NOW,
                finished_at=None if participant == "c3" else NOW,
            )
            session.add(rater)
            session.flush()
            session.add(
                Identifier(
                    rater_id=rater.id,
                    name="PROLIFIC_PID",
                    study_id=study.id,
                    value=participant,
                    is_person=True,
                )
            )

    def call(*arguments: str, stdin: str = "", token: str = TOKEN, **environ: str) -> CompletedProcess[str]:
        return command.run(
            "prolific",
            *arguments,
            "--ratings",
            "rating.db",
            "--api-url",
            site.url,
            cwd=tmp_path,
            stdin=stdin,
            environ={"PROLIFIC_TOKEN": token, "PROLIFIC_STUDY": STUDY_ID, **environ},
        )

    return call


CREATE = ("create", "paid", "--places", "20", "--reward", "2.50", "--address", "https://r.example.org")


def test_a_draft_is_shown_confirmed_and_created(run: Run, site: Site) -> None:
    made = run(*CREATE, stdin="y\n")

    assert made.returncode == 0, made.stderr
    assert "Reward: 2.50 per participant, which is 12.50 per hour" in made.stderr
    assert made.stdout.startswith("Draft created: ")
    assert len(site.studies) == 2


@pytest.mark.parametrize(
    ("options", "stdin", "status"), [(("--dry-run",), "", 0), ((), "n\n", 130), ((), "", 130)]
)
def test_nothing_is_sent_without_confirmation(
    run: Run, site: Site, options: tuple[str, ...], stdin: str, status: int
) -> None:
    asked = run(*CREATE, *options, stdin=stdin)

    assert asked.returncode == status
    assert site.writes() == []


def test_submissions_are_listed_with_the_progress_of_their_raters(run: Run) -> None:
    shown = run("show", "paid")

    assert shown.stdout.splitlines() == [
        "a1\tawaiting review\tfinished",
        "b2\tawaiting review\tfinished",
        "c3\treturned\tunfinished",
    ]
    assert shown.stderr == "2 awaiting review, 1 returned\n"


def test_places_of_participants_who_left_are_freed_once(run: Run) -> None:
    freed = run("sync", "paid", "--yes")
    again = run("sync", "paid", "--yes")

    assert "c3: returned" in freed.stderr
    assert freed.stdout == "1 places are free.\n"
    assert again.stdout == "No place to free.\n"


def test_submissions_are_approved_and_others_are_named(run: Run, site: Site, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a1\nc3\nnobody\n")

    done = run("approve", "paid", "ids.txt", "--yes")

    assert done.returncode == 0, done.stderr
    assert "Skipped c3: the submission is returned" in done.stderr
    assert "Skipped nobody: Prolific lists no submission" in done.stderr
    assert [site.status_of(participant) for participant in ("a1", "b2", "c3")] == [
        "APPROVED",
        "AWAITING REVIEW",
        "RETURNED",
    ]


def test_submissions_are_rejected_with_a_reason(run: Run, site: Site, tmp_path: Path) -> None:
    (tmp_path / "no.csv").write_text(f'id,category,message\nb2,FAILED_CHECK,"{MESSAGE}"\n')

    done = run("reject", "paid", "no.csv", stdin="y\n")

    assert done.returncode == 0, done.stderr
    assert site.status_of("b2") == "REJECTED"
    assert "b2: FAILED_CHECK" in done.stderr


def test_a_list_of_ids_is_rejected_for_one_reason(run: Run, site: Site, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a1,failed 3 of 4 checks\nb2,failed 4 of 4 checks\n")
    (tmp_path / "reason.txt").write_text(MESSAGE)
    (tmp_path / "short.txt").write_text("No.")

    half = run("reject", "paid", "ids.txt", "--category", "FAILED_CHECK")
    short = run("reject", "paid", "ids.txt", "--category", "FAILED_CHECK", "--message", "short.txt")
    done = run("reject", "paid", "ids.txt", "--category", "failed_check", "--message", "reason.txt", "--yes")

    assert (half.returncode, short.returncode, done.returncode) == (2, 2, 0)
    assert "--category and --message belong together" in half.stderr
    assert "ids.txt: the message has 3 characters" in short.stderr
    assert [site.status_of(each) for each in ("a1", "b2")] == ["REJECTED", "REJECTED"]


def test_bonuses_are_confirmed_twice_and_paid_once(run: Run, site: Site, tmp_path: Path) -> None:
    (tmp_path / "bonus.csv").write_text("id,amount\na1,1.50\n")

    declined = run("bonus", "paid", "bonus.csv", stdin="y\nn\n")
    paid = run("bonus", "paid", "bonus.csv", "--yes")

    assert declined.returncode == 130
    assert paid.returncode == 0, paid.stderr
    assert "Prolific will take 2.00 from the balance for 1 bonuses." in paid.stderr
    assert sum(site.n_paid.values()) == 1


def test_a_payment_whose_answer_is_lost_is_reported_and_not_repeated(
    run: Run, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "bonus.csv").write_text("id,amount\na1,1.50\n")
    prepared = {"id": "b0", "total_amount": 200}
    # the list of submissions, the set-up of the payment, and a payment whose connection breaks
    site.answers_first = [
        (200, {}, {"results": site.submissions}),
        (201, {}, prepared),
        (0, {}, ""),
    ]

    lost = run("bonus", "paid", "bonus.csv", "--yes")

    assert lost.returncode == 2
    assert "It is unknown whether the request was carried out" in lost.stderr
    assert [path for path, _ in site.writes()].count("/bulk-bonus-payments/b0/pay/") == 1


def test_a_study_is_paused_and_resumed_on_prolific(run: Run, site: Site) -> None:
    paused = run("pause", "paid", "--yes")
    state = site.studies[STUDY_ID]["status"]
    started = run("start", "paid", "--yes")

    assert paused.stdout == "Study paid is paused on Prolific.\n"
    assert "Total cost: 66.67 GBP" in paused.stderr
    assert state == "PAUSED"
    assert started.stdout == "Study paid is active on Prolific.\n"


@pytest.mark.parametrize(
    ("arguments", "environ", "named"),
    [
        (("show", "paid"), {"token": "wrong"}, "The token in PROLIFIC_TOKEN is not valid"),
        (("show", "paid"), {"token": ""}, "PROLIFIC_TOKEN is not set"),
        (("show", "paid", "--id", "forbidden"), {}, "may not do this"),
        (("show", "paid", "--id", "unknown"), {}, "No Study matches the given query"),
        (("show", "paid", "--id", "../x"), {}, "--id is '../x'"),
        (("show", "other"), {}, "other"),
        (("start", "paid", "--yes"), {}, "Cannot START a study that is ACTIVE"),
        (("approve", "paid", "none.txt", "--yes"), {}, "none.txt cannot be read"),
        ((*CREATE[:5], "much", *CREATE[6:]), {}, "'much' is not an amount"),
        ((*CREATE[:7], "http://r.example.org"), {}, "valid: an https address"),
    ],
)
def test_a_mistake_is_reported_in_one_message_with_status_2(
    run: Run, arguments: tuple[str, ...], environ: dict[str, str], named: str
) -> None:
    failed = run(*arguments, **environ)

    assert failed.returncode == 2
    assert named in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_commands_of_the_guide_run_in_their_order(run: Run, site: Site, tmp_path: Path) -> None:
    site.studies[STUDY_ID]["status"] = "UNPUBLISHED"
    (tmp_path / "approve.txt").write_text("a1\n")
    (tmp_path / "reject.csv").write_text(f'id,category,message\nb2,FAILED_CHECK,"{MESSAGE}"\n')
    (tmp_path / "bonus.csv").write_text("id,amount\na1,1.50\n")
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "prolific.md").read_text()
    lines = re.findall(r"^\$ rater prolific (.*)$", page, re.MULTILINE)

    for line in lines:
        arguments = shlex.split(line.replace(" mine", " paid"))
        done = run(*arguments, stdin="y\ny\n", RATER_ADDRESS="https://ratings.example.org")
        assert done.returncode == 0, f"{line}\n{done.stderr}"

    assert len(lines) == 9
    assert [site.status_of(each) for each in ("a1", "b2")] == ["APPROVED", "REJECTED"]
    assert site.studies[STUDY_ID]["status"] == "PAUSED"
