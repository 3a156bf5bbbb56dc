"""Normalise texts before they are shown, in every arm alike, so that form says less of how they were made."""

import re

from rater.study.study import Study

_SENTENCE_END = re.compile(r"[.!?…。\uff01\uff1f]+[\"'”’»)\]]*(?=\s|$)")


def published_text(study: Study, text: str) -> str:
    """Return a completion's text as raters see it."""
    return normalise(text, cut_unfinished_sentence=study.cut_unfinished_sentence)


def normalise(text: str, *, cut_unfinished_sentence: bool) -> str:
    """Cut trailing white space and, if the study says so, a last sentence that does not end.

    A text without the end of any sentence stays whole. NUL, which PostgreSQL cannot keep, becomes the
    replacement character.
    """
    clean = text.replace("\0", "\ufffd").rstrip()
    if not cut_unfinished_sentence:
        return clean
    ends = [match.end() for match in _SENTENCE_END.finditer(clean)]
    return clean[: ends[-1]] if ends else clean
