"""Estimates of the cost of a study: completions, tokens, generation time, and minutes per rater."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rater.study.arms import ExternalCompletions
from rater.study.duration import CHARACTERS_PER_WORD, seconds_around_trials, seconds_per_trial
from rater.study.study import Study

TOKENS_PER_WORD = 1.3
TOKENS_PER_SECOND = 100.0
"""Throughput of the embedded model on two CPU cores with batches; a rough measurement."""


@dataclass(frozen=True)
class Forecast:
    """The estimated cost of a study."""

    n_arms: int
    n_prompts: int
    n_completions: int
    n_tokens: int
    generation_s: float
    n_booklets: int
    trials_per_booklet: int
    n_trials: int
    ratings_per_completion: float
    minutes_per_rater: float
    """From consent to the last page, including all reading."""
    minutes_per_trial: float
    study_hash: str

    def as_dict(self) -> dict[str, object]:
        """Return the estimates by name."""
        return asdict(self)


def forecast(study: Study, mean_characters: Mapping[str, float] | None = None) -> Forecast:
    """Estimate the cost of a study; times are based on the constants of this module.

    Args:
        study: The study.
        mean_characters: The mean length of the texts of an arm in characters, without prompts, if it is
            known; texts of other arms are assumed to have the maximum length.
    """
    n_external = sum(isinstance(arm, ExternalCompletions) for arm in study.arms)
    n_generated = study.n_completions * (len(study.arms) - n_external) // len(study.arms)
    n_tokens = n_generated * study.sampling.max_new_tokens * study.n_replies
    design = study.design
    characters = mean_characters or {}
    of_arms = [_words_per_text(study, characters.get(arm)) for arm in study.arm_names]
    words = study.n_texts * sum(of_arms) / len(of_arms)
    trial_s = seconds_per_trial(study, words, n_questions=design.answers_per_trial)
    around_s = seconds_around_trials(study, n_trials=design.trials_per_rater, words_per_trial=words)
    return Forecast(
        n_arms=len(study.arms),
        n_prompts=len(study.prompts),
        n_completions=study.n_completions,
        n_tokens=n_tokens,
        generation_s=n_tokens / TOKENS_PER_SECOND,
        n_booklets=design.n_raters,
        trials_per_booklet=design.trials_per_rater,
        n_trials=design.n_raters * design.trials_per_rater,
        ratings_per_completion=design.ratings_per_item,
        minutes_per_rater=(design.trials_per_rater * trial_s + around_s) / 60,
        minutes_per_trial=trial_s / 60,
        study_hash=study.hash,
    )


def _words_per_text(study: Study, mean_characters: float | None) -> float:
    """Return the number of words of a prompt with the fields that raters see and its text.

    It comes from the number of characters of the text if that is known.
    """
    before = [
        "\n".join(
            [
                *(f"{each.label} {item.fields.get(each.name, item.prompt)}" for each in study.shown_fields),
                item.prompt,
            ]
        )
        for item in study.rated_items
    ]
    n_generated = 1 + (study.reference_arm is not None)  # of the reference, the prompt is among the fields
    if mean_characters is not None:
        return (sum(map(len, before)) / len(before) + n_generated * mean_characters) / CHARACTERS_PER_WORD
    of_prompts = sum(len(text.split()) for text in before) / len(before)
    n_tokens = n_generated * study.n_replies * study.sampling.max_new_tokens
    return of_prompts + n_tokens / TOKENS_PER_WORD
