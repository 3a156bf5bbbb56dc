"""Read completions that something else made, and hold them against the study that they are for."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rater.errors import StudyError, nearest
from rater.names import normalise_name
from rater.study.arms import Outside
from rater.study.outside_file import Line, lines_of_arm, read_bytes, short


class Place(NamedTuple):
    """Which completion of an arm: prompt (from 0) and sample (from 0)."""

    prompt_index: int
    sample: int


@dataclass(frozen=True)
class OutsideTexts:
    """An arm's completions, and what tells their file from any other."""

    sha256: str
    texts: Mapping[Place, str]


def read_outside(
    arm: Outside, folder: Path, prompts: Sequence[str], *, samples_per_prompt: int
) -> OutsideTexts:
    """Read an arm's completions: one for each prompt and sample of the study, no more and no fewer.

    Lines of other arms are left alone, so that one file may serve several. Without samples in the file, those
    of a prompt are numbered as they come.

    Args:
        arm: names the file.
        folder: where the study file is; the arm's path starts there.
        prompts: the study's.
        samples_per_prompt: how many completions each prompt needs.

    Raises:
        StudyError: the file cannot be read, is not what its study declares, or changed; with file and line.
    """
    path = folder / arm.path
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if arm.sha256 is not None and arm.sha256 != found:
        msg = (
            f"{path} has changed: its SHA-256 is {found}, but the arm {arm.name!r} declares {arm.sha256}. "
            "Put the old file back, or declare the new one in a study of another name."
        )
        raise StudyError(msg)
    texts = _by_place(lines_of_arm(path, content, arm.name), prompts, samples_per_prompt)
    _require_all(f"{path} has no text of arm {arm.name!r}", texts, prompts, samples_per_prompt)
    return OutsideTexts(found, texts)


def _by_place(lines: Sequence[Line], prompts: Sequence[str], samples_per_prompt: int) -> dict[Place, str]:
    """Give each text its place; refuse one that has none or shares it, and a place that stays empty."""
    index_of = _Prompts(prompts)
    is_numbered = lines[0].sample is not None
    texts: dict[Place, str] = {}
    taken: dict[Place, str] = {}
    n_seen = [0] * len(prompts)
    for line in lines:
        index = index_of.find(line)
        if (line.sample is not None) != is_numbered:
            has = "no" if is_numbered else "a"
            msg = f"{line.where} has {has} sample, unlike {lines[0].place}; number all samples or none."
            raise StudyError(msg)
        place = Place(index, n_seen[index] if line.sample is None else line.sample)
        n_seen[index] += 1
        if place in texts:
            msg = f"{line.where} has the prompt, arm and sample of {taken[place]}; take one of the two out."
            raise StudyError(msg)
        if place.sample >= samples_per_prompt:
            msg = (
                f"{line.where} is sample {place.sample} of its prompt, but sampling.samples_per_prompt is "
                f"{samples_per_prompt} (they count from 0); raise that, or take the line out."
            )
            raise StudyError(msg)
        texts[place], taken[place] = line.text, line.place
    return texts


def _require_all(
    lack: str, texts: Mapping[Place, str], prompts: Sequence[str], samples_per_prompt: int
) -> None:
    missing = [
        Place(index, sample)
        for index in range(len(prompts))
        for sample in range(samples_per_prompt)
        if Place(index, sample) not in texts
    ]
    if missing:
        first = missing[0]
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        msg = (
            f"{lack} for prompts[{first.prompt_index}] {short(prompts[first.prompt_index])}, sample "
            f"{first.sample}{more}; sampling.samples_per_prompt is {samples_per_prompt}."
        )
        raise StudyError(msg)


class _Prompts:
    """The study's prompts, found by a line's prompt: as it is written, or else as people see it."""

    def __init__(self, prompts: Sequence[str]) -> None:
        self._prompts = prompts
        self._exact = {prompt: index for index, prompt in enumerate(prompts)}
        self._seen: dict[str, list[int]] = {}
        for index, prompt in enumerate(prompts):
            self._seen.setdefault(normalise_name(prompt), []).append(index)

    def find(self, line: Line) -> int:
        """Return the index of a line's prompt.

        Raises:
            StudyError: If the study lacks it, or has several that look like it.
        """
        if line.prompt in self._exact:
            return self._exact[line.prompt]
        alike = self._seen.get(normalise_name(line.prompt), [])
        if len(alike) == 1:
            return alike[0]
        msg = f"{line.where} has the prompt {short(line.prompt)}, which the study lacks."
        if alike:
            places = " and ".join(f"prompts[{index}]" for index in alike)
            msg += f" It looks like {places}; copy it from the study file."
        else:
            msg += _close(line.prompt, self._prompts)
        raise StudyError(msg)


def _close(prompt: str, prompts: Sequence[str]) -> str:
    hint = nearest(prompt[:500], prompts)
    letter_by_letter = " Copy prompts from the study file, letter by letter."
    return hint if hint.startswith(" Did you mean") else letter_by_letter
