"""The words with which a judge is asked about a text or a pair, and the strict reading of its reply.

A judge is asked what raters are asked: the dimension's question with the fields of the text filled in, and
the answers of its scale. A reply that is not exactly one of these answers gives no value: it is counted as a
failure and never replaced by a middle score.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rater.measure.metric import Measured, Unit
from rater.study.dimension import Dimension
from rater.study.fields import fill
from rater.study.scale import StudyScale

WORDING = 1
"""The version of the words below: another one may give other answers, and is part of a judge's definition."""
NOT_AN_ANSWER, EMPTY, CUT_OFF = "not an answer of the scale", "empty reply", "reply cut off"
CANNOT_JUDGE = "the judge cannot judge the text"
NO_LAST_LINE = "no last line with “Answer:”"
_CANNOT = "X"
_ANSWER_LINE = re.compile(r"answer:\s*(.*?)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class JudgeQuestion:
    """A question to a judge: a dimension, and the fields that raters see above a text.

    Attributes:
        dimension: The question and its scale; pairs are compared where the scale compares two texts.
        labels: The labels of the fields that are shown, by their names.
        reasons: Whether the judge is asked for a short reason before its answer.
    """

    dimension: Dimension
    labels: Mapping[str, str] = field(default_factory=dict)
    reasons: bool = False

    @property
    def definition(self) -> dict[str, object]:
        """The question as JSON."""
        return {
            "dimension": self.dimension.model_dump(mode="json"),
            "labels": dict(self.labels),
            "reasons": self.reasons,
            "wording": WORDING,
        }

    def ask(self, unit: Unit) -> str:
        """Return the message to a judge about a text, or about two in this order."""
        first = unit[0]
        fields = {"prompt": first.prompt, **first.fields}
        asked = self.dimension.filled(fields)
        parts = [_beginning(first.prompt)] if first.prompt else []
        parts += [f"{fill(label, fields)}: {first.fields[name]}" for name, label in self.labels.items()]
        for place, shown in enumerate(unit):
            letter = "" if len(unit) == 1 else f" {'AB'[place]}"
            parts.append(f"<text{letter}>\n{shown.text.strip()}\n</text{letter}>")
        parts.append(f"Question: {asked.question}")
        parts.append(self._answers(asked))
        return "\n\n".join(parts)

    def _answers(self, asked: Dimension) -> str:
        answers = _options(asked.scale)
        if answers:
            listed = [f"{token} = {label}" if label else token for token, (_, label) in answers.items()]
            valid = "Answers:\n" + "\n".join(listed)
        else:
            valid = f"Answers: {asked.scale.describe_values()} ({asked.scale.describe()})."
        if asked.cannot_judge:
            valid += f"\n{_CANNOT} = I cannot judge this"
        if self.reasons:
            return (
                f"{valid}\nFirst give your reason in one or two sentences. Then write a last line with "
                "“Answer:” and your answer, and nothing after it."
            )
        return f"{valid}\nReply with your answer alone, and with nothing else."

    def read(self, reply: str, unit: Unit, *, is_cut_off: bool = False) -> Measured:
        """Read a reply: the value of the answer, or the reason why it has none; the raw reply is kept.

        With reasons, the last line counts; without, the whole reply. One full stop after an answer is
        allowed. A reply that was cut off is a failure, since an answer at its end may be incomplete.
        """
        written, reason = self._answer_in(reply)
        if is_cut_off or reason:
            return Measured(None, CUT_OFF if is_cut_off else reason, reply)
        if self.dimension.cannot_judge and written.upper() == _CANNOT:
            return Measured(None, CANNOT_JUDGE, reply)
        scale = self.dimension.filled({"prompt": unit[0].prompt, **unit[0].fields}).scale
        answers = _options(scale)
        if answers:
            value = answers[written.upper()][0] if written.upper() in answers else None
        else:
            value = scale.parse(written)
        if value is None:
            return Measured(None, NOT_AN_ANSWER, reply)
        return Measured(float(value), reply=reply)

    def _answer_in(self, reply: str) -> tuple[str, str]:
        """Return the part of a reply that should be an answer, and why there is none."""
        lines = [line.strip() for line in reply.strip().splitlines() if line.strip()]
        if not lines:
            return "", EMPTY
        if not self.reasons:
            return _plain(reply), ""
        found = _ANSWER_LINE.fullmatch(lines[-1])
        return (_plain(found[1]), "") if found else ("", NO_LAST_LINE)


def _plain(answer: str) -> str:
    """Return an answer without blanks around it and a full stop, and with a plain minus sign."""
    return answer.strip().removesuffix(".").strip().replace("−", "-")


def _beginning(prompt: str) -> str:
    return f"A text begins with this prompt:\n<prompt>\n{prompt.strip()}\n</prompt>\nIt continues as follows."


def _options(scale: StudyScale) -> dict[str, tuple[float, str]]:
    """Return the answers that can be chosen, by what a judge writes; none where a number is typed."""
    if scale.n_texts == 1:
        return {f"{choice.value:g}": (choice.value, choice.label) for choice in scale.choices}
    return {choice.key.upper(): (choice.value, choice.label) for choice in scale.choices}
