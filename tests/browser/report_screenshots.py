"""Take the pictures of the tutorials, of a result in the terminal, and of the report and its figures.

python tests/browser/report_screenshots.py docs/images

It generates the study of the first tutorial, rehearses it with bots, publishes it, and takes part in it.
Figures of several arms and doses come from a rehearsal of the study of the second tutorial, and the figure of
guesses from a rehearsal of the template `whole_visit`.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.browser.screenshots import FINGERS, FLAGS
from tests.executed_pages import serve_study

STUDY = "my_study"
FIGURES = ("agreement", "arms", "by-prompt", "by-rater", "positions", "power", "times")
FIGURES_OF_DOSES = ("contrasts", "doses")
TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "from_vector_to_study.md"
MAX_WIDTH = 1100


def run_rater(*arguments: str, folder: Path) -> str:
    """Run a command in a folder, and return what it printed with its colours."""
    environ = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "84"}
    command = [sys.executable, "-m", "rater", *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def keep(path: Path, source: Path | None = None) -> None:
    """Make a picture small: 64 colours, and at most `MAX_WIDTH` pixels wide."""
    with Image.open(source or path) as opened:
        picture = opened.convert("RGB")
    if picture.width > MAX_WIDTH:
        height = round(picture.height * MAX_WIDTH / picture.width)
        picture = picture.resize((MAX_WIDTH, height), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(64).save(path, optimize=True)
    print(path)


def picture_terminal(browser: Browser, printed: str, title: str, path: Path) -> None:
    """Draw what a command printed as a terminal shows it."""
    console = Console(record=True, width=84, file=io.StringIO())
    console.print(Text.from_ansi(printed.rstrip()))
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.set_content(f"<body style='margin:0'>{console.export_svg(title=title)}</body>")
    page.locator("svg").first.screenshot(path=path)
    page.close()
    keep(path)


def picture_report(browser: Browser, report: Path, path: Path) -> None:
    """Take the first page of a report."""
    page = browser.new_page(viewport={"width": 940, "height": 1250})
    page.goto(report.resolve().as_uri())
    page.screenshot(path=path)
    page.close()
    keep(path)


def walk_to_a_trial(page: Page, address: str, n_rated: int) -> None:
    """Agree, read the instructions, rate some texts, and choose an answer for the next."""
    page.goto(address)
    page.locator("a.primary").click()
    page.locator("button[value=agree]").click()
    page.locator("button.primary").click()
    for position in range(1, n_rated + 2):
        page.wait_for_selector(f"form[data-position='{position}']")
        page.locator(".point").nth(3).click()
        if position <= n_rated:
            page.locator("button.primary").click()
    page.wait_for_timeout(200)


def picture_pages(browser: Browser, address: str, folder: Path) -> None:
    """Take the first page and a trial on a desktop."""
    with browser.new_context(viewport={"width": 1280, "height": 590}, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(address)
        page.screenshot(path=folder / "tutorial" / "landing.png")
        keep(folder / "tutorial" / "landing.png")
        walk_to_a_trial(page, address, n_rated=7)
        page.screenshot(path=folder / "trial-desktop.png")
    keep(folder / "trial-desktop.png")


def picture_phone(browser: Browser, address: str, folder: Path) -> None:
    """Take a trial on a phone."""
    with browser.new_context(
        viewport={"width": 390, "height": 780}, is_mobile=True, has_touch=True, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        walk_to_a_trial(page, address, n_rated=2)
        page.screenshot(path=folder / "trial-phone.png")
    keep(folder / "trial-phone.png")


def rehearse_doses(work: Path, folder: Path) -> None:
    """Rehearse the study of the second tutorial, and keep its figures of doses."""
    found = re.search(r"^```\{\.python title.*?\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    (work / "love_doses.py").write_text(found[1])
    run_rater("generate", "love_doses.py", "--batch-size", "24", folder=work)
    run_rater("rehearse", "love_doses", "--raters", "12", "--effect", "1", "--report", "doses", folder=work)
    for name in FIGURES_OF_DOSES:
        keep(folder / "report" / f"{name}.png", work / "doses" / "figures" / f"{name}.png")


def rehearse_guesses(work: Path, folder: Path) -> None:
    """Rehearse a study that asks raters to guess the arms, and keep the figure of guesses."""
    run_rater("new", "guessed", "--template", "whole_visit", folder=work)
    run_rater("generate", "guessed.py", folder=work)
    run_rater("rehearse", "guessed", "--effect", "1", "--report", "guessed", folder=work)
    keep(folder / "report" / "guesses.png", work / "guessed" / "figures" / "guesses.png")


def main() -> None:
    """Take all pictures into the folder named."""
    folder = Path(sys.argv[1]).resolve()
    (folder / "tutorial").mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("RATER_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory(prefix="rater-pictures-") as work, sync_playwright() as playwright:
        here = Path(work)
        run_rater("new", STUDY, "--template", "first_study", folder=here)
        run_rater("generate", f"{STUDY}.py", folder=here)
        printed = run_rater("rehearse", STUDY, "--effect", "1", "--report", "rehearsal", folder=here)
        run_rater("publish", STUDY, folder=here)
        for name in FIGURES:
            keep(folder / "report" / f"{name}.png", here / "rehearsal" / "figures" / f"{name}.png")
        rehearse_doses(here, folder)
        rehearse_guesses(here, folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        title = f"rater rehearse {STUDY} --effect 1"
        result, _, _ = printed.partition("  All tables")
        picture_terminal(browser, result, title, folder / "result.png")
        picture_report(browser, here / "rehearsal" / "report.html", folder / "report" / "page.png")
        os.chdir(here)
        with serve_study(["rater", "serve", STUDY]) as (shown, _):
            address = next(word for word in shown.split() if "/s/" in word)
            picture_pages(browser, address, folder)
            browser.close()
            browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, FINGERS])
            picture_phone(browser, address, folder)
        browser.close()


if __name__ == "__main__":
    main()
