from datetime import datetime

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from rater.store.engine import reading, writing
from rater.store.sealed.completions import (
    Cell,
    KeptCompletion,
    NewCompletion,
    delete_completions,
    insert_completions,
    read_cells,
    read_completions,
)
from rater.store.sealed.studies import insert_sealed_study


@pytest.fixture
def study_id(sealed: Engine, now: datetime) -> int:
    with writing(sealed) as session:
        return insert_sealed_study(session, name="x", study_hash="h", canonical_json="{}", now=now).id


def _made(prompt_index: int, arm: str, sample: int, *, stop_reason: str = "eos") -> NewCompletion:
    return NewCompletion(
        cell=Cell(prompt_index, arm, sample),
        seed=2**62,
        token_ids=(1, 2, 3),
        text=f"{arm} {sample}",
        stop_reason=stop_reason,
        nll=1.5,
        repetition=0.25,
    )


def _insert(sealed: Engine, study_id: int, now: datetime, *made: NewCompletion) -> None:
    with writing(sealed) as session:
        insert_completions(session, study_id, made, versions={"torch": "2"}, now=now)


def test_completions_read_back_in_the_order_of_the_study_not_of_their_making(
    sealed: Engine, study_id: int, now: datetime
) -> None:
    _insert(sealed, study_id, now, _made(1, "b", 0), _made(0, "b", 1), _made(0, "a", 0), _made(0, "b", 0))

    with reading(sealed) as session:
        kept = read_completions(session, study_id)
        cells = read_cells(session, study_id)

    assert [completion.cell for completion in kept] == [(0, "a", 0), (0, "b", 0), (0, "b", 1), (1, "b", 0)]
    assert kept[0] == KeptCompletion(
        id=3, cell=Cell(0, "a", 0), text="a 0", n_tokens=3, stop_reason="eos", nll=1.5, repetition=0.25
    )
    assert cells == {(0, "a", 0), (0, "b", 0), (0, "b", 1), (1, "b", 0)}


def test_a_completion_that_two_generators_make_is_kept_once_with_all_others(
    sealed: Engine, study_id: int, now: datetime
) -> None:
    _insert(sealed, study_id, now, _made(0, "a", 0))

    _insert(sealed, study_id, now, _made(0, "a", 1), _made(0, "a", 0))

    with reading(sealed) as session:
        assert read_cells(session, study_id) == {(0, "a", 0), (0, "a", 1)}
        assert len(read_completions(session, study_id)) == 2


def test_only_known_reasons_for_stopping_are_kept(sealed: Engine, study_id: int, now: datetime) -> None:
    with pytest.raises(IntegrityError):
        _insert(sealed, study_id, now, _made(0, "a", 0, stop_reason="bored"))


def test_throwing_completions_away_throws_away_only_the_studys_own(
    sealed: Engine, study_id: int, now: datetime
) -> None:
    with writing(sealed) as session:
        other = insert_sealed_study(session, name="y", study_hash="h", canonical_json="{}", now=now).id
    _insert(sealed, study_id, now, _made(0, "a", 0))
    _insert(sealed, other, now, _made(0, "a", 0))

    with writing(sealed) as session:
        delete_completions(session, study_id)

    with reading(sealed) as session:
        assert read_cells(session, study_id) == set()
        assert read_cells(session, other) == {(0, "a", 0)}
