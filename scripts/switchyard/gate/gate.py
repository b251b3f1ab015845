"""The gate set, read from gate.toml: names with their reasons."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("gate.toml")


@dataclass(frozen=True)
class GateBenchmark:
    """spread: of one pair, in per cent; instructions: whether counting them has a meaning."""

    name: str
    reason: str
    spread: float
    instructions: bool = False


def gate_set() -> dict[str, GateBenchmark]:
    """By name, in the order of the file."""
    entries = tomllib.loads(_FILE.read_text())["benchmark"]
    return {entry["name"]: GateBenchmark(**entry) for entry in entries}
