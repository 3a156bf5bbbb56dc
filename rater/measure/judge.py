"""LLM judges: a model on a server or on this machine answers the raters' question about each text.

A judge is given the prompt, the text and the fields, in random order and without arms. Its temperature is 0.
A reply that is not an answer of the scale is a failure, and never becomes a score.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import ValidationError

from rater.errors import StudyError
from rater.measure.judge_question import JudgeQuestion
from rater.measure.judge_server import JudgeServer, Reply
from rater.measure.metric import Measured, Metric, Unit
from rater.study.dimension import Dimension
from rater.study.scales import Likert
from rater.study.validation import describe

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

REFUSED = "the judge refused to answer"
_TOKENS, _TOKENS_WITH_REASONS = 16, 256
_AT_ONCE = 16


class _Judge(Metric):
    """A judge, apart from the way in which it is asked."""

    kind: ClassVar[str] = "judge"

    def __init__(self, question: JudgeQuestion, *, dimension: str | None = None) -> None:
        n_texts = question.dimension.scale.n_texts
        if n_texts > 2:
            msg = (
                f"A judge cannot be asked about {question.dimension.name!r}, which compares {n_texts} texts; "
                "a judge answers about one text or a pair, and cannot rank several"
            )
            raise StudyError(msg)
        self.question, self.n_texts, self.dimension = question, n_texts, dimension

    def _read(self, reply: Reply, unit: Unit) -> Measured:
        if reply.refusal:
            return Measured(None, REFUSED, reply.text or reply.refusal)
        return self.question.read(reply.text, unit, is_cut_off=reply.is_cut_off)


class ServerJudge(_Judge):
    """A judge on a server with OpenAI's interface for chats.

    Args:
        question: The question.
        server: The server and its model.
        dimension: The study's dimension whose question it is; None for a question of one's own.
    """

    def __init__(self, question: JudgeQuestion, server: JudgeServer, *, dimension: str | None = None) -> None:
        super().__init__(question, dimension=dimension)
        self.server = server

    @property
    def definition(self) -> Mapping[str, object]:
        """The question, the model and the server's address; no key."""
        return {
            "model": self.server.model,
            "base_url": self.server.base_url,
            "max_tokens": self.server.max_tokens,
            "temperature": 0,
            **self.question.definition,
        }

    @property
    def description(self) -> str:
        """The model and its question."""
        return f"{self.server.model} was asked: {self.question.dimension.question}"

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Yield the judge's answer to each unit as soon as it arrives."""
        for index, reply in self.server.ask([self.question.ask(unit) for unit in units]):
            yield index, self._read(reply, units[index])


class LocalJudge(_Judge):
    """A judge that runs on this machine, by its name on the model hub or its folder.

    It decodes greedily, so that its answers do not depend on the batch. Equal messages are asked once.

    Args:
        question: The question.
        model: The model's name.
        load: Loads the model when it is first asked; by default `rater.steering.load_model`.
        max_tokens: The largest number of tokens of a reply.
        dimension: The study's dimension whose question it is; None for a question of one's own.
    """

    def __init__(
        self,
        question: JudgeQuestion,
        model: str,
        *,
        load: "Callable[[str], TransformerBridge] | None" = None,
        max_tokens: int = _TOKENS,
        dimension: str | None = None,
    ) -> None:
        super().__init__(question, dimension=dimension)
        self._name, self._load, self._max_tokens = model, load, max_tokens

    @property
    def definition(self) -> Mapping[str, object]:
        """The question and the model."""
        return {
            "model": self._name,
            "max_tokens": self._max_tokens,
            "temperature": 0,
            **self.question.definition,
        }

    @property
    def description(self) -> str:
        """The model and its question."""
        return f"{self._name} was asked: {self.question.dimension.question}"

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Yield the judge's answers, 16 at a time."""
        if not units:
            return
        from rater.steering import Draws, generate, load_model  # noqa: PLC0415 (loads torch)

        model = (self._load or load_model)(self._name)
        sampling = Draws(max_new_tokens=self._max_tokens, temperature=0, seed=0)
        for start in range(0, len(units), _AT_ONCE):
            batch = units[start : start + _AT_ONCE]
            messages = [self.question.ask(unit) for unit in batch]
            made = generate(
                model, list(dict.fromkeys(messages)), {"judge": ()}, sampling, chat=True, measure=False
            )
            replies = {
                each.prompt: Reply(each.text, is_cut_off=each.stop_reason == "length") for each in made
            }
            for index, (message, unit) in enumerate(zip(messages, batch, strict=True), start):
                yield index, self._read(replies[message], unit)


def tokens_for(*, reasons: bool) -> int:
    """Return the largest number of tokens of a reply."""
    return _TOKENS_WITH_REASONS if reasons else _TOKENS


def own_question(question: str, *, points: int, low: str, high: str) -> Dimension:
    """Return a question of one's own about one text, with points as answers.

    Raises:
        StudyError: the question or the scale is not valid.
    """
    try:
        return Dimension(name="judge", question=question, scale=Likert(points=points, low=low, high=high))
    except ValidationError as error:
        msg = f"The judge's question or scale is not valid. {describe(error, 'Dimension')}"
        raise StudyError(msg) from error


def judge(
    question: str,
    *,
    low: str,
    high: str,
    points: int = 5,
    model: str,
    base_url: str | None = None,
    reasons: bool = False,
) -> Metric:
    """Return a metric: the answer of a language model to a question about each text.

    Args:
        question: The question, such as "How happy is this text?"; a field in braces is replaced by its value.
        low: The label of point 1.
        high: The label of the last point.
        points: The number of points of the scale.
        model: The model's name, on the server or on the model hub.
        base_url: The address of a server with OpenAI's interface; its key is taken from the environment
            variable OPENAI_API_KEY. None runs the model on this machine.
        reasons: Whether the judge is asked for a short reason before its answer.

    Raises:
        StudyError: the scale or the address is not valid.
    """
    asked = JudgeQuestion(own_question(question, points=points, low=low, high=high), reasons=reasons)
    n = tokens_for(reasons=reasons)
    if base_url is None:
        return LocalJudge(asked, model, max_tokens=n)
    return ServerJudge(asked, JudgeServer(base_url=base_url, model=model, max_tokens=n))
