"""Take part in a study as a simulated rater, over HTTP or directly in the store.

Over HTTP: with the real forms and the requests of a browser. In the store, without pages: the same booklets
and steps, hundreds of times as fast.
"""

import math
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import httpx
import numpy as np
from sqlalchemy import Engine

from rater.bots.behaviours import Asked, Character, Judge, seconds_on_a_text
from rater.bots.html_forms import ANSWER, APPLIES_NOT, BotPage, Field, read_page
from rater.errors import StateError
from rater.rendering.shown import shown_key
from rater.store.engine import writing
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.sessions import new_token
from rater.store.rating.steps import finish_instructions, record_questionnaire
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.trials import Judgement, Submission, Timing, TrialView, record_answers, view_trial
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.questionnaire import Given, Question, When
from rater.study.visit import Channel

_MAX_PAGES = 5_000
_PAUSE_S = 0.1
_COMMENT = "A bot was here."
SHARE_NOT_APPLICABLE = 0.05
"""The share of questions that bots answer with "not applicable", where it is offered."""
SHARE_WITHOUT_CONFIDENCE = 0.1
"""The share of answers for which bots leave out how sure they are."""


@dataclass(frozen=True)
class Bot:
    """A simulated rater."""

    character: Character
    judge: Judge
    protocol: Protocol
    """The study's protocol, which has the accepted answers to screening questions."""
    rng: np.random.Generator
    timeout_s: float = 60.0


@dataclass(frozen=True)
class BotVisit:
    """The result of a bot's visit."""

    n_rated: int
    """Texts rated, each counted once."""
    has_finished: bool


def arrive(bot: Bot, address: str) -> httpx.Cookies:
    """Go from a study's address to the first trial, and return the cookies with which to continue there.

    Raises:
        StateError: the study's pages lead to neither a trial nor a last page, or one is not valid.
    """
    with httpx.Client(timeout=bot.timeout_s) as client:
        for page in _pages(client, bot, address):
            if page.is_trial:
                break
        return client.cookies


def take_part(bot: Bot, address: str, cookies: httpx.Cookies | None = None) -> BotVisit:
    """Take part from a study's address to its last page; costs two requests a text.

    Args:
        bot: The simulated rater.
        address: The address at which the study begins.
        cookies: The cookies of a visit to continue; by default a new visit begins.

    Raises:
        StateError: the study's pages do not lead to a last page, or one is not valid.
    """
    with httpx.Client(timeout=bot.timeout_s, cookies=cookies) as client:
        visit = _walk(client, bot, address)
    if bot.character != "quitting":
        return visit
    # It comes back in a new browser window, with the same cookie and nothing else.
    with httpx.Client(timeout=bot.timeout_s, cookies=client.cookies) as new_window:
        rest = _walk(new_window, bot, address, goes_away=False)
    return BotVisit(visit.n_rated + rest.n_rated, rest.has_finished)


def _walk(client: httpx.Client, bot: Bot, address: str, *, goes_away: bool = True) -> BotVisit:
    rated: set[str] = set()
    last = ""
    goes_away = goes_away and bot.character in {"quitting", "leaving"}
    for page in _pages(client, bot, address):
        last = page.url.path
        if page.is_trial:
            progress = page.soup.select_one("progress")
            is_half_way = progress is None or float(str(progress["value"])) >= float(str(progress["max"])) / 2
            if goes_away and rated and is_half_way:
                return BotVisit(len(rated), has_finished=False)
            rated.add(last)
    return BotVisit(len(rated), has_finished="/thanks" in last)


def _pages(client: httpx.Client, bot: Bot, address: str) -> Iterator[BotPage]:
    """Yield each page of a visit, and continue from it: submit its form, or follow its link."""
    page = _get(client, address)
    for _ in range(_MAX_PAGES):
        if bot.character == "slow":
            time.sleep(_PAUSE_S)
            page = _get(client, str(page.url))
        yield page
        if page.form is not None:
            page = _send(client, bot, page)
        elif page.link is not None:
            page = _get(client, page.link)
        else:
            return
    msg = f"{address} did not reach a last page within {_MAX_PAGES} pages."
    raise StateError(msg)


def _send(client: httpx.Client, bot: Bot, page: BotPage) -> BotPage:
    """Send a page's form; a bot with two tabs sends it twice, and then that of the other tab.

    Raises:
        StateError: the tabs do not end up on the same page.
    """
    sent = _fill(bot, page)
    if bot.character != "double-tabbing" or not page.is_trial:
        return _post(client, page, sent)
    other = _get(client, str(page.url))
    first, again = _post(client, page, sent), _post(client, page, sent)
    if first.url != again.url:
        msg = f"{page.url} leads to {first.url}, but a second submission leads to {again.url}."
        raise StateError(msg)
    late = _fill(bot, other) if other.form is not None else {}
    return _post(client, other, late) if late else again


def _fill(bot: Bot, page: BotPage) -> dict[str, str]:
    """Fill in a form as a browser would: hidden fields, the bot's answers, and a button."""
    sent = page.hidden
    if page.times:
        shown_s = seconds_on_a_text(bot.character, bot.rng)
        sent |= dict(zip(page.times, (f"{shown_s * 1000:.0f}", "50", "0"), strict=False))
    for asked in page.fields():
        if asked.name not in sent:
            sent |= _answer(bot, page, asked)
    return sent | page.button


def _answer(bot: Bot, page: BotPage, field: Field) -> dict[str, str]:
    """Return the value of a field, or those of all fields of an order of texts; empty to leave it out."""
    if field.dimension is not None:
        dimension = next(each for each in bot.protocol.dimensions if each.name == field.dimension)
        if dimension.scale.ranks:
            return _put_in_order(bot, page, dimension)
        may_opt_out = any(option.value == APPLIES_NOT for option in field.options)
        if may_opt_out and bot.rng.uniform() < SHARE_NOT_APPLICABLE:
            return {field.name: APPLIES_NOT}
        return {field.name: _judge(bot, page, field)}
    if field.is_confidence and bot.rng.uniform() < SHARE_WITHOUT_CONFIDENCE:
        return {}
    return {field.name: _answer_other(bot, field)}


def _put_in_order(bot: Bot, page: BotPage, dimension: Dimension) -> dict[str, str]:
    """Return the place of the text of each rank, in the fields of the ranks."""
    value = bot.judge(_asked_about(dimension, page.prompt, page.texts))
    return {f"{ANSWER}{dimension.name}.{rank}": place for rank, place in enumerate(f"{value:.0f}", start=1)}


def _answer_other(bot: Bot, field: Field) -> str:
    if field.is_about_rater and not field.options:
        return _describe_itself(bot, field)
    if not field.options:
        return _COMMENT if bot.rng.uniform() < 0.25 else ""
    wanted = {label for question in bot.protocol.screening for label in question.accepted}
    liked = [option for option in field.options if option.label in wanted] or list(field.options)
    return liked[int(bot.rng.integers(len(liked)))].value


def _describe_itself(bot: Bot, field: Field) -> str:
    """Return a number of the field, or a text."""
    if field.lowest is None or field.highest is None:
        return _COMMENT
    return str(int(bot.rng.integers(math.ceil(field.lowest), math.floor(field.highest) + 1)))


def _judge(bot: Bot, page: BotPage, field: Field) -> str:
    ends = (
        0.0 if field.lowest is None else field.lowest,
        100.0 if field.highest is None else field.highest,
    )
    name = field.dimension or ""
    value = bot.judge(Asked(page.prompt, page.texts, name, field.numbers, *ends, step=field.step))
    pressed = (option.value for option in field.options if option.value in {f"{value:g}", str(value)})
    return next(pressed, f"{value:g}")


def _get(client: httpx.Client, address: str) -> BotPage:
    return read_page(client.get(address, follow_redirects=True))


def _post(client: httpx.Client, page: BotPage, sent: dict[str, str]) -> BotPage:
    return read_page(client.post(page.action, data=sent, follow_redirects=True))


def rate_in_store(
    engine: Engine,
    study: PublishedStudy,
    *,
    character: Character,
    judge: Judge,
    rng: np.random.Generator,
    now: datetime,
) -> int:
    """Claim a booklet and rate it in one transaction; return the number of texts rated."""
    protocol, token = study.protocol, new_token()
    with writing(engine) as session:
        recruitment = protocol.recruitment
        person = {} if recruitment is None else {recruitment.participant_id: secrets.token_hex(12)}
        arrival = Arrival(Channel.WEB, identifiers=person)
        rater_session = claim_booklet(session, study.id, token, arrival=arrival, protocol=protocol, now=now)
        rater_id = rater_session.rater_id
        record_questionnaire(session, rater_id, _describe(protocol, "before", rng), when="before", now=now)
        finish_instructions(session, rater_id, now=now)
        last = rater_session.n_trials // 2 if character == "leaving" else rater_session.n_trials
        for position in range(1, last + 1):
            # only this transaction adds answers, so the progress is known and need not be read again
            at = replace(rater_session, n_answered=position - 1)
            view = view_trial(session, at, position)
            shown_ms = round(seconds_on_a_text(character, rng) * 1000)
            answers = {
                each.name: _judgement(judge(_asked(protocol, view, each.shown_to(rater_id))), each, rng)
                for each in protocol.dimensions
                if view.dimension in (None, each.name)
            }
            sent = Submission(secrets.token_hex(16), position, answers, Timing(shown_ms))
            record_answers(session, study.id, at, sent, revising=protocol.revising, now=now)
        if last == rater_session.n_trials:
            record_questionnaire(session, rater_id, _describe(protocol, "after", rng), when="after", now=now)
    return last


def _judgement(value: float, dimension: Dimension, rng: np.random.Generator) -> Judgement:
    """Add to an answer what else the dimension asks, drawn at random and independent of the text."""
    if dimension.not_applicable and rng.uniform() < SHARE_NOT_APPLICABLE:
        return Judgement(None, not_applicable=True)
    n_points = dimension.n_confidence
    if not n_points or rng.uniform() < SHARE_WITHOUT_CONFIDENCE:
        return Judgement(value)
    return Judgement(value, confidence=int(rng.integers(1, n_points + 1)))


def _describe(protocol: Protocol, when: When, rng: np.random.Generator) -> dict[str, Given | None]:
    """Draw answers to the questions about a rater."""
    return {each.name: _draw_given(each, rng) for each in protocol.questions(when)}


def _draw_given(question: Question, rng: np.random.Generator) -> Given:
    if question.kind == "number":
        return float(rng.integers(math.ceil(question.minimum), math.floor(question.maximum) + 1))
    if question.kind == "text":
        return _COMMENT
    chosen = question.options[int(rng.integers(len(question.options)))]
    return (chosen,) if question.kind == "choices" else chosen


def _asked(protocol: Protocol, view: TrialView, dimension: Dimension) -> Asked:
    keys = [shown_key(protocol, view.prompt, text) for text in view.texts]
    return _asked_about(dimension, keys[0][0], tuple(text for _, text in keys))


def _asked_about(dimension: Dimension, prompt: str, texts: tuple[str, ...]) -> Asked:
    scale, numbers = dimension.scale, dimension.scale.number_range
    return Asked(
        prompt=prompt,
        texts=texts,
        dimension=dimension.name,
        values=tuple(map(float, scale.all_answers)),
        lowest=scale.lowest,
        highest=scale.highest,
        step=1 if numbers is None else numbers.step,
    )
