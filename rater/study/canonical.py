"""The canonical JSON of a declaration, which is hashed and preregistered, and the differences between two.

Fields at their default are left out. So a new optional field does not change the hash of any earlier study.
The price: the default of a field must never change, because it would change the meaning of stored studies.
"""

import json
from typing import Any

from pydantic import BaseModel

# names the class of a declaration among several, and so is never left out
_DISCRIMINATOR = "kind"


def canonical_json(declaration: BaseModel) -> str:
    """Return the canonical JSON of a declaration: sorted keys, no spaces, UTF-8, no field at its default."""
    kept = _without_defaults(declaration, declaration.model_dump(mode="json"))
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _without_defaults(value: Any, dumped: Any) -> Any:
    """Remove the fields at their default from what a value was dumped as, at any depth."""
    if isinstance(value, BaseModel):
        declared = {
            name: _without_defaults(getattr(value, name), dumped[name])
            for name, field in type(value).model_fields.items()
            if name == _DISCRIMINATOR
            or field.is_required()
            or getattr(value, name) != field.get_default(call_default_factory=True)
        }
        # fields that the study named itself, as those of an item
        return declared | {name: dumped[name] for name in value.model_extra or {}}
    if isinstance(value, dict):
        pairs = zip(value.values(), dumped.items(), strict=True)
        return {key: _without_defaults(each, of_each) for each, (key, of_each) in pairs}
    if isinstance(value, list | tuple):
        return [_without_defaults(each, of_each) for each, of_each in zip(value, dumped, strict=True)]
    return dumped


def differing_paths(old: Any, new: Any, path: str = "") -> list[str]:
    """Return where two dumped declarations differ, as paths such as ``arms[1].name``."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        nested = [differing_paths(old.get(key), new.get(key), f"{path}.{key}".lstrip(".")) for key in keys]
        return [found for paths in nested for found in paths]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        nested = [differing_paths(before, after, f"{path}[{index}]") for index, (before, after) in pairs]
        return [found for paths in nested for found in paths]
    return [] if old == new else [path]
