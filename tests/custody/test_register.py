from dataclasses import replace

from rater.custody.register import read_registrable, write_registration
from rater.publish.lifecycle import open_study
from rater.study.arms import Arm, Outside, Unsteered, XVector
from rater.study.doses import dose_series
from rater.study.study import Study
from tests.custody.conftest import NOW


def test_the_preregistration_says_what_was_declared_and_is_the_same_each_time(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)

    text = write_registration(registrable, ["The power is 80 %."])

    assert published.blinding is not None
    assert text == write_registration(
        read_registrable(sealed_url, rating_url, published.name), ["The power is 80 %."]
    )
    for said in (
        "texts of the arm `walrus-arm` are rated differently from texts of the arm `zebra-arm`",
        "4 prompts under 2 arms, 3 of each prompt and arm: 24 texts",
        "6 raters are planned, one booklet each; every text is rated about 2 times. A booklet",
        "The power is 80 %.",
        "No rater is excluded",
        "at alpha 0.05",
        f"“{published.blinding.labels[0]}” is right for `walrus-arm`",
        f"study hash: `{published.hash}`",
        f"commitment to the key: `{registrable.published.commitment}`",
        "It had not been opened to raters when this was printed.",
    ):
        assert said in text


def test_a_preregistration_printed_after_opening_says_so(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    open_study(rating_url, published.name, now=NOW)

    text = write_registration(read_registrable(sealed_url, rating_url, published.name), [])

    assert "first opened to raters 2026-04-01 12:00 UTC" in text


def test_a_preregistration_names_no_model_where_texts_come_from_files(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    unsteered, steered = published.arms
    filed = Outside(name=steered.name, path="texts.jsonl", sha256="0" * 64)
    other = Outside(name=unsteered.name, path="texts.jsonl", sha256="0" * 64)

    mixed = write_registration(replace(registrable, study=_with(published, (unsteered, filed))), [])
    whole = write_registration(replace(registrable, study=_with(published, (other, filed))), [])

    assert "The model `smollm2-135m-instruct` continues 4 prompts" in mixed
    assert "those of `walrus-arm` come from files instead" in mixed
    assert "All texts come from files, which the study hash covers: 4 prompts under 2 arms" in whole
    assert "smollm2" not in whole
    assert "temperature" not in whole


def test_a_preregistration_lists_the_doses_from_the_lowest_on(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    registrable = read_registrable(sealed_url, rating_url, published.name)
    doses = dose_series(XVector("Love", "Hate", coeff=1, at=6), doses=(8, 4))

    text = write_registration(replace(registrable, study=_with(published, (Unsteered(), *doses))), [])

    assert (
        "Doses: unsteered 0, dose-4 4, dose-8 8. A linear and a monotone trend over them are tested." in text
    )
    assert "Doses:" not in write_registration(registrable, [])


def _with(study: Study, arms: tuple[Arm, ...]) -> Study:
    return study.model_copy(update={"arms": arms})
