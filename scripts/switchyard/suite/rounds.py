"""The engine of every measurement: rounds of items in an order by chance, within a budget.

Each round has every item once, in an order of its own, so that drift of the machine hits all alike.
Whoever measures takes one turn after another and says what it cost; what to do about a launch, its
failure or a cut at the end of the budget stays with them. Interrupted, like any exception, ends the
loop where it is, and the round under way is not counted as done.
"""

import functools
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Turn:
    """`done`: the turns before it; `seconds_left`: after it too, None before anything is known. It
    looks at all rounds to come, so only who shows it asks, and before the turn is taken.
    """

    item: str
    round: int
    done: int
    seconds_left: Callable[[], float | None]


@dataclass
class Rounds:
    """`is_whole`: a round that would not fit into the budget is not begun, and what is begun is
    brought to its end. Else each item is measured that still fits, as a cheaper one may.
    `sort`: the first round's order, from one by chance.

    `done` counts rounds; budget and costs last over several calls of turns(). Items are named.
    """

    budget_s: float | None
    chance: random.Random
    is_whole: bool = True
    before_round: Callable[[], None] = lambda: None
    sort: Callable[[list[str]], list[str]] = lambda names: names
    after_round: Callable[[], None] = lambda: None
    done: int = 0
    spent_s: float = 0.0
    out_of_budget: bool = False
    cost_s: dict[str, float] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)
    _begun: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        return float("inf") if self.budget_s is None else self.budget_s - self.spent_s

    def took(self, item: str, seconds: float) -> None:
        """What a turn of it cost. Half of what is expected of the next is older experience."""
        self.spent_s += seconds
        self.cost_s[item] = (self.cost_s.get(item, seconds) + seconds) / 2

    def retire(self, item: str) -> None:
        """No more turns of it: what hung once would only eat the time of the others."""
        self.retired.add(item)

    def turns(self, wanted: Mapping[str, int]) -> Iterator[Turn]:
        """As many rounds of each item as are wanted of it, as far as the budget allows."""
        turns = 0
        for round_ in range(max(wanted.values(), default=0)):
            due = self._due(wanted, round_)
            if not self.is_whole:
                due = [item for item in due if self._fits(item)]
            if not due:
                return
            if self.is_whole and round_ > 0 and self._expected_s(due) > self.left_s:
                self.out_of_budget = True
                return
            self.chance.shuffle(due)
            due = due if round_ else self.sort(due)
            self.before_round()
            for index, item in enumerate(due):
                if item in self.retired or (not self.is_whole and not self._fits(item)):
                    continue
                left = functools.partial(self._seconds_left, wanted, round_, due[index:])
                yield Turn(item, round_, turns, left)
                turns += 1
            self.done += 1
            self.after_round()

    def _due(self, wanted: Mapping[str, int], round_: int) -> list[str]:
        return [i for i, count in wanted.items() if count > round_ and i not in self.retired]

    def _fits(self, item: str) -> bool:
        """Of one that is not known yet: if it takes no longer than the longest."""
        return self.cost_s.get(item, max(self.cost_s.values(), default=0.0)) <= self.left_s

    def _expected_s(self, items: Collection[str]) -> float:
        """Of a turn of each; of one that is not known yet, as long as the others on average."""
        known = [self.cost_s[item] for item in items if item in self.cost_s]
        every = known or self.cost_s.values()
        return sum(known) + (len(items) - len(known)) * sum(every) / max(len(every), 1)

    def _seconds_left(
        self, wanted: Mapping[str, int], round_: int, rest: Collection[str]
    ) -> float | None:
        """Of the rounds that fit into the budget, with what goes on between the turns."""
        if not self.cost_s:
            return None
        seconds = self._expected_s(rest)
        for later in range(round_ + 1, max(wanted.values())):
            a_round = self._expected_s(self._due(wanted, later))
            if seconds + (a_round if self.is_whole else 0) > self.left_s:
                break
            seconds += a_round
        overhead = (time.monotonic() - self._begun) / max(self.spent_s, 1e-3)
        return min(seconds, self.left_s) * max(overhead, 1.0)
