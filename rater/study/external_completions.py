"""External completions: read a file from any generator, and validate it against the study."""

import hashlib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

from rater.errors import StudyError, TableError, listed, nearest
from rater.names import normalise_name
from rater.study.arms import ExternalCompletions
from rater.study.conversation import RatedPart, Role, TurnText, read_replies, write_transcript
from rater.study.fields import Fields, Item
from rater.tables import SUFFIXES, Dialect, SourceTable, read_content

_NEEDED = ("prompt", "arm", "text")
_READ = (*_NEEDED, "sample")
_MAX_CHARACTERS = 20_000
"""Maximum length of a text that people rate."""
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}
"""Unicode categories of invisible characters: white space, and characters without width."""


class FileCompletion(NamedTuple):
    """A completion, with its place in the file."""

    where: str
    """The file and the place, for messages."""
    place: str
    """The place, such as "line 3"."""
    prompt: str
    text: str
    sample: int | None
    fields: Fields
    """The fields of its item that the file has columns for."""


def read_bytes(path: Path) -> bytes:
    """Read a file of completions.

    Raises:
        StudyError: If its suffix is not supported, or if it cannot be read.
    """
    if path.with_suffix("" if path.suffix == ".gz" else path.suffix).suffix.lower() not in SUFFIXES:
        msg = f"{path} is not a file of completions; valid: one that ends in {listed(SUFFIXES)}"
        raise StudyError(msg)
    try:
        return path.read_bytes()
    except OSError as error:
        close = sorted(file.name for suffix in SUFFIXES for file in path.parent.glob(f"*{suffix}"))
        hint = nearest(path.name, close) if close else ""
        msg = (
            f"The completions in {path} cannot be read: {error.strerror or error}.{hint} "
            "Paths are relative to the folder of the study file."
        )
        raise StudyError(msg) from error


def lines_of_arm(
    path: Path, content: bytes, arm: str, fields: Collection[str] = (), *, rated: RatedPart | None = None
) -> list[FileCompletion]:
    """Read the lines of one arm, with the fields that the file has a column for; other arms are ignored.

    In a study of conversations a prompt may be a list of turns, and a text, if the whole conversation is
    rated, a list of the assistant's turns. Each becomes a transcript, as CSV files have it.

    Raises:
        StudyError: If the content is not valid; with file and line.
    """
    try:
        table = read_content(str(path), content, Dialect(skips_blanks=False))
    except TableError as error:
        raise StudyError(str(error)) from error
    _require_columns(table)
    arm_name = normalise_name(arm)
    lines, others = [], dict[str, None]()
    columns = [table.columns.get(name, [None] * len(table)) for name in _READ]
    given = [name for name in fields if name in table.columns]
    for row, (prompt, named, text, sample) in enumerate(zip(*columns, strict=True)):
        where = table.where(row)
        name = normalise_name(_require_text(where, "arm", named))
        if name != arm_name:
            others[name] = None
            continue
        both = (prompt, text)
        if rated is not None:
            both = (_as_transcript(where, "prompt", prompt), _as_text(where, text, rated))
        read = [_require_text(where, *each) for each in zip(("prompt", "text"), both, strict=True)]
        own = {name: _require_text(where, name, table.columns[name][row]) for name in given}
        lines.append(FileCompletion(where, table.place(row), read[0], read[1], _sample(where, sample), own))
    if not lines:
        msg = f"{path} has no line for the arm {arm!r}.{nearest(arm_name, others)}"
        raise StudyError(msg)
    return lines


def _as_text(where: str, value: object, rated: RatedPart) -> object:
    """Return the transcript of a list of the assistant's turns; refuse any other text of a conversation."""
    if rated != "conversation":
        return value
    turns = value
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        turns = [{"role": "assistant", "text": each} for each in value]
    found = _as_transcript(where, "text", turns)
    try:
        replies = read_replies(found) if isinstance(found, str) else ()
    except ValueError as error:
        msg = (
            f"{where} has the text {short(value)}, but the study rates whole conversations; valid: a list of "
            'the assistant\'s turns, as in ["…", "…"], or in CSV their transcript: [assistant], a line break '
            "and the turn, with an empty line between turns."
        )
        raise StudyError(msg) from error
    for reply in replies:
        _require_text(where, "turn of the assistant", reply)
    return found


def _as_transcript(where: str, name: str, value: object) -> object:
    """Return the transcript of a list of turns, each with a role and a text; anything else as it is."""
    if not isinstance(value, list):
        return value
    turns = []
    for turn in value:
        fields: dict[str, Any] = turn if isinstance(turn, dict) else {}
        role: Any = fields.get("role")
        text = fields.get("text", fields.get("content"))
        if role not in get_args(Role) or not isinstance(text, str):
            msg = (
                f"{where} has a {name} with the turn {short(turn)}; valid: an object such as "
                '{"role": "user", "text": "…"}, with the role system, user or assistant.'
            )
            raise StudyError(msg)
        turns.append(TurnText(role, text))
    return write_transcript(turns)


def _require_columns(table: SourceTable) -> None:
    names = list(table.columns)
    for name in _NEEDED:
        if name not in names:
            close = nearest(name, [other for other in names if other not in _NEEDED])
            hint = close.replace("Did you mean", "Is it") if close.startswith(" Did you mean") else ""
            needed = ", ".join(_NEEDED)
            msg = f"{table.source} has no column {name!r}; valid: {needed} and, optionally, sample.{hint}"
            raise StudyError(msg)


def _require_text(where: str, name: str, value: object) -> str:
    if not isinstance(value, str):
        msg = f"{where} has the {name} {short(value)}; valid: a text, in quotes."
        raise StudyError(msg)
    if all(unicodedata.category(character) in _INVISIBLE for character in value):
        msg = f"{where} has an empty {name}; valid: a text that people can read."
        raise StudyError(msg)
    if len(value) > _MAX_CHARACTERS:
        msg = f"{where} has a {name} of {len(value):,} characters; valid: at most {_MAX_CHARACTERS:,}."
        raise StudyError(msg)
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        msg = f"{where} has a {name} that contains NUL or an unpaired surrogate; valid: Unicode text."
        raise StudyError(msg)
    return value


def _sample(where: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value) if len(value) < 10 else value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        msg = f"{where} has the sample {short(value)}; valid: a number from 0, or none."
        raise StudyError(msg)
    return value


def short(value: object) -> str:
    """Return the `repr` of a value, shortened to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class Slot(NamedTuple):
    """The prompt and the sample number of a completion, both from 0."""

    prompt_index: int
    sample: int


@dataclass(frozen=True)
class ExternalTexts:
    """The completions of an arm, and the SHA-256 of their file."""

    sha256: str
    texts: Mapping[Slot, str]


def read_external_completions(
    arm: ExternalCompletions,
    folder: Path,
    items: Sequence[Item],
    *,
    samples_per_prompt: int,
    rated: RatedPart | None = None,
) -> ExternalTexts:
    """Read the completions of an arm: exactly one for each item and sample of the study.

    Lines of other arms are ignored, so that one file can serve several arms. If the file has no sample
    numbers, samples of an item are numbered in the order of the lines. A column with the name of a field must
    have the values of the items; it is needed where items have the same prompt.

    Args:
        arm: The arm, with the path of the file.
        folder: The folder of the study file; the path is relative to it.
        items: The prompts of the study, with their fields.
        samples_per_prompt: The number of completions of each prompt.
        rated: The rated part of conversations; None for prompts.

    Raises:
        StudyError: If the file cannot be read, does not match the study, or has changed; with file and line.
    """
    path = folder / arm.path
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if arm.sha256 is not None and arm.sha256 != found:
        msg = (
            f"{path} has changed: its SHA-256 is {found}, but the arm {arm.name!r} declares {arm.sha256}. "
            "Restore the old file, or declare the new one in a study with another name."
        )
        raise StudyError(msg)
    lines = lines_of_arm(path, content, arm.name, list(items[0].fields), rated=rated)
    texts = _by_place(lines, items, samples_per_prompt)
    if rated == "conversation":
        _require_all_replies(lines, items)
    _require_all(f"{path} has no text of arm {arm.name!r}", texts, items, samples_per_prompt)
    return ExternalTexts(found, texts)


def _by_place(
    lines: Sequence[FileCompletion], items: Sequence[Item], samples_per_prompt: int
) -> dict[Slot, str]:
    """Return each text by item and sample; refuse unknown prompts, duplicates and missing texts."""
    index_of = _Items(items)
    is_numbered = lines[0].sample is not None
    texts: dict[Slot, str] = {}
    taken: dict[Slot, str] = {}
    n_seen = [0] * len(items)
    for line in lines:
        index = index_of.find(line)
        if (line.sample is not None) != is_numbered:
            has = "no" if is_numbered else "a"
            msg = (
                f"{line.where} has {has} sample number, unlike {lines[0].place}; number all samples or none."
            )
            raise StudyError(msg)
        place = Slot(index, n_seen[index] if line.sample is None else line.sample)
        n_seen[index] += 1
        if place in texts:
            msg = (
                f"{line.where} has the same prompt, arm and sample as {taken[place]}; remove one of the two."
            )
            raise StudyError(msg)
        if place.sample >= samples_per_prompt:
            msg = (
                f"{line.where} is sample {place.sample} of its prompt, but sampling.samples_per_prompt is "
                f"{samples_per_prompt} (samples are numbered from 0); raise it, or remove the line."
            )
            raise StudyError(msg)
        texts[place], taken[place] = line.text, line.place
    return texts


def _require_all_replies(lines: Sequence[FileCompletion], items: Sequence[Item]) -> None:
    index_of = _Items(items)
    for line in lines:
        needed, n = items[index_of.find(line)].n_replies, len(read_replies(line.text))
        if n != needed:
            msg = (
                f"{line.where} has {n} turn{'s' * (n != 1)} of the assistant, but its conversation needs "
                f"{needed}: one for each turn of the user without a reply."
            )
            raise StudyError(msg)


def _require_all(
    missing_text: str, texts: Mapping[Slot, str], items: Sequence[Item], samples_per_prompt: int
) -> None:
    missing = [
        Slot(index, sample)
        for index in range(len(items))
        for sample in range(samples_per_prompt)
        if Slot(index, sample) not in texts
    ]
    if missing:
        first = missing[0]
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        msg = (
            f"{missing_text} for {_place(items, first.prompt_index)} "
            f"{short(items[first.prompt_index].prompt)}, sample {first.sample}{more}; "
            f"sampling.samples_per_prompt is {samples_per_prompt}."
        )
        raise StudyError(msg)


def _place(items: Sequence[Item], index: int) -> str:
    return f"items[{index}]" if items[index].fields else f"prompts[{index}]"


class _Items:
    """The items of a study, by the exact text of their prompt or else by its visible text, and by fields."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._exact: dict[str, list[int]] = {}
        self._seen: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            self._exact.setdefault(item.prompt, []).append(index)
            self._seen.setdefault(normalise_name(item.prompt), []).append(index)

    def find(self, line: FileCompletion) -> int:
        """Return the index of the item of a line.

        Raises:
            StudyError: If the study does not have the prompt, or has several that look like it, or none with
                the fields of the line.
        """
        same = self._exact.get(line.prompt) or self._alike(line)
        fitting = [index for index in same if self._items[index].fields.items() >= line.fields.items()]
        if len(fitting) == 1:
            return fitting[0]
        fields = self._items[same[0]].fields
        if fitting:
            places = " and ".join(_place(self._items, index) for index in fitting[:2])
            missing = [name for name in fields if name not in line.fields]
            msg = (
                f"{line.where} has the prompt {short(line.prompt)}, which is that of {places}; add "
                f"{'the column' if len(missing) == 1 else 'columns'} {listed(missing)} to the file."
            )
            raise StudyError(msg)
        given = ", ".join(f"{name} {short(value)}" for name, value in line.fields.items())
        own = "; or ".join(
            ", ".join(f"{name} {short(self._items[index].fields[name])}" for name in line.fields)
            for index in same[:5]
        )
        msg = f"{line.where} has the {given}, but the items with its prompt have the {own}."
        raise StudyError(msg)

    def _alike(self, line: FileCompletion) -> list[int]:
        """Return the items whose prompt looks like that of a line."""
        alike = self._seen.get(normalise_name(line.prompt), [])
        if len({self._items[index].prompt for index in alike}) == 1:
            return alike
        msg = f"{line.where} has the prompt {short(line.prompt)}, which is not a prompt of the study."
        if alike:
            places = " and ".join(_place(self._items, index) for index in alike)
            msg += f" It looks like {places}; copy it from the study file."
        else:
            hint = nearest(line.prompt[:500], self._exact)
            is_close = hint.startswith(" Did you mean")
            msg += hint if is_close else " Copy the exact prompts from the study file."
        raise StudyError(msg)
