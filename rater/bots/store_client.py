"""Rate in the store without pages: the same booklets and steps, hundreds of times as fast."""

import secrets
from dataclasses import replace
from datetime import datetime

import numpy as np
from sqlalchemy import Engine

from rater.bots.behaviours import Asked, Character, Judge, seconds_on_a_text
from rater.sanitize import sanitize_for_display
from rater.store.engine import writing
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.sessions import new_token
from rater.store.rating.steps import finish_instructions
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.trials import Judgement, Submission, Timing, TrialView, record_answers, view_trial
from rater.study.protocol import Dimension, Protocol


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
        arrival = Arrival("web", identifiers=person)
        rater_session = claim_booklet(session, study.id, token, arrival=arrival, protocol=protocol, now=now)
        finish_instructions(session, rater_session.rater_id, now=now)
        last = rater_session.n_trials // 2 if character == "leaving" else rater_session.n_trials
        for position in range(1, last + 1):
            # only this transaction adds answers, so the progress is known and need not be read again
            at = replace(rater_session, n_answered=position - 1)
            view = view_trial(session, at, position)
            shown_ms = round(seconds_on_a_text(character, rng) * 1000)
            sent = Submission(
                secrets.token_hex(16), position, _answers(view, protocol, judge), Timing(shown_ms)
            )
            record_answers(session, study.id, at, sent, revising=protocol.revising, now=now)
    return last


def _answers(view: TrialView, protocol: Protocol, judge: Judge) -> dict[str, Judgement]:
    asked = [each for each in protocol.dimensions if view.dimension in (None, each.name)]
    return {dimension.name: Judgement(judge(_asked(view, dimension))) for dimension in asked}


def _asked(view: TrialView, dimension: Dimension) -> Asked:
    scale, numbers = dimension.scale, dimension.scale.number_range
    texts = tuple(sanitize_for_display(text) for text in (view.text, view.other_text) if text is not None)
    return Asked(
        prompt=sanitize_for_display(view.prompt),
        texts=texts,
        dimension=dimension.name,
        values=tuple(float(choice.value) for choice in scale.choices),
        lowest=scale.lowest,
        highest=scale.highest,
        step=1 if numbers is None else numbers.step,
    )
