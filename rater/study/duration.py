"""The estimated duration of a visit, from its texts and questions.

Payment on recruitment platforms is based on this number, so an omission would underpay raters.
"""

from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import SECONDS_PER_CHOICE, SECONDS_PER_NUMBER

WORDS_PER_MINUTE = 238
"""Silent reading of non-fiction in English (Brysbaert 2019, Journal of Memory and Language 109, 104047)."""
CHARACTERS_PER_WORD = 5.7
"""An English word with its space."""
SECONDS_PER_COMMENT = 30.0
"""Writing a sentence or two; our assumption, as are the times below and those of the scales."""
SECONDS_PER_BREAK = 30.0
SECONDS_PER_PAGE = 3.0
"""Finding the button of a page, and loading the next one."""


def describe_duration(seconds: float) -> str:
    """Return a duration in words, such as "40 s", "12 minutes", "1.5 hours" or "3 days"."""
    if round(seconds) < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'s' * (minutes != 1)}"
    hours = seconds / 3600
    return f"{hours:.1f} hours".replace(".0 ", " ") if hours < 48 else f"{round(hours / 24)} days"


def seconds_per_trial(protocol: Protocol, n_words: float, *, n_questions: int) -> float:
    """Estimate the seconds that one trial takes, at least those that the study requires.

    Args:
        protocol: The protocol, with its dimensions.
        n_words: The number of words in a trial.
        n_questions: The number of dimensions that a trial asks; if not all, each is asked equally often.
    """
    asked = [_seconds_per_answer(dimension) for dimension in protocol.dimensions]
    estimated = _reading_s(n_words) + n_questions * sum(asked) / len(asked)
    return max(estimated, protocol.least_seconds or 0.0)


def seconds_around_trials(protocol: Protocol, *, n_trials: int, words_per_trial: float) -> float:
    """Estimate the seconds of everything except the trials.

    Args:
        protocol: The protocol, with its texts and questions.
        n_trials: The number of trials in a booklet; breaks follow some of them.
        words_per_trial: The number of words in a trial; the blinding question shows some texts again.
    """
    parts = parts_around_trials(protocol, n_trials=n_trials, words_per_trial=words_per_trial)
    return sum(parts.values())


def parts_around_trials(protocol: Protocol, *, n_trials: int, words_per_trial: float) -> dict[str, float]:
    """Estimate the seconds of each part of a session except the trials, by its name, in order.

    Args:
        protocol: The protocol, with its texts and questions.
        n_trials: The number of trials in a booklet; breaks follow some of them.
        words_per_trial: The number of words in a trial; the blinding question shows some texts again.
    """
    n_breaks = (n_trials - 1) // protocol.break_every if protocol.break_every and n_trials else 0
    read = sum(map(_words, (protocol.consent, protocol.content_notice, protocol.instructions)))
    return {
        # the first page, consent, instructions and the last page
        "Consent and instructions": _reading_s(read) + 4 * SECONDS_PER_PAGE,
        "Screening": _screening_s(protocol),
        "Questionnaire": _questionnaire_s(protocol),
        "Practice": _practice_s(protocol),
        "Breaks": n_breaks * SECONDS_PER_BREAK,
        "Blinding question": _blinding_s(protocol, n_trials, words_per_trial),
        "Final comment": SECONDS_PER_COMMENT if protocol.final_comment else 0.0,
    }


def session_parts(
    protocol: Protocol, *, n_trials: int, words_per_trial: float, n_questions: int
) -> dict[str, float]:
    """Estimate the seconds of each part of a session, by its name, the trials with their comments first."""
    per_trial_s = seconds_per_trial(protocol, words_per_trial, n_questions=n_questions)
    around = parts_around_trials(protocol, n_trials=n_trials, words_per_trial=words_per_trial)
    return {"Trials": n_trials * per_trial_s, **around}


def visit_minutes(protocol: Protocol, *, n_trials: int, words_per_trial: float, n_questions: int) -> float:
    """Estimate the minutes of a whole session."""
    parts = session_parts(
        protocol, n_trials=n_trials, words_per_trial=words_per_trial, n_questions=n_questions
    )
    return sum(parts.values()) / 60


def stated_minutes(protocol: Protocol, *, n_trials: int, characters_per_text: float, asks_all: bool) -> int:
    """Return the minutes that raters are shown: those of the study, or else an estimate; at least one.

    Args:
        protocol: The protocol, with its texts and questions.
        n_trials: The number of trials in a booklet.
        characters_per_text: The mean number of characters of a prompt with its text.
        asks_all: True if each trial asks all dimensions, False if it asks one.
    """
    if protocol.minutes is not None:
        return protocol.minutes
    estimated = visit_minutes(
        protocol,
        n_trials=n_trials,
        words_per_trial=protocol.n_texts * characters_per_text / CHARACTERS_PER_WORD,
        n_questions=len(protocol.dimensions) if asks_all else 1,
    )
    return max(1, round(estimated))


def further_minutes(protocol: Protocol, *, n_trials: int, characters_per_text: float, asks_all: bool) -> int:
    """Return the minutes that raters are shown for a further booklet: its trials and breaks; at least one.

    Args:
        protocol: The protocol, with its questions.
        n_trials: The number of trials in a booklet.
        characters_per_text: The mean number of characters of a prompt with its text.
        asks_all: True if each trial asks all dimensions, False if it asks one.
    """
    parts = session_parts(
        protocol,
        n_trials=n_trials,
        words_per_trial=protocol.n_texts * characters_per_text / CHARACTERS_PER_WORD,
        n_questions=len(protocol.dimensions) if asks_all else 1,
    )
    return max(1, round((parts["Trials"] + parts["Breaks"]) / 60))


def _seconds_per_answer(dimension: Dimension) -> float:
    confidence_s = SECONDS_PER_CHOICE if dimension.confidence else 0
    comment_s = SECONDS_PER_COMMENT if dimension.comment else 0
    return dimension.scale.seconds_per_answer + confidence_s + comment_s


def _screening_s(protocol: Protocol) -> float:
    if not protocol.screening:
        return 0
    words = sum(_words(each.question) + sum(map(_words, each.options)) for each in protocol.screening)
    return SECONDS_PER_PAGE + _reading_s(words) + SECONDS_PER_CHOICE * len(protocol.screening)


def _questionnaire_s(protocol: Protocol) -> float:
    n_pages = len({each.when for each in protocol.questionnaire})
    words = sum(_words(each.question) + sum(map(_words, each.options)) for each in protocol.questionnaire)
    answers = sum(
        SECONDS_PER_CHOICE if each.has_options else SECONDS_PER_NUMBER for each in protocol.questionnaire
    )
    return n_pages * SECONDS_PER_PAGE + _reading_s(words) + answers


def _practice_s(protocol: Protocol) -> float:
    answers = sum(map(_seconds_per_answer, protocol.dimensions))
    return sum(
        _reading_s(sum(map(_words, (each.prompt, *each.texts, each.feedback)))) + answers
        for each in protocol.practice
    )


def _blinding_s(protocol: Protocol, n_trials: int, words_per_trial: float) -> float:
    if protocol.blinding is None:
        return 0
    n_texts = min(protocol.blinding.n_texts, n_trials)
    words_per_text = words_per_trial / protocol.n_texts
    return (
        SECONDS_PER_PAGE
        + _reading_s(_words(protocol.blinding.question) + n_texts * words_per_text)
        + max(1, n_texts) * SECONDS_PER_CHOICE
    )


def _reading_s(n_words: float) -> float:
    return n_words / WORDS_PER_MINUTE * 60


def _words(text: str | None) -> float:
    return len(text or "") / CHARACTERS_PER_WORD
