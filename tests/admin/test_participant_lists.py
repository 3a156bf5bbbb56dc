"""The participants of a study move to another database as digests in a file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rater.admin.participant_lists import import_participant_file, write_participant_file
from rater.errors import RaterError
from rater.store.engine import disposing, reading, writing
from rater.store.log import read_events
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.past_participants import is_excluded
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC, Channel
from tests.store.rating.conftest import NOW

PERSON = "5f3a9c2b1d4e6f7089abcd01"


@pytest.fixture
def recruited(publish_study: Callable[..., str], protocol: Protocol, rating_url: str) -> str:
    """The name of a study in which a person took part."""
    publish_study(shown=protocol.model_copy(update={"recruitment": PROLIFIC}))
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        study = get_study(session, "a_study")
        arrival = Arrival(Channel.WEB, {"PROLIFIC_PID": PERSON})
        claim_booklet(session, study.id, "t" * 43, arrival=arrival, protocol=study.protocol, now=NOW)
    return "a_study"


def test_a_study_in_another_database_excludes_the_participants_of_a_file(
    recruited: str, rating_url: str, protocol: Protocol, tmp_path: Path
) -> None:
    file, other = tmp_path / "a_study.json", f"sqlite:///{tmp_path}/other.db"

    assert write_participant_file(rating_url, recruited, file, who="ada", now=NOW) == 1
    assert len(import_participant_file(other, file).digests) == 1
    assert PERSON not in file.read_text()
    shown = protocol.model_copy(update={"recruitment": PROLIFIC, "excluded_studies": (recruited,)})
    with disposing(open_rating(other)) as rating, reading(rating) as session:
        assert is_excluded(session, {"PROLIFIC_PID": PERSON}, shown)
        assert not is_excluded(session, {"PROLIFIC_PID": PERSON[::-1]}, shown)
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        detail = read_events(session, EventRow, get_study(session, recruited).id)[-1].detail
    assert detail == {"who": "ada", "by": "digests", "n": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("{}", "kind"),
        ({"kind": "rater answers"}, "kind"),
        ({"key": "short"}, "key"),
        ({"study": "../a"}, "study"),
        ({"digests": ["5f3a9c2b1d4e6f7089abcd01"]}, "digests.0"),
        ({"made_at": "2026-01-02T03:04:05"}, "made_at"),
    ],
)
def test_a_file_that_is_not_one_of_participants_is_refused(
    tmp_path: Path, content: str | dict[str, object], message: str
) -> None:
    valid = {
        "kind": "rater participants",
        "version": 1,
        "study": "a_study",
        "parameter": "PROLIFIC_PID",
        "key": "1" * 64,
        "digests": ["2" * 64],
        "made_at": "2026-01-02T03:04:05Z",
    }
    file = tmp_path / "participants.json"
    file.write_text(content if isinstance(content, str) else json.dumps(valid | content))

    with pytest.raises(RaterError, match=message):
        import_participant_file(f"sqlite:///{tmp_path}/other.db", file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RaterError, match=r"gone\.json cannot be read"):
        import_participant_file(f"sqlite:///{tmp_path}/other.db", tmp_path / "gone.json")
