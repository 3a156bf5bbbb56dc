import hashlib
import json
from dataclasses import replace
from importlib import import_module

import pytest
from click.testing import CliRunner

from rater.admin.register import read_registrable, write_registration
from rater.cli import cli
from rater.publish.publish import open_study
from rater.study.analysis_plan import AnalysisPlan, CoprimaryTest, Exclusions
from rater.study.arms import (
    Arm,
    ExternalCompletions,
    Sampling,
    Steered,
    Unsteered,
    XVector,
    dose_series,
    random_control,
)
from rater.study.composite import Composite
from rater.study.describe import describe_sampling
from rater.study.practice_and_checks import CheckRule, Practice
from rater.study.questionnaire import Question
from rater.study.study import Study
from rater.study.visit import PROLIFIC, ScreeningQuestion
from tests.admin.conftest import NOW
from tests.verify.tamper import tamper


def test_the_preregistration_states_the_declared_study_and_is_reproducible(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)

    text = write_registration(registrable, ["The power is 80%."])

    assert published.blinding is not None
    assert text == write_registration(
        read_registrable(sealed_url, rating_url, published.name), ["The power is 80%."]
    )
    for said in (
        "texts of arm `walrus-arm` and texts of arm `zebra-arm` are rated differently",
        "4 prompts under 2 arms: 24 texts (temperature 1, top-p 1, frequency penalty 0, at most 50 tokens, ",
        "seed 918273645, 3 for each prompt and arm)",
        "sample size is 6 raters with one booklet each; each text is rated about 2 times.",
        "The power is 80%.",
        "No rater who has started is excluded",
        "two-sided alpha 0.05",
        f"“{published.blinding.labels[0]}” is correct for `walrus-arm`",
        f"study hash: `{published.hash}`",
        f"commitment to the key: `{registrable.published.commitment}`",
        "Data collection had not opened when this text was printed.",
    ):
        assert said in text


def test_a_preregistration_printed_after_opening_states_that(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    open_study(rating_url, published.name, now=NOW)

    text = write_registration(read_registrable(sealed_url, rating_url, published.name), [])

    assert "Data collection opened on 2026-04-01 12:00 UTC" in text


def test_a_preregistration_names_no_model_where_texts_come_from_files(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    unsteered, steered = published.arms
    filed = ExternalCompletions(name=steered.name, path="texts.jsonl", sha256="0" * 64)
    other = ExternalCompletions(name=unsteered.name, path="texts.jsonl", sha256="0" * 64)

    mixed = write_registration(replace(registrable, study=_with(published, (unsteered, filed))), [])
    whole = write_registration(replace(registrable, study=_with(published, (other, filed))), [])

    assert "The model `smollm2-135m-instruct` continues 4 prompts" in mixed
    assert "Texts of `walrus-arm` come from files" in mixed
    assert "All texts come from files, which the study hash covers: 4 prompts under 2 arms" in whole
    described = whole.split("## Appendix")[0]
    assert "smollm2" not in described
    assert "temperature" not in described


def test_a_preregistration_words_exclusions_as_the_report_does(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    rules = Exclusions(max_failed_checks=1, min_median_seconds=2, unfinished="exclude")
    plan = published.analysis.model_copy(update={"exclusions": rules})
    registrable = read_registrable(sealed_url, rating_url, published.name)

    text = write_registration(replace(registrable, study=published.model_copy(update={"analysis": plan})), [])

    for rule in rules.describe().values():
        assert f"- {rule}\n" in text


def test_a_preregistration_lists_the_doses_from_the_lowest_on(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    doses = dose_series(XVector("Love", "Hate", coeff=1, at=6), doses=(8, 4))

    text = write_registration(replace(registrable, study=_with(published, (Unsteered(), *doses))), [])

    assert "doses unsteered 0, dose-4 4, dose-8 8. A linear trend and a monotone trend (Abelson–Tukey" in text
    assert "Dose–response" not in write_registration(registrable, [])


def test_a_preregistration_names_all_that_shapes_the_texts_as_the_methods_do(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    drawn = Sampling(top_p=0.3, top_k=7, frequency_penalty=1, presence_penalty=0.5, max_new_tokens=9)

    text = write_registration(replace(registrable, study=_changed(published, sampling=drawn)), [])

    assert describe_sampling(_changed(published, sampling=drawn)) in text
    for said in ("top-k 7", "frequency penalty 1", "presence penalty 0.5", "at most 9 tokens", "top-p 0.3"):
        assert said in text


def test_a_preregistration_lists_every_comparison_that_will_be_tested(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    steered = Steered(name="steered", additions=(XVector("Love", "Hate", coeff=1, at=6),))
    arms = (Unsteered(), steered, random_control(steered))

    text = write_registration(replace(registrable, study=_with(published, arms)), [])

    assert (
        "Secondary contrasts (against the control; Holm correction within this family): "
        "`steered-random` − `unsteered`." in text
    )
    assert (
        "Secondary contrasts (against a random control; Holm correction within this family): "
        "`steered` − `steered-random`." in text
    )
    assert "Secondary contrasts" not in write_registration(registrable, [])


def test_a_preregistration_lists_the_screening_criteria(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    screening = (
        ScreeningQuestion(question="English?", options=("Yes", "A bit", "No"), accepted=("Yes", "A bit")),
    )
    practice = (
        Practice(prompt="I", text="hum", accepted={"happiness": (4, 5)}),
        Practice(prompt="I", text="run"),
    )
    strict = _changed(published, screening=screening, practice=practice, practice_pass=1)

    text = write_registration(replace(registrable, study=strict), [])

    assert "answer anything other than “Yes” or “A bit” to the screening question “English?”" in text
    assert "rate fewer than 1 of 1 practice texts with known answers correctly in 2 attempts" in text
    assert "before the first trial" not in write_registration(registrable, [])


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("published", "rater open marked_study"),
        ("open", "rater close marked_study, once enough raters have finished"),
        ("closed", "rater analyze marked_study"),
    ],
)
def test_what_comes_after_a_preregistration_is_what_the_studys_state_asks(
    rated: Study, sealed_url: str, rating_url: str, monkeypatch: pytest.MonkeyPatch, state: str, step: str
) -> None:
    monkeypatch.setattr(import_module("rater.report.console.power"), "N_SIMULATIONS", 20)
    tamper(rating_url, f"UPDATE study SET state = '{state}'")  # noqa: S608 (our own word)

    shown = CliRunner().invoke(cli, ["register", rated.name, "--ratings", rating_url, "--sealed", sealed_url])

    assert shown.exit_code == 0, shown.output
    assert shown.stderr.endswith(f"Next: {step}\n")
    assert ("keep it from raters" in shown.stderr) == (state != "closed")


def _with(study: Study, arms: tuple[Arm, ...]) -> Study:
    return _changed(study, arms=arms)


def _changed(study: Study, **changes: object) -> Study:
    return study.model_copy(update=changes)


def test_the_appendix_has_the_very_declaration_that_is_hashed(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    text = write_registration(read_registrable(sealed_url, rating_url, published.name), [])

    declared = json.loads(text.split("```json\n")[1].split("\n```")[0])
    canonical = json.dumps(declared, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == published.hash
    assert all(prompt in text for prompt in published.prompts)


def test_a_preregistration_names_the_mixed_model_of_each_prompt_in_one_arm(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    declared = published.model_dump(mode="json")
    declared["plan"] |= {"arms_per_prompt": "one", "items_per_rater": None}
    declared["analysis"] |= {"score": "scale_points"}

    text = write_registration(replace(registrable, study=Study.model_validate(declared)), [])

    assert "each prompt once, in one arm; the arms of a prompt are divided evenly between raters" in text
    assert "tested by a linear mixed model of all answers (REML)" in text
    assert "All answers enter the test." in text
    assert "each arm equally often" not in text


def test_odd_one_out_is_registered_as_a_proportion_against_guessing(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    declared = published.model_dump(mode="json")
    declared["dimensions"] = [{"name": "odd", "question": "Which?", "scale": {"kind": "odd_one_out"}}]
    declared["plan"] = {"raters": 4}
    declared["sampling"] |= {"samples_per_prompt": 3}
    declared["analysis"] = {}

    text = write_registration(replace(registrable, study=Study.model_validate(declared)), [])

    assert "are told apart more or less often than by guessing (1/3 of odd-one-out trials)" in text
    assert "Primary analysis: the proportion of odd texts found among texts of" in text
    assert "each of them as the odd one, equally often within each prompt" in text
    assert "all dimensions are asked about each group of texts" in text
    assert "Plackett" not in text


def test_composites_and_the_second_test_are_registered(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    fluency = published.dimensions[0].model_copy(update={"name": "fluency"})
    first = published.dimensions[0].name
    plan = AnalysisPlan(
        composites=(Composite(name="overall", of=(first, "fluency"), by="harmonic_mean"),),
        primary="overall",
        coprimary=CoprimaryTest(dimension="fluency", margin=0.5),
    )
    study = published.model_copy(update={"dimensions": (*published.dimensions, fluency), "analysis": plan})

    text = write_registration(replace(registrable, study=study), [])

    assert f"on the composite score `overall` (harmonic mean of {first} and fluency" in text
    assert "is worse than “zebra-arm” by less than 0.5 scale points" in text
    assert "Berger 1982" in text
    assert "missing if a part is missing" in text
    assert f"Secondary dimensions (Holm correction within this family): `{first}`, `fluency`." in text


def test_questions_about_raters_and_moderators_are_registered(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    field = Question(name="field", question="What do you study?", options=("Physics", "Other"))
    plan = AnalysisPlan(moderators=("field",))
    study = published.model_copy(update={"questionnaire": (field,), "analysis": plan})

    text = write_registration(replace(registrable, study=study), [])

    assert "- `field` (before the trials): “What do you study?” (one of “Physics”, “Other”)" in text
    assert "Moderators: `field`." in text


def test_the_preregistration_has_the_rules_by_which_raters_are_replaced(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    update = {
        "check_rule": CheckRule(max_failed=1, max_replaced=3),
        "recruitment": PROLIFIC,
        "reassign_after_hours": None,
    }
    changed = replace(registrable, study=published.model_copy(update=update))

    text = " ".join(write_registration(changed, ["The power is 80%."]).split())

    assert "fail more than 1 attention check are replaced, at most 3 in the study" in text
    assert "After 4 hours of inactivity, the whole booklet is reassigned" in text
