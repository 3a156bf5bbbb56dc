"""Parse a page as a browser does: its texts, its form with every field, and its links."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import httpx
from bs4 import BeautifulSoup, Tag

from rater.errors import StateError
from rater.rendering.page_text import prompt_on, texts_on

ANSWER = "answer."
"""The prefix of fields that hold an answer on a dimension."""
CONFIDENCE = "confidence."
"""The prefix of fields that hold how sure a rater is of an answer."""
APPLIES_NOT = "inapplicable"
"""The value of the button "not applicable"."""
ABOUT = "about."
"""The prefix of fields that hold an answer about the rater."""
_TIMES = ("shown_ms", "first_render_ms", "hidden_ms")
_TYPED = "input[type=text], textarea"


@dataclass(frozen=True)
class Option:
    """One of the radio buttons of a question."""

    value: str
    label: str


@dataclass(frozen=True)
class Field:
    """One question of a form."""

    name: str
    options: Sequence[Option]
    """The radio buttons; empty for a slider, a number or a text."""
    lowest: float | None = None
    highest: float | None = None
    step: float = 1

    @property
    def dimension(self) -> str | None:
        """The dimension asked; None for other questions. A rank of an order of texts has its number, too."""
        return self.name.removeprefix(ANSWER).split(".")[0] if self.name.startswith(ANSWER) else None

    @property
    def is_confidence(self) -> bool:
        """True for the question how sure a rater is."""
        return self.name.startswith(CONFIDENCE)

    @property
    def is_about_rater(self) -> bool:
        """True for a question of the questionnaire."""
        return self.name.startswith(ABOUT)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values of the buttons on a scale, in order, without "cannot judge"."""
        return tuple(float(option.value) for option in self.options if is_number(option.value))


@dataclass(frozen=True)
class BotPage:
    """A page that a bot is on."""

    url: httpx.URL
    soup: BeautifulSoup

    @property
    def is_trial(self) -> bool:
        """True on the page of a trial, practice excluded."""
        return "/trial/" in self.url.path

    @property
    def prompt(self) -> str:
        """The prompt shown, without white space; empty where there is none."""
        return prompt_on(self.soup)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts shown, from left to right, without white space."""
        return texts_on(self.soup)

    @cached_property
    def form(self) -> Tag | None:
        """The page's form that continues, not one that only stops or withdraws."""
        forms = self.soup.select("main form[method=post]")
        with_answers = [form for form in forms if form.select("input[type=radio], .primary, [value=agree]")]
        return (with_answers or [None, *forms][-1:])[0]

    @property
    def link(self) -> str | None:
        """The target of the page's main link, within the study."""
        anchor = self.soup.select_one("main a.primary")
        if anchor is None:
            return None
        target = self.url.join(str(anchor["href"]))
        return str(target) if target.host == self.url.host else None

    @property
    def action(self) -> str:
        """The address that the form is submitted to."""
        assert self.form is not None  # noqa: S101 (asked only where there is one)
        return str(self.url.join(str(self.form.get("action") or str(self.url))))

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the form."""
        assert self.form is not None  # noqa: S101 (as above)
        fields = self.form.select("input[type=hidden]")
        return {str(field["name"]): str(field.get("value", "")) for field in fields if field.get("name")}

    @property
    def button(self) -> dict[str, str]:
        """The name and value of the button that continues, if it has them."""
        assert self.form is not None  # noqa: S101 (as above)
        element = self.form.select_one("button.primary, button[value=agree]")
        return (
            {str(element["name"]): str(element.get("value", ""))} if element and element.get("name") else {}
        )

    @property
    def times(self) -> tuple[str, ...]:
        """The hidden fields for times, which a script would fill."""
        return tuple(name for name in _TIMES if name in self.hidden)

    def fields(self) -> list[Field]:
        """List the form's questions, in order."""
        assert self.form is not None  # noqa: S101 (as above)
        radios: dict[str, list[Option]] = {}
        for radio in self.form.select(f"input[type=radio], input[type=checkbox][name^='{ABOUT}']"):
            option = Option(str(radio["value"]), _label_of(radio))
            radios.setdefault(str(radio["name"]), []).append(option)
        choices = [Field(name, options) for name, options in radios.items()]
        typed = (each for each in self.form.select(_TYPED) if each.get("name"))
        return [*choices, *(_typed_field(each) for each in typed if str(each["name"]) not in radios)]


def read_page(response: httpx.Response) -> BotPage:
    """Parse a response of the server.

    Raises:
        StateError: it is an error.
    """
    if response.is_error:
        msg = f"{response.request.method} {response.url} answered {response.status_code}."
        raise StateError(msg)
    return BotPage(response.url, BeautifulSoup(response.text, "html.parser"))


def is_number(text: str) -> bool:
    """Return whether a button's value is an answer on a scale."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _typed_field(typed: Tag) -> Field:
    ends = [str(typed.get(f"data-{name}", "")) for name in ("min", "max", "step")]
    lowest, highest, step = (float(end) if is_number(end) else None for end in ends)
    return Field(str(typed["name"]), (), lowest, highest, step or 1)


def _label_of(radio: Tag) -> str:
    enclosing = radio.find_parent("label")
    separate = radio.find_next("label", attrs={"for": str(radio["id"])}) if radio.get("id") else None
    label = enclosing or separate
    return "" if label is None else " ".join(label.get_text(" ").split())
