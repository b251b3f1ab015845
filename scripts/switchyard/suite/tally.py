"""How far a run came: counted while it goes on, kept beside its results, and read back."""

import signal
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """`interrupted_by`: the signal's number. `failures`: of each failed row the last reason.
    `counted`: rows whose hardware events were counted, of those that were to be.
    """

    launches: int = 0
    rounds: int = 0
    spent_s: float = 0.0
    out_of_budget: bool = False
    interrupted_by: int | None = None
    never_launched: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    to_be_counted: int = 0
    counted: int = 0

    def facts(self) -> dict[str, Any]:
        """What is kept of it in environment.json."""
        return {
            "rounds_done": self.rounds,
            "launches": self.launches,
            "measured_s": round(self.spent_s, 3),
            "out_of_budget": self.out_of_budget,
            "interrupted_by": self.interrupted_by,
            "never_launched": self.never_launched,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "Tally":
        """From the `run` in environment.json, also of a version that did not keep all of this."""
        left = [str(name) for name in facts.get("never_launched") or []]
        done, wanted = facts.get("rounds_done") or 0, facts.get("rounds_wanted") or 0
        interrupted_by = facts.get("interrupted_by")
        if not interrupted_by and not left and not facts.get("complete", True):
            interrupted_by = signal.SIGKILL  # it could not even say that it ended
        return cls(
            launches=facts.get("launches") or 0,
            rounds=done,
            spent_s=facts.get("measured_s") or 0.0,
            out_of_budget=not interrupted_by and facts.get("out_of_budget", done < wanted),
            interrupted_by=interrupted_by,
            never_launched=left,
        )
