"""On every page that a rater can come to: in other languages no English is left, and a pair is called so."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse

from rater.store.engine import writing
from rater.store.rating.publication import NewTrial
from rater.store.rating.studies import move_study
from rater.study.dimension import Dimension
from rater.study.endings import Ending, Endings
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
from rater.study.scales import Likert, Number, Pairwise, Slider
from rater.study.state import State
from rater.study.translation import Language
from rater.study.visit import PROLIFIC, BlindingQuestion, ScreeningQuestion
from rater.web import language

Publish = Callable[..., str]
OWN = "Ж"
"""All of a study's own words in these tests, so that every other word is ours."""
NOT_WORDS = {"data-mark", "data-proof", "data-kind", "data-position", "data-by-button", "data-about"} | {
    "data-box",
    "data-key",
    "data-optional",
}
LETTERS_AND_KEYS = {"A", "B", "Enter", "Backspace", "n"}
SPOKEN = ("aria-label", "alt", "title", "placeholder")


def single(code: Language, **changed: Any) -> Protocol:
    """A study of single texts with all that a study can have, in a language."""
    texts = {
        "title": OWN,
        "consent": OWN,
        "content_notice": OWN,
        "screening": (ScreeningQuestion(question=OWN, options=(OWN, OWN * 2), accepted=(OWN,)),),
        "instructions": OWN,
        "practice": (
            Practice(prompt=OWN, text=OWN, accepted={"a": (1, 2)}),
            Practice(prompt=OWN, text=OWN, accepted={"a": (3, 3)}, feedback=OWN),
        ),
        "practice_pass": 1,
        "dimensions": (
            Dimension(name="a", question=OWN, scale=Likert(low=OWN, high=OWN), cannot_judge=True),
            Dimension(name="b", question=OWN, scale=Slider(low=OWN, high=OWN), cannot_judge=True),
            Dimension(name="c", question=OWN, scale=Slider(low=OWN, high=OWN), not_applicable=True),
            Dimension(name="d", question=OWN, scale=Number(step=1), comment=OWN),
            Dimension(name="e", question=OWN, scale=Number(step=0.5)),
            Dimension(
                name="f",
                question=OWN,
                scale=Likert(low=OWN, high=OWN),
                not_applicable=True,
                confidence=True,
            ),
        ),
        "break_every": 1,
        "blinding": BlindingQuestion(n_texts=2),
        "questionnaire": (
            Question(name="a", question=OWN, options=(OWN, OWN * 2), when="after"),
            Question(name="b", question=OWN, kind="choices", options=(OWN, OWN * 2), when="after"),
            Question(name="c", question=OWN, kind="number", unit=OWN, when="after"),
            Question(name="d", question=OWN, kind="text", when="after"),
        ),
        "final_comment": OWN,
        "debrief": OWN,
        "debrief_immediately": True,
        "endings": Endings(finished=Ending(code="123", url="https://example.org/")),
        "recruitment": PROLIFIC.model_copy(update={"pattern": None}),
        "language": code,
    }
    return Protocol(**{**texts, **changed})


def paired(code: Language) -> Protocol:
    """The same study, of pairs of texts."""
    return single(
        code,
        practice=(
            Practice(prompt=OWN, text=OWN, other_texts=(OWN,), accepted={"a": (-1, -1)}, feedback=OWN),
        ),
        dimensions=(Dimension(name="a", question=OWN, scale=Pairwise(tie=OWN), cannot_judge=True),),
    )


@dataclass
class Walker:
    """Somebody who comes to every page of a study, and notes what each of them says."""

    app: Flask
    slug: str
    code: Language
    pages: list[tuple[str, list[str]]] = field(default_factory=list)
    """Path and words of every page."""
    page: TestResponse = field(init=False)
    soup: BeautifulSoup = field(init=False)

    @property
    def path(self) -> str:
        return self.page.request.path.removeprefix(f"/s/{self.slug}")

    def arrive(self, person: str = "") -> "Walker":
        """Come anew, by a recruitment site's link or the study's."""
        self.client = self.app.test_client()
        self.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = self.code
        return self.open(f"/s/{self.slug}?PROLIFIC_PID={person}" if person else f"/s/{self.slug}")

    def open(self, path: str) -> "Walker":
        return self._note(self.client.get(path, follow_redirects=True))

    def send(self, button: str = "", *, chosen: int | None = None) -> "Walker":
        """Press a button, or the primary one, with this choice for every question, or none at all."""
        which = f"button[value={button}]" if button else "button.primary"
        form = self.soup.select_one(f"main form:has({which})")
        if form is None:
            link = self.soup.select_one("main a.primary")
            assert link is not None, self.page.text
            return self.open(str(link["href"]))
        sent = {str(each["name"]): str(each["value"]) for each in form.select("input[type=hidden]")}
        if button:
            sent[str(form.select(which)[0]["name"])] = button
        if chosen is not None:
            sent |= dict(answers(form, chosen))
        path = str(form.get("action") or self.page.request.path)
        return self._note(self.client.post(path, data=sent, follow_redirects=True))

    def begin(self, person: str) -> "Walker":
        """Come as far as the first practice text."""
        return self.arrive(person).send().send("agree").send(chosen=0).send()

    def practise(self, chosen: int) -> "Walker":
        while "/practice/" in self.path:
            self.send(chosen=chosen)
        return self

    def finish(self) -> "Walker":
        """Continue to the thanks, and leave out every answer once."""
        while self.path != "/thanks":
            self.send()
            if self.page.status_code == 422:
                self.send(chosen=0)
        return self

    def _note(self, page: TestResponse) -> "Walker":
        self.page = page
        self.soup = BeautifulSoup(page.text, "html.parser")
        self.pages.append((self.path, said(self.soup)))
        return self


def answers(form: Tag, chosen: int) -> Iterator[tuple[str, str]]:
    for question in form.select("fieldset"):
        radios = question.select("input[type=radio], input[type=checkbox][name^='about.']")
        if radios:
            radio = radios[min(chosen, len(radios) - 1)]
            yield str(radio["name"]), str(radio["value"])
        for number in question.select("input.field"):
            yield str(number["name"]), "3"


def said(soup: BeautifulSoup) -> list[str]:
    """All that a page says, may say, or has read out."""
    spoken = [
        str(value)
        for tag in soup.descendants
        if isinstance(tag, Tag)
        for name, value in tag.attrs.items()
        if name in SPOKEN or (name.startswith("data-") and name not in NOT_WORDS)
    ]
    texts = (" ".join(text.split()) for text in soup.stripped_strings)
    without_numbers = [re.sub("[ 0-9]+$", "", words) for words in (*texts, *spoken)]
    return [words for words in without_numbers if any(letter.isalpha() for letter in words.replace(OWN, ""))]


def walk(app: Flask, publish: Publish, shown: Protocol) -> Walker:
    """Come to every page of a study, whatever became of it or its raters."""
    name = f"{'pairs' if shown.is_pairwise else 'texts'}-{shown.language}"
    trials = tuple(
        NewTrial(tuple(f"{name}-{shown.n_texts * n + place}" for place in range(shown.n_texts)))
        for n in (0, 1)
    )
    texts = ((OWN, OWN),) * 4
    publish(slug=name, name=name.replace("-", "_"), shown=shown, trials=trials, texts=texts, n_booklets=7)
    person = Walker(app, name, shown.language)
    person.arrive().send().send("decline")
    person.arrive("done").send().send("agree").finish().open(f"/s/{name}/leave")
    person.arrive("done").send("agree")  # comes again, by the link of a rater who has finished
    person.arrive("unfit").send().send("agree").send(chosen=1)
    wrong = 2 if shown.is_pairwise else 4
    person.begin("failing").practise(wrong).send().practise(wrong)
    for n_rated, why in enumerate(("stopped", "stopped", "withdrawn")):
        person.begin(f"leaving-{n_rated}").practise(0)
        for _ in range(n_rated):
            person.send(chosen=1)
        person.open(f"/s/{name}/leave").send(why)
    person.begin("half").practise(0).send(chosen=0).send().open(f"/s/{name}/again")
    person.arrive("half").send("agree").open("/").open("/nothing").open(f"/s/{name}")
    for state in ("paused", "open", "closed"):
        with writing(app.extensions["rater"].engine) as session:
            move_study(
                session, name.replace("-", "_"), State(state), at=app.extensions["rater"].settings.now()
            )
        person.arrive("half").send("agree") if state == "open" else person.open(f"/s/{name}")
    person.arrive("late")
    return turn_away(person, app, publish, shown)


def turn_away(person: Walker, app: Flask, publish: Publish, shown: Protocol) -> Walker:
    """Come to the pages of those who cannot begin, and of a browser that is not known any more."""
    name = f"few-{person.slug}"
    publish(slug=name, name=name.replace("-", "_"), shown=shown, n_booklets=8)
    person.slug = name
    person.arrive("asked").send().send("agree").open(f"/s/{name}/agreed")
    person.arrive().open(f"/s/{name}/thanks")
    person.client.environ_base["HTTP_SEC_FETCH_DEST"] = "iframe"
    person.open(f"/s/{name}?PROLIFIC_PID=framed")
    person.client = app.test_client(use_cookies=False)
    person.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = person.code
    person.open(f"/s/{name}/consent").send("agree")
    for number in range(6):
        person.arrive(f"neighbour-{number}")
        person.client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
        person.send().send("agree")
    return person


def same_in(code: str) -> set[str]:
    """Our words that are the same in English and in this language."""
    path = Path(language.__file__).parent / "translations" / code / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return {str(each.id) for each in read_po(file, locale=code) if each.id and each.id == each.string}


@pytest.mark.parametrize(("make", "languages"), [(single, ("de", "es", "fr", "zh")), (paired, ("zh",))])
def test_no_english_word_is_left_on_a_page_in_another_language(
    app: Flask,
    publish_study: Publish,
    make: Callable[[Language], Protocol],
    languages: tuple[Language, ...],
) -> None:
    walked = {code: walk(app, publish_study, make(code)).pages for code in ("en", *languages)}

    assert len({re.sub("[0-9]", "", path) for path, _ in walked["en"]}) >= 16
    for code in languages:
        assert [path for path, _ in walked[code]] == [path for path, _ in walked["en"]]
        allowed = {*LETTERS_AND_KEYS, *same_in(code)}
        for (path, english), (_, other) in zip(walked["en"], walked[code], strict=True):
            assert len(english) == len(other), path
            left = set(english) & set(other) - allowed
            assert (path, left) == (path, set())
    latin = {word for _, page in walked["zh"] for words in page for word in re.findall("[A-Za-z]{2,}", words)}
    assert latin == {"Backspace", "Cookie", "Enter", "example", "org"}


def test_in_a_study_of_pairs_a_pair_is_called_so(app: Flask, publish_study: Publish) -> None:
    about_each_text = (
        "pairs of texts",
        "Each of the two texts",
        "last question about the texts",
        BlindingQuestion().question,
    )
    person = walk(app, publish_study, paired("en"))

    for path, page in person.pages:
        for words in page:
            rest = words
            for allowed in about_each_text:
                rest = rest.replace(allowed, "")
            if re.fullmatch(
                "Text( [0-9])?", rest
            ):  # what a screen reader calls A and B, and those guessed about
                continue
            assert not re.search(r"\btexts?\b", rest, re.IGNORECASE), path


def test_our_words_among_a_study_s_own_are_the_defaults() -> None:
    asked = BlindingQuestion()
    thanks = Protocol.model_fields["thanks"].default

    assert {thanks, asked.question, *asked.labels, asked.unsure} == language.OURS


def test_what_a_study_words_itself_is_shown_as_it_is(app: Flask) -> None:
    own = BlindingQuestion(question="Verändert?", labels=("In a special way", "Nein"), unsure="Weiß nicht")
    with app.test_request_context():
        language.speak("de")
        spoken = language.blinding_of(own)

    assert spoken.question == "Verändert?"
    assert spoken.labels == ("Auf besondere Weise", "Nein")
