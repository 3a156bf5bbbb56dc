"""Take the pictures of the experimenters' desk that docs/how-to/deploy.md shows, of a study under way.

python tests/browser/desk_screenshots.py docs/images
"""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))

from screenshots import FLAGS, PROMPTS, TEXTS, VIEWS, WHOLE, View, publish  # type: ignore[import-not-found]
from sqlalchemy import select
from test_desk import SERVE  # type: ignore[import-not-found]

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.schema import Answer, Booklet, Comment, DeskUser, Identifier, Rater
from rater.store.rating.users import begin_session
from rater.study.bonus import Bonus
from rater.study.fields import ShownField
from rater.study.practice_and_checks import CheckRule
from rater.study.visit import PROLIFIC, Channel, FreedReason

SLUG = "happiness"
RECRUITED = WHOLE.model_copy(
    update={
        "recruitment": PROLIFIC,
        "check_rule": CheckRule(max_replaced=2),
        "bonus": Bonus(flat=Decimal("0.50")),
        "contact": "Ada Example, ada@example.org",
        "shown_fields": (ShownField(name="task", label="The task:"),),
    }
)
FREED = {7: FreedReason.RETURNED}
"""The reason for which the places of some raters were freed."""


def let_raters_come(url: str, now: datetime) -> str:
    """Store ten raters, of whom eight finished, and an experimenter; returns the experimenter's cookie."""
    draw = random.Random(3)  # noqa: S311 (a picture)
    with disposing(create_rating(url)) as rating, writing(rating) as session:
        for number, booklet in enumerate(session.scalars(select(Booklet).order_by(Booklet.id).limit(10))):
            came = now - timedelta(hours=9 - 0.9 * number, minutes=draw.randrange(30))
            n_answered = booklet.n_trials if number % 4 != 2 else draw.randrange(booklet.n_trials)
            ends = came + timedelta(seconds=25 * n_answered + draw.randrange(120))
            rater_id = f"{draw.getrandbits(128):032x}"
            session.add(
                Rater(
                    id=rater_id,
                    study_id=booklet.study_id,
                    booklet_id=booklet.id,
                    channel=Channel.WEB,
                    consented_at=came,
                    instructed_at=came,
                    finished_at=ends if n_answered == booklet.n_trials else None,
                    replaced_at=ends if number in FREED else None,
                    replaced_why=FREED.get(number),
                )
            )
            session.flush()
            session.add_all(
                Identifier(
                    rater_id=rater_id,
                    name=name,
                    study_id=booklet.study_id,
                    value=f"{draw.getrandbits(96):024x}"
                    if name != "STUDY_ID"
                    else "65f0a1b2c3d4e5f6a7b8c9d0",
                    is_person=name == "PROLIFIC_PID",
                )
                for name in PROLIFIC.parameters
            )
            session.add_all(
                Answer(
                    rater_id=rater_id,
                    booklet_id=booklet.id,
                    position=position,
                    dimension="happiness",
                    revision=1,
                    # the last text is the attention check, which one or two is right for
                    value=float(draw.randint(1, 5) if position < booklet.n_trials else 1 + number % 3),
                    submission_id=f"{draw.getrandbits(64):016x}",
                    shown_ms=draw.randint(900, 14_000),
                    answered_at=came + timedelta(seconds=25 * position),
                )
                for position in range(1, n_answered + 1)
            )
            if number in {1, 5}:
                session.add(Comment(rater_id=rater_id, text="Some of these end in the middle of a sentence."))
        session.add(
            DeskUser(
                name="ada",
                password_hash="none",  # noqa: S106 (fits no password)
                made_at=now,
                role="owner",
                sees_identifiers=True,
            )
        )
        session.flush()
        return begin_session(session, "ada", now=now)


@contextlib.contextmanager
def served() -> Iterator[tuple[str, str]]:
    """Serve a desk with a study that is under way; yields its address and a cookie."""
    with tempfile.TemporaryDirectory(prefix="rater-pictures-") as folder:
        url = f"sqlite:///{folder}/rating.db"
        texts = tuple((prompt, text) for prompt in PROMPTS for text in TEXTS)
        create_rating(url).dispose()
        fields = [{"task": f"Write about {what}."} for what in ("breakfast", "a cat", "the river", "a train")]
        publish(url, SLUG, RECRUITED, texts, state="open", fields=fields * 4, check=True)
        cookie = let_raters_come(url, datetime.now(UTC))
        with subprocess.Popen(
            [sys.executable, "-c", SERVE, url], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), cookie
            process.terminate()
            process.wait(timeout=20)


def walk(page: Page, address: str) -> Iterator[str]:
    """Walk through every page of the desk, and stop at each."""
    study = f"{address}/desk/studies/{SLUG}"
    page.goto(f"{address}/desk")
    yield "studies"
    page.goto(study)
    yield "study"
    page.locator("summary").click()
    yield "log"
    for name in ("participants", "recruit", "texts", "invite"):
        page.goto(f"{study}/{name}")
        yield name
    page.goto(f"{study}/participants")
    page.get_by_role("link", name="Free this place").first.click()
    yield "free"
    page.goto(study)
    page.get_by_role("link", name="Close", exact=False).first.click()
    yield "close"
    page.goto(study)
    page.get_by_role("button", name="Preview").click()
    page.frame_locator("iframe").get_by_role("link", name="Begin").wait_for()
    yield "preview"
    page.goto(f"{address}/desk/studies/unknown")
    yield "not-found"


def take(browser: Browser, address: str, cookie: str, view: View, folder: Path) -> None:
    """Take the picture of the study's page in one kind of window, and of the preview on a desktop."""
    with browser.new_context(
        viewport={"width": view.width, "height": view.height},
        color_scheme="dark" if view.scheme == "dark" else "light",
        is_mobile=view.is_phone,
        reduced_motion="reduce",
    ) as context:
        context.add_cookies([{"name": "rater-desk", "value": cookie, "url": f"{address}/desk"}])
        page = context.new_page()
        page.goto(f"{address}/desk/studies/{SLUG}")
        pictures = [folder / f"desk-{view.name}.png"]
        page.screenshot(path=pictures[0], full_page=True)
        if view.name == "desktop":
            page.get_by_role("button", name="Preview").click()
            page.frame_locator("iframe").get_by_role("link", name="Begin").wait_for()
            pictures += [folder / "desk-preview.png", folder / "desk-participants.png"]
            page.screenshot(path=pictures[1])
            page.goto(f"{address}/desk/studies/{SLUG}/participants")
            page.screenshot(path=pictures[2], full_page=True)
    for path in pictures:
        Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)
        print(path)


def main() -> None:
    """Take all pictures into the folder named."""
    chromium = os.environ.get("RATER_CHROMIUM") or shutil.which("chromium")
    with served() as (address, cookie), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for view in VIEWS[:3]:
            take(browser, address, cookie, view, Path(sys.argv[1]))
        browser.close()


if __name__ == "__main__":
    main()
