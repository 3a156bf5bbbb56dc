"""Foresee what a study costs: completions, tokens, seconds of a machine and minutes of people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rater.study.arms import Outside
from rater.study.protocol import CHARACTERS_PER_WORD, seconds_around_trials, seconds_per_trial
from rater.study.study import Study

TOKENS_PER_WORD = 1.3
TOKENS_PER_SECOND = 100.0
"""What the embedded model generates on two ordinary CPU cores, batched; measured, roughly."""


@dataclass(frozen=True)
class Forecast:
    """What a study would cost, in counts, seconds and minutes."""

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
    """From consent to the last page, of everything that is read and asked."""
    minutes_per_trial: float
    study_hash: str

    def as_dict(self) -> dict[str, object]:
        """Return the figures by name."""
        return asdict(self)


def forecast(study: Study, mean_characters: Mapping[str, float] | None = None) -> Forecast:
    """Work out a study's costs; times are estimates from the constants of this module.

    Args:
        study: what is to be done.
        mean_characters: how long the texts of an arm are on average, without their prompts, where that is
            known; of other arms, texts are taken to be as long as they may become.
    """
    n_outside = sum(isinstance(arm, Outside) for arm in study.arms)
    n_made = study.n_completions * (len(study.arms) - n_outside) // len(study.arms)
    n_tokens = n_made * study.sampling.max_new_tokens
    design = study.design
    words = _words_per_trial(study, mean_characters or {})
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


def _words_per_trial(study: Study, mean_characters: Mapping[str, float]) -> float:
    words = [_words_per_text(study, mean_characters.get(arm)) for arm in study.arm_names]
    n_texts = 2 if study.is_pairwise else 1
    return n_texts * sum(words) / len(words)


def _words_per_text(study: Study, mean_characters: float | None) -> float:
    """Count the words of a prompt with its text; a known text's by its letters, as the landing page does."""
    if mean_characters is not None:
        of_prompts = sum(map(len, study.prompts)) / len(study.prompts)
        return (of_prompts + mean_characters) / CHARACTERS_PER_WORD
    of_prompts = sum(len(prompt.split()) for prompt in study.prompts) / len(study.prompts)
    return of_prompts + study.sampling.max_new_tokens / TOKENS_PER_WORD
