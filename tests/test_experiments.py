"""Hold every study file that comes with rater to what a newcomer does with it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli.check import check
from rater.cli.generate import generate
from rater.publish.publish import publish_study
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.places import Limits
from rater.store.rating.raters import read_offer
from rater.study.duration import CHARACTERS_PER_WORD, visit_minutes
from rater.study.load import load_study

EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"
FILES = sorted(EXPERIMENTS.rglob("*.py"))


def test_there_are_the_seeds_studies_and_templates() -> None:
    assert {str(file.relative_to(EXPERIMENTS)) for file in FILES} >= {
        "anger_vs_calm.py",
        "dose_response.py",
        "love_vs_hate.py",
        "praise_vs_hurt.py",
        "templates/chat.py",
        "axbench_people.py",
        "style_vectors.py",
        "templates/concepts.py",
        "templates/questionnaire.py",
        "templates/external_completions.py",
        "templates/first_study.py",
        "templates/items.py",
        "templates/pairwise.py",
        "templates/best_worst.py",
        "templates/odd_one_out.py",
        "templates/prompted_baseline.py",
        "templates/whole_visit.py",
        "weddings.py",
        "which_concept.py",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_study_file_passes_the_check(file: Path) -> None:
    study = load_study(file)

    result = CliRunner().invoke(check, [str(file), "--json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["study_hash"] == study.hash
    assert study.name == file.stem
    assert study.model == "smollm2-135m-instruct"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_study_file_says_what_it_is_for(file: Path) -> None:
    documented = file.read_text().split('"""')[1]

    assert documented.splitlines()[0].endswith((".", ":"))
    assert file.parent.name == "templates" or ("GPT-2 XL" in documented and "sweep" in documented)


def test_external_completions_are_generated_without_a_model(tmp_path: Path) -> None:
    file = EXPERIMENTS / "templates" / "external_completions.py"

    result = CliRunner().invoke(generate, [str(file), "--sealed", str(tmp_path / "sealed.db")])

    assert result.exit_code == 0, result.output
    assert "has all of its 8 completions (8 now, 0 before)" in result.stdout


def test_texts_from_files_take_a_rater_as_long_by_the_check_as_by_the_landing_page(tmp_path: Path) -> None:
    file = EXPERIMENTS / "templates" / "external_completions.py"
    sealed, ratings = f"sqlite:///{tmp_path / 'sealed.db'}", f"sqlite:///{tmp_path / 'rating.db'}"
    CliRunner().invoke(generate, [str(file), "--sealed", sealed])
    now = datetime.now(UTC)
    published = publish_study(sealed, ratings, "external_completions", now=now)

    checked = json.loads(CliRunner().invoke(check, [str(file), "--json"]).stdout)

    with disposing(open_rating(ratings)) as rating, reading(rating) as session:
        offer = read_offer(session, published.id, Limits.of(published.protocol, now))
    assert offer is not None
    words = offer.mean_characters / CHARACTERS_PER_WORD
    minutes = visit_minutes(published.protocol, n_trials=offer.n_trials, words_per_trial=words, n_questions=1)
    assert checked["minutes_per_rater"] == pytest.approx(minutes)
