"""Where and on what a run was measured, as pairs of name and value in groups.

environment.json may come from another version: whatever stands in it is shown, known or not.
"""

from typing import Any

from ...system import units

_TITLES = {
    "git": "Code", "build": "Build", "machine": "Machine", "limits": "Limits", "python": "Python",
    "programs": "Programs", "run": "Run",
}  # fmt: skip
_NAMES = {"sha": "commit", "dirty": "changes in no commit"}
_LIMITS_OF_GROUPS = ("cgroup.pids.max", "cpu_quota", "memory_limit_bytes")
# Said elsewhere on the page, or of no use to a reader.
_LEFT_OUT = {"run": ("options", "left_out", "never_launched", "cut_off")}


def groups_of(environment: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """A title and its facts each, as they are told; unknown ones at the end, empty ones not."""
    found = []
    for section in dict.fromkeys((*_TITLES, *environment)):
        facts = environment.get(section)
        if isinstance(facts, dict):
            left_out = _LEFT_OUT.get(section, ())
            kept = {name: value for name, value in facts.items() if name not in left_out}
            nested = {name: value for name, value in kept.items() if isinstance(value, dict)}
            plain = {name: value for name, value in kept.items() if name not in nested}
            found.append((_TITLES.get(section, section), _facts(section, plain)))
            found += [(_label(n).capitalize(), _facts(n, value)) for n, value in nested.items()]
        elif facts is not None:
            found.append((section, [("version", str(facts))]))
    return [group for group in found if group[1]]


def _facts(section: str, facts: dict[str, Any]) -> list[tuple[str, str]]:
    return [(_label(name), _text(section, name, value)) for name, value in facts.items()]


def _label(name: str) -> str:
    """Sysctls and RLIMITs keep their names; units stand with the values."""
    if "." in name or name.isupper():
        return name
    name = _NAMES.get(name, name)
    return name.removesuffix("_bytes").removesuffix("_s").replace("_", " ")


def _text(section: str, name: str, value: object) -> str:
    if section == "limits" and isinstance(value, list) and len(value) == 2:
        return _limits(name, value)
    if value is None:
        return "none found" if name in _LIMITS_OF_GROUPS else "not told"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int | float) and name.endswith("_bytes"):
        return units.with_unit(value, "B")
    if isinstance(value, int | float) and name.endswith("_s"):
        return f"{value:g} s"
    return str(value) or "none"


def _limits(name: str, pair: list) -> str:
    """Soft and hard limit, or the two ends of a range."""
    first, second = ("unlimited" if value is None else str(value) for value in pair)
    if not name.startswith("RLIMIT_"):
        return f"{first}-{second}"
    return first if first == second else f"{first} (hard: {second})"
