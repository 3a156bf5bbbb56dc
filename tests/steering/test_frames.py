from pathlib import Path
from typing import Any

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.completions import ArmCompletion, Draws, Measurements, generate
from rater.steering.effects import Focus
from rater.steering.frames import load_completions, read_completions_header, save_completions, to_frame
from rater.steering.positions import Touch
from rater.steering.sweep_results import SweepOutcome, SweepSetting
from rater.steering.tokens import TokenEffect
from rater.steering.vectors import SteeringVector
from rater.study.additions import XVector
from rater.study.arms import ExternalCompletions, ModelArm, Steered, Unsteered
from rater.study.external_completions import Slot, read_external_completions
from rater.study.fields import Item

AT = "blocks.6.hook_resid_pre"
MEASURED = ArmCompletion(
    "love",
    "I",
    1,
    5,
    (3, 4),
    " am",
    "length",
    Measurements(2, 1, 0.5, None),
    (Touch(0, 0, AT), Touch(0, 1, AT)),
)
UNMEASURED = ArmCompletion("plain", "I", 0, 5, (3,), " was", "eos", None, ())


def effect(position: int, token: str, kl: float, found: Focus | None) -> TokenEffect:
    return TokenEffect(
        position=position,
        token=token,
        is_touched=not position,
        kl=kl,
        entropy_unsteered=1.0,
        entropy_steered=1.1,
        logprob_unsteered=-2.0 if position else None,
        logprob_steered=-1.0 if position else None,
        focus=found,
    )


def test_completions_have_a_row_each_with_their_measurements_as_columns() -> None:
    frame = to_frame([MEASURED, UNMEASURED])

    assert frame["arm"].tolist() == ["love", "plain"]
    assert frame["nll"].tolist()[0] == 0.5
    assert frame["nll"].isna().tolist() == [False, True]
    assert frame["touched"].tolist() == [f"tokens 0–1 at {AT}", ""]
    assert frame["n_tokens"].tolist() == [2, 1]
    assert list(frame["token_ids"]) == [[3, 4], [3]]


def test_outcomes_of_a_sweep_have_their_setting_as_columns() -> None:
    unsteered = SweepOutcome(setting=None, kl=0, ratio=0, nll=1.5, repetition=0, n_words=20, score=None)
    setting = SweepOutcome(
        setting=SweepSetting(6, 8.0), kl=0.2, ratio=0.5, nll=1.7, repetition=0.1, n_words=22, score=None
    )

    frame = to_frame([unsteered, setting])

    assert frame["layer"].isna().tolist() == [True, False]
    assert frame[["layer", "coeff", "position", "kl"]].to_numpy().tolist()[1] == [6, 8.0, "front", 0.2]


def test_effects_on_tokens_have_effectiveness_and_disruption_where_they_are_known() -> None:
    plain = effect(0, "<s>", 0.1, None)
    meant = effect(1, " a", 0.2, Focus(0.3, 0.05))

    frame = to_frame([plain, meant])

    assert frame["effectiveness"].isna().tolist() == [True, False]
    assert frame[["token", "kl", "logprob_steered", "disruption"]].to_numpy().tolist()[1] == [
        " a",
        0.2,
        -1.0,
        0.05,
    ]


@pytest.mark.parametrize("rows", [[], [MEASURED, "text"], ["text"], "text", None])
def test_what_is_not_of_one_kind_has_no_frame(rows: Any) -> None:
    with pytest.raises(ModelError, match="valid: one or more of one of the kinds ArmCompletion"):
        to_frame(rows)


@pytest.mark.model
def test_saved_completions_come_back_as_they_were_and_an_arm_reads_them(
    embedded_model: TransformerBridge, tmp_path: Path
) -> None:
    love = XVector("Love", "Hate", coeff=5, at=6)
    arms: list[ModelArm] = [Unsteered(), Steered(name="love", additions=[love])]
    draws = Draws(max_new_tokens=3, samples_per_prompt=2, top_k=5)
    made = generate(embedded_model, ["I hate you because", "When I woke up"], arms, draws, trace=True)
    path = tmp_path / "made.jsonl"

    save_completions(path, made, embedded_model, made_by=arms, sampling=draws)

    assert load_completions(path) == made
    header = read_completions_header(path)
    assert header["model"] == "smollm2-135m-instruct"
    assert header["arms"]["love"]["additions"][0]["prompt1"] == "Love"
    assert header["sampling"]["top_k"] == 5
    arm = ExternalCompletions(name="love", path="made.jsonl")
    items = [Item(prompt="I hate you because"), Item(prompt="When I woke up")]
    found = read_external_completions(arm, tmp_path, items, samples_per_prompt=2)
    assert found.texts[Slot(1, 1)] == made[-1].text


@pytest.mark.model
def test_a_file_describes_vectors_of_ones_own(embedded_model: TransformerBridge, tmp_path: Path) -> None:
    own = SteeringVector(AT, torch.ones(1, 576))

    save_completions(
        tmp_path / "a.jsonl", [UNMEASURED], embedded_model, made_by={"mine": [own]}, sampling=Draws()
    )

    assert read_completions_header(tmp_path / "a.jsonl")["arms"] == {"mine": [repr(own)]}
    with pytest.raises(ModelError, match="valid: one or more, and a name that ends in"):
        save_completions(tmp_path / "a.csv", [UNMEASURED], embedded_model, made_by={}, sampling=Draws())
    with pytest.raises(ModelError, match="could not be written"):
        save_completions(
            tmp_path / "no" / "a.jsonl", [UNMEASURED], embedded_model, made_by={}, sampling=Draws()
        )


@pytest.mark.parametrize(
    "text", ["", "{}", '{"arm": "a"}\n', "not JSON", '{"header": {"format": "rater completions 2"}}\n']
)
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")

    with pytest.raises(ModelError, match="valid: one that save_completions wrote"):
        load_completions(tmp_path / "a.jsonl")


def test_a_missing_file_and_a_damaged_line_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load_completions(tmp_path / "none.jsonl")
    (tmp_path / "a.jsonl").write_text('{"header": {"format": "rater completions 1"}}\n{"arm": "a"}\n')
    with pytest.raises(ModelError, match=r"a\.jsonl:2 is not a completion"):
        load_completions(tmp_path / "a.jsonl")
