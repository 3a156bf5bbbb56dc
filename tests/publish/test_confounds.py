"""Confounds of arms are declared, acknowledged, or refuse publication, and are kept with the key."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.admin.register import read_registrable, write_registration
from rater.cli import cli
from rater.errors import StateError
from rater.generate.freeze import freeze
from rater.publish.publish import find_published, publish_study, read_confounds
from rater.store.engine import disposing, reading, writing
from rater.store.sealed.completions import NewCompletion, insert_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import get_sealed_study
from rater.study.confounds import TEXT_CUES, Confound, require_declared
from rater.study.study import Study
from tests.cli.command import run

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LENGTHS = ("length in characters", "length in words")
Declare = Callable[..., Study]


@pytest.fixture
def longer(study: Study, sealed_url: str) -> Declare:
    """A function that generates a study in which every text of one arm is four words longer."""

    def declare(*confounds: str) -> Study:
        declared = Study.model_validate({**dict(study), "confounds": confounds, "blinding": None})
        missing = freeze(sealed_url, declared, now=NOW)
        made = [
            NewCompletion(
                cell=cell,
                seed=number,
                token_ids=(number,),
                text=f" fell on {number:02d} times{' and sang the same song' * (cell.arm == 'walrus-arm')}.",
                stop_reason="eos",
            )
            for number, cell in enumerate(missing.cells)
        ]
        if not made:
            return declared
        with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
            insert_completions(session, missing.study_id, made, versions={}, now=NOW)
        return declared

    return declare


@pytest.fixture
def databases(sealed_url: str, rating_url: str) -> tuple[str, ...]:
    return ("--sealed", sealed_url, "--ratings", rating_url)


def kept(sealed_url: str, name: str) -> tuple[Confound, ...] | None:
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        return read_confounds(session, get_sealed_study(session, name).id)


def test_undeclared_confounds_refuse_publication_and_the_message_has_the_field_to_write(
    longer: Declare, databases: tuple[str, ...], rating_url: str, tmp_path: Path
) -> None:
    declared = longer()

    done = run("publish", declared.name, *databases, cwd=tmp_path)

    assert done.returncode == 2
    assert 'confounds=("length in characters", "length in words")' in " ".join(done.stderr.split())
    assert "rater publish marked_study --acknowledge-confounds" in done.stderr
    assert "AUC 1.00" in done.stderr
    assert find_published(rating_url, declared.name) is None


def test_a_refusal_describes_the_clearest_pair_of_arms_and_counts_the_others(study: Study) -> None:
    found = [
        Confound(
            cue=LENGTHS[0],
            first=first,
            second=second,
            auc=auc,
            low=None,
            high=None,
            p=0.01,
            is_declared=False,
        )
        for first, second, auc in (("a", "b", 0.8), ("a", "c", 0.05), ("b", "c", 0.9))
    ]

    with pytest.raises(StateError) as refused:
        require_declared(found, study)

    assert "AUC 0.95 for “c” over “a”, adjusted p = .010, and 2 more pairs of arms" in str(refused.value)
    assert "“b”" not in str(refused.value)


def test_what_the_message_says_can_be_done_is_enough_to_publish(
    longer: Declare, databases: tuple[str, ...], sealed_url: str, tmp_path: Path
) -> None:
    longer()
    declared = longer(*LENGTHS)  # the declaration alone changed: no text is made again

    done = run("publish", declared.name, *databases, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "declared as confounds: length in characters, length in words" in " ".join(done.stdout.split())
    found = kept(sealed_url, declared.name) or ()
    assert {(each.cue, each.is_declared) for each in found if each.is_of_texts} == {
        (cue, True) for cue in LENGTHS
    }


def test_a_confound_that_is_acknowledged_is_kept_with_its_auc_and_registered(
    longer: Declare, databases: tuple[str, ...], sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    declared = longer("length in words")

    done = run("publish", declared.name, *databases, "--acknowledge-confounds", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    found = {each.cue: each for each in kept(sealed_url, declared.name) or ()}
    characters = found["length in characters"]
    assert (characters.first, characters.second, characters.auc) == ("walrus-arm", "zebra-arm", 1.0)
    assert characters.p < 0.05
    assert not characters.is_declared
    assert found["length in words"].is_declared
    text = write_registration(read_registrable(sealed_url, rating_url, declared.name), [])
    assert "Declared in the study file: length in words." in text
    assert "length in characters: AUC 1.00 for “walrus-arm” over “zebra-arm”" in text
    assert "acknowledged at publication" in text


@pytest.mark.parametrize(("answer", "is_published"), [("y\n", True), ("n\n", False), ("", False)])
def test_somebody_at_a_terminal_is_asked(
    longer: Declare,
    databases: tuple[str, ...],
    rating_url: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    *,
    is_published: bool,
) -> None:
    declared = longer()
    runner = CliRunner()
    with runner.isolation(input=answer):
        stream = type(sys.stdin)
    monkeypatch.setattr(stream, "isatty", lambda _: True, raising=False)

    done = runner.invoke(cli, ["publish", declared.name, *databases], input=answer)

    assert "does not declare length in characters, length in words" in " ".join(done.output.split())
    assert (find_published(rating_url, declared.name) is not None) == is_published


def test_a_study_without_confounds_is_kept_as_such(
    study: Study,
    seal_completions: Callable[[Study], None],
    databases: tuple[str, ...],
    sealed_url: str,
    tmp_path: Path,
) -> None:
    seal_completions(study)

    done = run("publish", study.name, *databases, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert [each for each in kept(sealed_url, study.name) or () if each.is_of_texts] == []
    assert kept(sealed_url, study.name) is not None


def test_a_publication_without_an_audit_knows_of_no_confounds(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish_study(sealed_url, rating_url, study.name, now=NOW)

    assert kept(sealed_url, study.name) is None
    text = write_registration(read_registrable(sealed_url, rating_url, study.name), [])
    assert "The texts were not audited for confounds" in text


def test_a_study_that_declares_no_confound_keeps_its_hash_and_others_are_valid_names(study: Study) -> None:
    assert "confounds" not in study.canonical_json()
    assert Study.model_validate({**dict(study), "confounds": ()}).hash == study.hash
    assert '"confounds":["repetition"]' in (
        Study.model_validate({**dict(study), "confounds": ["repetition"]}).canonical_json()
    )
    with pytest.raises(ValueError, match="confounds"):
        Study.model_validate({**dict(study), "confounds": ["tone"]})
    with pytest.raises(ValueError, match="twice"):
        Study.model_validate({**dict(study), "confounds": ["digits", "digits"]})


def test_every_property_that_the_audit_measures_can_be_declared() -> None:
    from rater.audit.cues import FORMS  # noqa: PLC0415
    from rater.rendering.shown import RENDERED_FORMS  # noqa: PLC0415

    assert (*FORMS, *RENDERED_FORMS) == TEXT_CUES


def test_declared_confounds_can_change_before_publication_and_not_after(
    longer: Declare, sealed_url: str, rating_url: str
) -> None:
    longer()
    publish_study(sealed_url, rating_url, longer("digits").name, now=NOW)

    with pytest.raises(StateError, match="confounds"):
        longer("repetition")
