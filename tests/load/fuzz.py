"""Send valid and invalid requests to every route, the desk's too, and count statuses; a 5xx is a bug.

    python tests/load/fuzz.py 100000

Requests are drawn at random from the routes' rules, methods, fields and cookies; the seed is printed. They go
to the app without a server, from addresses of other machines, without rate limits and with a fast password
hash, so that they reach the views.
"""

import argparse
import logging
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import Engine, update
from werkzeug.routing import Rule

from rater.errors import FullError
from rater.store.engine import disposing, writing
from rater.store.rating import users
from rater.store.rating.open import create_rating
from rater.store.rating.publication import NewBooklet, NewItem, insert_study
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Answer, DeskUser, Rater
from rater.store.rating.sessions import RaterSession, new_token
from rater.store.rating.studies import PublishedStudy, get_study, move_study
from rater.store.rating.users import begin_session
from rater.study.dimension import Dimension
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Likert
from rater.study.state import State
from rater.study.visit import PROLIFIC, BlindingQuestion, Channel, ScreeningQuestion
from rater.web import rate_limits
from rater.web.app import create_app
from rater.web.settings import WebSettings

NAME, SLUG = "fuzzed", "fuzzed-river"
RENEWED_EVERY = 150
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "X-OTHER")
WORDS = (
    "agree", "decline", "next", "back", "3", "0", "-1", "99", "1e9", "first", "unsure", "closed", "open",
    "a" * 43, "0123456789abcdef", "", " ", "\x00", "\ud800", "\U0001d54f" * 9, "<script>alert(1)</script>",
    "%00", "..", "' OR 1=1 --", "{{ 7*7 }}", "\u202e", "\u0663", "x" * 3_000, "de", "stop", "yes", "csv",
    "/desk/studies", "//evil.example",
)  # fmt: skip
FIELDS = (
    "token", "decision", "submission_id", "answer.happiness", "comment.happiness", "shown_ms", "hidden_ms",
    "first_render_ms", "go", "name", "password", "next", "n", "as", "language", "choice", "comment", "guess",
    "arrival.PROLIFIC_PID", "PROLIFIC_PID", "reason", "kind", "answers", "file", "screening.1", "sort", "at",
)  # fmt: skip


def protocol() -> Protocol:
    """A study that has every kind of page."""
    scale = Likert(low="not at all", high="very")
    return Protocol(
        title="Fuzzed",
        consent="Do you agree?",
        instructions="Rate.",
        dimensions=(
            Dimension(name="happiness", question="Happy?", scale=scale, cannot_judge=True, comment="Why?"),
        ),
        content_notice="Nothing bad.",
        screening=(ScreeningQuestion(question="Old?", options=("yes", "no"), accepted=("yes",)),),
        practice=(Practice(prompt="I", text=" ran.", accepted={"happiness": (1, 5)}, feedback="Good."),),
        break_every=2,
        blinding=BlindingQuestion(n_texts=2),
        final_comment="Anything else?",
        debrief="It was about this.",
        recruitment=PROLIFIC,
        language="en",
    )


def fill(url: str, n_booklets: int) -> None:
    """Make a database with an open study and an experimenter."""
    now = datetime.now(UTC)
    study = PublishedStudy(0, NAME, SLUG, State.PUBLISHED, protocol(), "hash", "commitment", now)
    items = [NewItem(f"{n:032x}", f"Prompt {n}", f" text {n}") for n in range(6)]
    booklets = [NewBooklet.of(f"{n:032x}", (item.id for item in items)) for n in range(n_booklets)]
    with disposing(create_rating(url)) as rating, writing(rating) as session:
        insert_study(session, study, items=items, booklets=booklets)
        move_study(session, NAME, State.OPEN, at=now)
        session.add(DeskUser(name="ada", password_hash="none", made_at=now, role="owner"))  # noqa: S106 (fits no password)


def come(engine: Engine) -> tuple[list[str], str]:
    """Let a rater come to each stage of the study, and an experimenter log in; returns their tokens."""
    now = datetime.now(UTC)
    steps = ("screened_at", "instructed_at", "practised_at", "finished_at", "asked_at", "guessed_at")
    tokens = [new_token() for _ in range(len(steps) + 1)]
    with writing(engine) as session:
        found = get_study(session, NAME)
        if found.state != "open":  # by a request that was accepted
            move_study(session, NAME, State.OPEN, at=now)
        for n_steps, token in enumerate(tokens):
            try:
                rater_session = claim_booklet(
                    session, found.id, token, arrival=Arrival(Channel.WEB), protocol=found.protocol, now=now
                )
            except FullError:  # strangers have taken the rest
                continue
            values = dict.fromkeys(steps[:n_steps], now)
            if values:
                session.execute(update(Rater).where(Rater.id == rater_session.rater_id).values(**values))
            answered = {0: 0, 1: 0, 2: 0, 3: 2}.get(n_steps, rater_session.n_trials)
            session.add_all(_answer(rater_session, position, now) for position in range(1, answered + 1))
        return tokens, begin_session(session, "ada", now=now)


def _answer(rater_session: RaterSession, position: int, now: datetime) -> Answer:
    return Answer(
        rater_id=rater_session.rater_id,
        booklet_id=rater_session.booklet_id,
        position=position,
        dimension="happiness",
        revision=1,
        value=3.0,
        submission_id=f"{position:016d}",
        answered_at=now,
    )


RIGHTFUL = {"decision": "agree", "token": "t" * 43, "answer.happiness": "3", "go": "next", "shown_ms": "900"}
_FIELDS_OF = {
    "rater.decide": ("decision", "token"),
    "rater.answer": ("submission_id", "answer.happiness", "go", "shown_ms"),
    "rater.practise": ("submission_id", "answer.happiness", "go", "shown_ms"),
}
"""The fields of a few routes' forms, so that some requests are accepted."""


class Fuzzer:
    """Draws requests and counts their responses."""

    def __init__(self, app: Flask, rng: random.Random) -> None:
        self._app, self._rng, self._key = app, rng, "k" * 22
        self._rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
        self.statuses: Counter[int] = Counter()
        self.by_route: dict[str, Counter[int]] = {rule.rule: Counter() for rule in self._rules}
        self.broken: list[str] = []

    def send(self, n: int) -> None:
        """Send N requests, to every route in turn."""
        for number in range(n):
            if number % RENEWED_EVERY == 0:
                self._tokens, self._desk_token = come(self._app.extensions["rater"].engine)
                self._key = self._preview() if number == 0 else self._key
            rule = self._rules[number % len(self._rules)]
            method, path, form, cookies = self._draw(rule)
            sent: Any = {  # a body is data and, for some, a content type
                "method": method,
                "headers": {"Cookie": cookies} if cookies else {},
                "environ_base": {"REMOTE_ADDR": f"192.0.2.{number % 250}"},
                **form,
            }
            answer = self._app.test_client(use_cookies=False).open(path, **sent)
            answer.get_data()
            answer.close()
            self.statuses[answer.status_code] += 1
            self.by_route[rule.rule][answer.status_code] += 1
            if answer.status_code >= 500:
                self.broken.append(
                    f"{answer.status_code} {method} {path!r} {str(form)[:300]} {cookies[:80]!r}"
                )

    def _preview(self) -> str:
        """Make a preview, and return its key."""
        client = self._app.test_client()
        client.set_cookie("rater-desk", self._desk_token, path="/desk")
        made = client.post(f"/desk/studies/{NAME}/preview")
        return made.headers["Location"].rpartition("/")[2]

    def _draw(self, rule: Rule) -> tuple[str, str, dict[str, object], str]:
        rng = self._rng
        known = sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})
        method = rng.choice(known) if rng.random() < 0.85 else rng.choice(METHODS)
        path = rule.rule
        for argument, right in self._rightful(rule):
            value = right if rng.random() < 0.8 else self._word()
            path = path.replace(argument, value)
        if rng.random() < 0.1:
            path += self._word()
        if rng.random() < 0.2:
            path += f"?{rng.choice(FIELDS)}={self._word()}"
        cookies = [
            text
            for text in (
                f"rater={rng.choice(self._tokens) if rng.random() < 0.8 else secrets.token_urlsafe(32)}",
                f"rater-desk={'a' * 43 if rule.endpoint == 'access.logout' else self._desk_token}",
                "rater-back=1",
                "rater-language=xx",
            )
            if rng.random() < 0.7
        ]
        return method, _encodable(path), self._body(rule, method), "; ".join(cookies)

    def _rightful(self, rule: Rule) -> Iterator[tuple[str, str]]:
        rights = {
            "slug": SLUG,
            "name": NAME,
            "position": str(self._rng.choice((1, 1, 2, 3, 3, 0, 6, 7))),
            "state": self._rng.choice(("open", "open", "open", "paused")),
            "key": self._key,
            "rest": f"s/{SLUG}",
            "code": "c" * 16,
            "accent": "17508f",
        }
        for argument in rule.arguments:
            converter = {"position": "int:", "rest": "path:", "_rest": "path:"}.get(argument, "")
            yield f"<{converter}{argument}>", rights.get(argument, "x")

    def _body(self, rule: Rule, method: str) -> dict[str, object]:
        kind = self._rng.random()
        if method in {"GET", "HEAD"} or kind < 0.1:
            return {}
        if kind < 0.15:
            return {"data": self._rng.randbytes(200), "content_type": "application/x-www-form-urlencoded"}
        if kind < 0.2:
            return {"data": b'{"answers": [[' + self._rng.randbytes(20), "content_type": "application/json"}
        if kind < 0.25:
            return {"data": self._rng.randbytes(80), "content_type": "multipart/form-data; boundary=x"}
        form = {} if self._rng.random() < 0.4 else {**RIGHTFUL, "submission_id": secrets.token_urlsafe(16)}
        drawn = {self._rng.choice(FIELDS): self._word() for _ in range(self._rng.choice((0, 0, 1, 2, 7)))}
        sent = form if rule.endpoint.startswith("rater.") else {}
        wanted = {name: value for name, value in sent.items() if name in _FIELDS_OF.get(rule.endpoint, ())}
        return {"data": {name: _encodable(value) for name, value in {**wanted, **drawn}.items()}}

    def _word(self) -> str:
        return self._rng.choice(WORDS)


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


def fuzz(folder: Path, n: int, seed: int) -> Fuzzer:
    """Fuzz a fresh app."""
    url = f"sqlite:///{folder / 'rating.db'}"
    fill(url, n_booklets=20 * (n // RENEWED_EVERY + 5))
    (folder / "previews").mkdir()
    settings = WebSettings(url, with_desk=True, previews_folder=folder / "previews", one_network=True)
    # logins are the only requests from this machine itself that are limited
    with (
        mock.patch.object(rate_limits, "LOGIN_BY_ADDRESS", "1000000 per second"),
        mock.patch.object(rate_limits, "LOGIN_BY_NAME", "1000000 per second"),
    ):
        app = create_app(settings)
    fuzzer = Fuzzer(app, random.Random(seed))  # noqa: S311 (no secret)
    with mock.patch.object(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64)):
        fuzzer.send(n)
    app.extensions["rater-previews"].close()
    app.extensions["rater"].engine.dispose()
    return fuzzer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("n", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    options = parser.parse_args()
    logging.getLogger("rater.web").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="rater-fuzz-") as name:
        started = time.perf_counter()
        fuzzer = fuzz(Path(name), options.n, options.seed)
    print(f"{options.n:,} requests in {time.perf_counter() - started:.0f} s, seed {options.seed}")
    for route, counts in sorted(fuzzer.by_route.items()):
        print(f"{route:<44}" + "  ".join(f"{status}: {n:,}" for status, n in sorted(counts.items())))
    print("all".ljust(44) + "  ".join(f"{status}: {n:,}" for status, n in sorted(fuzzer.statuses.items())))
    for line in fuzzer.broken[:20]:
        print(line, file=sys.stderr)
    sys.exit(bool(fuzzer.broken))


if __name__ == "__main__":
    main()
