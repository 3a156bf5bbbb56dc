"""A server on loopback with the endpoints of Prolific's documented interface that rater uses, and its errors.

It keeps studies, submissions and bonus payments, so that tests see what a request changed. Error bodies have
the site's form: an object ``error`` with status, title and detail.
"""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-of-a-test"  # noqa: S105 (a test's)
PREFIX = "/api/v1"
STATES = {"PUBLISH": "ACTIVE", "PAUSE": "PAUSED", "START": "ACTIVE", "STOP": "AWAITING REVIEW"}
SOURCES = {
    "PUBLISH": {"UNPUBLISHED"},
    "PAUSE": {"ACTIVE"},
    "START": {"PAUSED"},
    "STOP": {"ACTIVE", "PAUSED"},
}
REQUIRED = ("name", "description", "external_study_url", "prolific_id_option", "completion_codes", "reward")


class Refused(Exception):  # noqa: N818 (an answer of the site)
    """An error of the site, as status, title and detail."""

    def __init__(self, status: int, title: str, detail: object) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail


@dataclass
class Site:
    """The state of the site, and what it was asked."""

    url: str = ""
    studies: dict[str, dict[str, Any]] = field(default_factory=dict)
    submissions: list[dict[str, Any]] = field(default_factory=list)
    bonus_payments: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    n_paid: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path below the interface's address, and body of each request."""
    tokens: list[str | None] = field(default_factory=list)
    answers_first: list[tuple[int, dict[str, str], object]] = field(default_factory=list)
    """Answers to give before the site does what it is asked: status, headers, body; status 0 hangs up."""
    page_size: int = 50
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_study(self, study_id: str, *, status: str = "ACTIVE") -> None:
        """Add a study, as its researcher would have on the site."""
        self.studies[study_id] = {
            "id": study_id,
            "name": "How happy are these texts?",
            "status": status,
            "currency_code": "GBP",
            "reward": 250,
            "total_cost": 6667,
            "total_available_places": 20,
            "places_taken": 3,
        }

    def add_submission(
        self, number: int, participant: str, status: str, *, study: str, bonuses: tuple[int, ...] = ()
    ) -> None:
        """Add a submission; numbers count up with their time."""
        self.submissions.append(
            {
                "id": f"{number:024x}",
                "study_id": study,
                "participant_id": participant,
                "status": status,
                "started_at": f"2026-02-03T{4 + number // 60:02}:{number % 60:02}:00Z",
                "completed_at": None,
                "study_code": "C1A2B3C4" if status in {"AWAITING REVIEW", "APPROVED"} else None,
                "bonus_payments": list(bonuses),
            }
        )

    def status_of(self, participant: str) -> str:
        """Return the status of a participant's last submission."""
        return str([each for each in self.submissions if each["participant_id"] == participant][-1]["status"])

    def writes(self) -> list[tuple[str, Any]]:
        """Return path and body of each request that was to change something."""
        return [(path, body) for method, path, body in self.requests if method != "GET"]


Endpoint = Callable[[Site, str, dict[str, list[str]], Any], object]


def get_user(site: Site, _id: str, _query: dict[str, list[str]], _body: Any) -> object:
    return {"id": "60ffe5c8371090c7041d43f8", "name": "Ada"}


def create_study(site: Site, _id: str, _query: dict[str, list[str]], body: Any) -> object:
    missing = {name: ["This field is required."] for name in REQUIRED if not body.get(name)}
    if missing:
        raise Refused(422, "Unprocessable entity", missing)
    codes = [each["code"] for each in body["completion_codes"]]
    if len(set(codes)) != len(codes):
        raise Refused(400, "Validation error", {"completion_codes": ["Completion codes must be unique."]})
    if body["reward"] * 60 / body["estimated_completion_time"] < 600:
        raise Refused(400, "Validation error", {"reward": ["The minimum reward is £6.00 per hour."]})
    study_id = f"{0xABC000 + len(site.studies):024x}"
    site.studies[study_id] = {**body, "id": study_id, "status": "UNPUBLISHED", "currency_code": "GBP"}
    return site.studies[study_id]


def get_study(site: Site, study_id: str, _query: dict[str, list[str]], _body: Any) -> object:
    if study_id == "forbidden":
        raise Refused(403, "Forbidden", "You do not have permission to perform this action.")
    if study_id not in site.studies:
        raise Refused(404, "Not found", "No Study matches the given query.")
    return site.studies[study_id]


def transition_study(site: Site, study_id: str, query: dict[str, list[str]], body: Any) -> object:
    study = get_study(site, study_id, query, None)
    assert isinstance(study, dict)
    action = body.get("action")
    if study["status"] not in SOURCES.get(action, set()):
        raise Refused(400, "Bad request", f"Cannot {action} a study that is {study['status']}.")
    study["status"] = STATES[action]
    return study


def list_submissions(site: Site, study_id: str, query: dict[str, list[str]], _body: Any) -> object:
    get_study(site, study_id, query, None)
    own = [each for each in site.submissions if each["study_id"] == study_id]
    start = int(query.get("offset", ["0"])[0])
    shown = own[start : start + site.page_size]
    after = start + site.page_size
    path = f"{site.url}/studies/{study_id}/submissions/?offset={after}"
    following = path if after < len(own) else None
    return {"results": shown, "_links": {"next": {"href": following}}, "meta": {"count": len(own)}}


def transition_submission(site: Site, submission_id: str, _query: dict[str, list[str]], body: Any) -> object:
    submission = next((each for each in site.submissions if each["id"] == submission_id), None)
    if submission is None:
        raise Refused(404, "Not found", "No Submission matches the given query.")
    if body.get("action") == "REJECT":
        if len(body.get("message", "")) < 100 or not body.get("rejection_category"):
            raise Refused(400, "Validation error", {"message": ["Ensure this has at least 100 characters."]})
        submission["status"] = "REJECTED"
    return submission


def bulk_approve(site: Site, _id: str, _query: dict[str, list[str]], body: Any) -> object:
    chosen = [each for each in site.submissions if each["id"] in body["submission_ids"]]
    if len(chosen) != len(body["submission_ids"]):
        raise Refused(400, "Bad request", "Some submissions do not exist.")
    for each in chosen:
        each["status"] = "APPROVED"
    return {"message": "The request to bulk approve has been made successfully."}


def create_bonus(site: Site, _id: str, _query: dict[str, list[str]], body: Any) -> object:
    rows = [line.split(",") for line in body["csv_bonuses"].splitlines()]
    known = {each[key] for each in site.submissions for key in ("id", "participant_id")}
    wrong = [participant for participant, _ in rows if participant not in known]
    if wrong:
        raise Refused(400, "Bad request", f"These IDs did not take part: {', '.join(wrong)}")
    payment_id = f"{0xB0 + len(site.bonus_payments):024x}"
    site.bonus_payments[payment_id] = [(participant, float(amount)) for participant, amount in rows]
    amount = round(100 * sum(float(each) for _, each in rows))
    return {"id": payment_id, "study": body["study_id"], "amount": amount, "total_amount": amount * 4 / 3}


def pay_bonus(site: Site, payment_id: str, _query: dict[str, list[str]], _body: Any) -> object:
    if payment_id not in site.bonus_payments:
        raise Refused(404, "Not found", "No bonus payment matches the given query.")
    site.n_paid[payment_id] = site.n_paid.get(payment_id, 0) + 1
    return {"message": "The payments have been initiated."}


ENDPOINTS: tuple[tuple[str, str, int, Endpoint], ...] = (
    ("GET", r"/users/me/", 200, get_user),
    ("POST", r"/studies/", 201, create_study),
    ("GET", r"/studies/(\w+)/", 200, get_study),
    ("POST", r"/studies/(\w+)/transition/", 200, transition_study),
    ("GET", r"/studies/(\w+)/submissions/", 200, list_submissions),
    ("POST", r"/submissions/bulk-approve/", 200, bulk_approve),
    ("POST", r"/submissions/bonus-payments/", 201, create_bonus),
    ("POST", r"/submissions/(\w+)/transition/", 200, transition_submission),
    ("POST", r"/bulk-bonus-payments/(\w+)/pay/", 202, pay_bonus),
)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Print nothing where a client leaves."""


@contextlib.contextmanager
def serving() -> Iterator[Site]:  # noqa: C901 (the handler of one server)
    """Serve the site on a free port of loopback while the block runs."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def _handle(self) -> None:
            split = urlsplit(self.path)
            path = split.path.removeprefix(PREFIX)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            with site.lock:
                site.requests.append((self.command, path, body))
                site.tokens.append(self.headers.get("Authorization"))
                if site.answers_first:
                    status, headers, answer = site.answers_first.pop(0)
                    if status:
                        self._send(status, answer, headers)
                    return
                try:
                    status, answer = self._answer(path, parse_qs(split.query), body)
                except Refused as error:
                    status = error.status
                    answer = {"error": {"status": status, "title": error.title, "detail": error.detail}}
            self._send(status, answer, {})

        def _answer(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, object]:
            if self.headers.get("Authorization") != f"Token {TOKEN}":
                raise Refused(401, "Unauthorized", "Authentication credentials were not provided.")
            for method, pattern, status, endpoint in ENDPOINTS:
                found = re.fullmatch(pattern, path)
                if found and method == self.command:
                    return status, endpoint(site, found[1] if found.groups() else "", query, body)
            raise Refused(404, "Not found", f"There is no {self.command} {path}.")

        def _send(self, status: int, answer: object, headers: dict[str, str]) -> None:
            sent = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
