"""Take the pictures of every page that docs/how-to/raters.md shows: phone, desktop, dark, right to left.

python tests/browser/screenshots.py docs/images/pages
"""

import os
import shutil
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from rater.server_process import serving
from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.publication import (
    NewBooklet,
    NewCheck,
    NewItem,
    NewTrial,
    insert_study,
)
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.conversation import Transcript, TurnText, write_transcript
from rater.study.dimension import Dimension
from rater.study.endings import Ending, Endings
from rater.study.fields import ShownField
from rater.study.label_choice import Choose
from rater.study.logo import Logo
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
from rater.study.scales import BestWorst, Likert, Number, OddOneOut, Pairwise, Ranking, Scale, Slider
from rater.study.state import State
from rater.study.visit import BlindingQuestion, ScreeningQuestion

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
# a picture longer than the window ends the emulation of fingers, so that pages would show their keys
FINGERS = (
    "--blink-settings=primaryHoverType=1,availableHoverTypes=1,primaryPointerType=2,availablePointerTypes=2"
)
PROMPTS = ("I hate you because", "When I woke up this morning", "My friend told me that", "The last train")
TEXTS = (
    " you are the reason I wake up early every morning, and the reason I am glad that I did.",
    " the house was quiet. Nobody had made coffee, and nobody had fed the cat.\n\nI thought of calling.",
    " she had found the letter. She laughed about it, and then she did not.",
    " left without us. We walked home along the river and talked until it was light.",
)
HAPPINESS = Dimension(
    name="happiness",
    question="How happy is this text?",
    scale=Likert(low="not at all happy", high="very happy"),
    cannot_judge=True,
)
PRACTICE = Practice(
    prompt="The sun came out",
    text=" and everybody ran into the garden, laughing.",
    accepted={"happiness": (4, 5)},
    feedback="Everybody laughs: most people call this text **happy**.",
)


def draw_logo() -> str:
    """Draw the logo of an institution, as PNG in base64."""
    picture = Image.new("RGBA", (360, 80))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((4, 4, 75, 75), outline="#1a4f8b", width=8)
    draw.rectangle((96, 22, 350, 36), fill="#1a4f8b")
    draw.rectangle((96, 48, 290, 58), fill="#6b7280")
    kept = BytesIO()
    picture.save(kept, "PNG")
    return b64encode(kept.getvalue()).decode()


WHOLE = Protocol(
    title="How happy are these texts?",
    consent="You will read short texts that a language model wrote, and say how happy each of them is.\n\n"
    "- It takes about a quarter of an hour.\n- Your answers are stored without your name.\n"
    "- You can stop at any time.\n\nQuestions? [Write to us](https://example.org/who).",
    content_notice="Some of the texts are rude, and some are sad.",
    screening=(ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",)),),
    instructions="Say how happy each text **sounds**, not how happy it makes you.",
    practice=(PRACTICE,),
    dimensions=(HAPPINESS,),
    break_every=2,
    blinding=BlindingQuestion(n_texts=2),
    final_comment="Was anything unclear, or is there something we should know?",
    debrief="Some of the texts came from a model whose inner activations had been **changed**.",
    debrief_immediately=True,
    endings=Endings(
        finished=Ending(code="C1K7-QX2M", url="https://example.org/done"), stopped=Ending(code="ST0P-42")
    ),
)
MANY = WHOLE.model_copy(
    update={
        "screening": (),
        "practice": (),
        "dimensions": (
            HAPPINESS,
            Dimension(name="warmth", question="How warm is it?", scale=Slider(low="cold", high="warm")),
            Dimension(
                name="age",
                question="How old is who speaks?",
                scale=Number(minimum=0, maximum=120, unit="years"),
                comment="What makes you think so?",
            ),
        ),
        "accent": "#8a4b00",
    }
)
PAIR = WHOLE.model_copy(
    update={
        "title": "Which text is happier?",
        "screening": (),
        "practice": (),
        "dimensions": (
            Dimension(
                name="happiness",
                question="Which of the two is happier?",
                scale=Pairwise(tie="Both alike", degrees=("slightly", "clearly")),
                cannot_judge=True,
            ),
        ),
    }
)


def _comparing(question: str, scale: Scale) -> Protocol:
    """Return a study of one question about several texts."""
    dimension = Dimension(name="happiness", question=question, scale=scale, cannot_judge=True)
    update = {"title": "Which text is happiest?", "screening": (), "practice": (), "dimensions": (dimension,)}
    return WHOLE.model_copy(update=update)


BEST_WORST = _comparing(
    "Which text is the happiest, and which is the least happy?",
    BestWorst(texts=4, best="Happiest", worst="Least happy"),
)
RANKING = _comparing(
    "Put the texts in order, the happiest first.", Ranking(texts=3, top="happiest", bottom="least happy")
)
ODD_ONE_OUT = _comparing("Which text differs from the other two?", OddOneOut())
CHOOSE = _comparing(
    "Which of these is the text about?",
    Choose(options=("love", "weddings", "anger", "travel", "food"), none="none of these"),
)
QUESTIONNAIRE = WHOLE.model_copy(
    update={
        "screening": (),
        "practice": (),
        "questionnaire": (
            Question(name="english", question="How well do you read English?", options=("Well", "A little")),
            Question(
                name="speaks",
                question="Which other languages do you speak?",
                kind="choices",
                options=("German", "French", "Chinese", "Another one"),
            ),
            Question(name="age", question="How old are you?", kind="number", minimum=18, maximum=120),
            Question(name="job", question="What is your occupation?", kind="text"),
        ),
    }
)
CONVERSATION = WHOLE.model_copy(
    update={
        "screening": (),
        "practice": (),
        "rated": "last_turn",
        "rendering": "markdown",
        "reasoning": "folded",
    }
)
CONVERSATION_PAIR = CONVERSATION.model_copy(update={"dimensions": PAIR.dimensions})
REFERENCE = PAIR.model_copy(
    update={
        "shown_fields": (
            ShownField(name="task", label="The task:"),
            ShownField(name="reference", label="Compare with this text:", is_text=True),
        ),
        "logo": Logo(path="logo.png", alt="University of Somewhere", content=draw_logo()),
    }
)
TASK = {"task": "Write about a morning.", "reference": " the sun was on the floor, and a dog barked."}
CHAT = Transcript(
    write_transcript(
        (
            TurnText("user", "How do I reverse a list in Python?"),
            TurnText("assistant", "Call `reverse()` on it."),
            TurnText("user", "And without changing the list?"),
        )
    )
)
REPLIES = (
    (
        "<think>They want a copy.</think>Take a slice, or `reversed`:\n\n"
        "```python\ncopy = numbers[::-1]\n```\n\n"
        "- The slice is a **list**.\n- `reversed` gives an iterator."
    ),
    "With pleasure! A slice makes a copy: `numbers[::-1]`.",
)
SAME_PROMPT = tuple(
    ("I hate you because", text)
    for text in (
        TEXTS[0],
        " you left without a word, and the house has been quiet since.",
        " you always win at chess, even when you let me take a move back. I hope that you never stop.",
        " you never listen. I said so twice.",
    )
)
ARABIC = WHOLE.model_copy(
    update={
        "title": "ما مدى سعادة هذه النصوص؟",
        "screening": (),
        "practice": (),
        "dimensions": (
            Dimension(
                name="happiness",
                question="ما مدى سعادة هذا النص؟",
                scale=Likert(low="غير سعيد على الإطلاق", high="سعيد جدا"),
                cannot_judge=True,
            ),
        ),
    }
)
ARABIC_TEXTS = ("استيقظت هذا الصباح", " وكانت الشمس مشرقة، فخرجت إلى الحديقة وأنا أضحك.")


@dataclass(frozen=True)
class View:
    """A kind of window."""

    name: str
    width: int
    height: int
    scheme: str = "light"
    is_phone: bool = False
    is_mirrored: bool = False
    """True for a layout from right to left."""


VIEWS = (
    View("phone", 360, 740, is_phone=True),
    View("desktop", 1280, 800),
    View("dark", 1280, 800, scheme="dark"),
    View("mirrored", 360, 740, is_phone=True, is_mirrored=True),
)


def publish(
    url: str,
    slug: str,
    shown: Protocol,
    texts: tuple[tuple[str, str], ...],
    *,
    state: str,
    fields: Sequence[Mapping[str, str]] = (),
    check: bool = False,
) -> None:
    """Publish a study with twelve booklets of the same texts, of which the last one may be a check."""
    now = datetime.now(UTC)
    items = [
        NewItem(
            f"{slug}-{n}",
            prompt,
            text,
            is_check=check and n == len(texts) - 1,
            fields=fields[n] if fields else {},
        )
        for n, (prompt, text) in enumerate(texts)
    ]
    checks = [NewCheck(items[-1].id, ((shown.dimensions[0].name, 1.0, 2.0),))] if check else []
    ids = [item.id for item in items]
    starts = range(0, len(ids), shown.n_texts)
    trials = tuple(NewTrial(tuple(ids[start : start + shown.n_texts])) for start in starts)
    booklets = [NewBooklet(f"{slug}-{n}", trials) for n in range(12)]
    study = PublishedStudy(0, slug, slug, State.PUBLISHED, shown, "hash", "commitment", now)
    with disposing(create_rating(url)) as engine, writing(engine) as session:
        insert_study(session, study, items=items, booklets=booklets, checks=checks)
        for move in {"open": ("open",), "closed": ("open", "closed"), "published": ()}[state]:
            move_study(session, slug, State(move), at=now)


@contextmanager
def served() -> Iterator[str]:
    """Serve the studies that are pictured."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/rating.db"
        texts = tuple(zip(PROMPTS, TEXTS, strict=True))
        for slug, shown in (("whole", WHOLE), ("many", MANY), ("pair", PAIR)):
            publish(url, slug, shown, texts, state="open")
        publish(url, "best-worst", BEST_WORST, SAME_PROMPT, state="open")
        publish(url, "ranking", RANKING, SAME_PROMPT[:3], state="open")
        publish(url, "odd-one-out", ODD_ONE_OUT, SAME_PROMPT[:3], state="open")
        publish(url, "choose", CHOOSE, texts, state="open")
        publish(url, "questionnaire", QUESTIONNAIRE, texts, state="open")
        publish(url, "chat", CONVERSATION, tuple((CHAT, each) for each in REPLIES), state="open")
        publish(url, "chat-pair", CONVERSATION_PAIR, tuple((CHAT, each) for each in REPLIES), state="open")
        publish(url, "reference", REFERENCE, SAME_PROMPT[:2], state="open", fields=(TASK, TASK))
        publish(url, "arabic", ARABIC, (ARABIC_TEXTS,) * 1, state="open")
        publish(url, "closed", WHOLE, texts, state="closed")
        with serving(url, Path(folder)) as address:
            yield address


def walk(page: Page, address: str) -> Iterator[str]:
    """Walk through every page, and stop at each for its picture."""
    page.goto(f"{address}/s/whole")
    yield "landing"
    page.locator("a.primary").click()
    yield "consent"
    page.locator("button[value=agree]").click()
    yield "screening"
    page.locator(".option").first.click()
    page.locator("button.primary").click()
    yield "instructions"
    page.locator("button.primary").click()
    yield "practice"
    page.locator(".point").nth(1).click()
    page.locator("button.primary").click()
    page.wait_for_selector(".answered")
    yield "feedback"
    page.locator("button.primary").click()
    page.wait_for_url("**/trial/1")
    yield "trial"
    page.locator("button.primary").click()
    yield "trial-missing"
    page.locator("main .actions").scroll_into_view_if_needed()
    page.goto(f"{address}/s/whole/leave")
    yield "leave"
    page.goto(f"{address}/s/whole")
    for position in range(1, 5):
        page.wait_for_selector(f"form[data-position='{position}']")
        page.locator(".point").nth(position - 1).click()
        page.locator("button.primary").click()
        if position == 2:
            page.wait_for_url("**/rest/2")
            yield "rest"
            page.locator("a.primary").click()
    page.wait_for_url("**/finish")
    yield "finish"
    page.locator("button.primary").click()
    page.wait_for_url("**/guesses")
    yield "guesses"
    for field in page.locator("fieldset").all():
        field.locator(".point").last.click()
    page.locator("button.primary").click()
    page.wait_for_url("**/comment")
    yield "comment"
    page.locator("button.primary").click()
    page.wait_for_url("**/thanks")
    yield "thanks"
    yield from _other_pages(page, address)


def _other_pages(page: Page, address: str) -> Iterator[str]:
    for slug, name in (
        ("many", "trial-many"),
        ("pair", "trial-pair"),
        ("best-worst", "trial-best-worst"),
        ("ranking", "trial-ranking"),
        ("odd-one-out", "trial-odd-one-out"),
        ("choose", "trial-choose"),
        ("chat", "trial-conversation"),
        ("chat-pair", "trial-conversation-pair"),
        ("reference", "trial-reference"),
        ("arabic", "trial-rtl"),
    ):
        page.goto(f"{address}/s/{slug}/consent")
        page.locator("button[value=agree]").click()
        page.locator("button.primary").click()
        page.wait_for_selector("#answers")
        page.wait_for_selector("#show-keys", state="attached")
        if slug == "arabic":
            page.locator(".point").nth(3).click()
        yield name
    page.goto(f"{address}/s/questionnaire/consent")
    page.locator("button[value=agree]").click()
    page.wait_for_selector("#answers")
    yield "questionnaire"
    page.locator("button.primary").click()
    page.wait_for_selector(".problem:visible")
    yield "questionnaire-missing"
    page.goto(f"{address}/s/many/leave")
    page.locator("button[value=stopped]").click()
    yield "stopped"
    page.goto(f"{address}/s/closed")
    yield "closed"
    page.goto(f"{address}/nothing-is-here")
    yield "not-found"


def take(browser: Browser, address: str, view: View, folder: Path) -> None:
    """Take the pictures of one kind of window."""
    context = browser.new_context(
        viewport={"width": view.width, "height": view.height},
        color_scheme="dark" if view.scheme == "dark" else "light",
        is_mobile=view.is_phone,
        has_touch=view.is_phone,
        reduced_motion="reduce",
    )
    page = context.new_page()
    for name in walk(page, address):
        page.wait_for_load_state()
        page.wait_for_timeout(60)
        if view.is_mirrored:
            page.evaluate("document.documentElement.dir = 'rtl'")
        path = folder / f"{name}-{view.name}.png"
        page.screenshot(path=path, full_page=True)
        Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)
        print(path)
    context.close()


def main() -> None:
    """Take all pictures into the folder named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("RATER_CHROMIUM") or shutil.which("chromium")
    with served() as address, sync_playwright() as playwright:
        for view in VIEWS:
            flags = [*FLAGS, FINGERS] if view.is_phone else FLAGS
            browser = playwright.chromium.launch(executable_path=chromium, args=flags)
            take(browser, address, view, folder)
            browser.close()


if __name__ == "__main__":
    main()
