"""How long rows are measured in a round, and which of them, so that a budget holds whole rounds.

A difference is shown by rounds, not by long ones: where the budget does not hold all of them, rows
are measured for a shorter time, and where even that does not suffice, whole cases are left out: the
dearest first, and last those that a run tells of their workloads (questions.py), or where none is
told the last one that is left. What rows cost is learned from the launches themselves; nothing is
known before the first round, which therefore takes case after case, those that are told before all
others, workloads in turn, for as long as those that it has begun can get all their rounds.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from . import questions
from .catalog import Row, Workload
from .results import SECONDS

_SHARES = (1.0, 0.5, 0.25)  # of the time that was asked for
_KNOWN_TO = 0.9  # of the budget: the next rounds may cost more than the last
# Of what a launch measures: Google Benchmark has tried with fewer iterations before.
_WITH_TRIALS = 1.25
_TOLD_UP_TO = 1 / 3  # of the budget: what the first launches of what is told may take

Group = tuple[str, tuple]  # a workload's name, and a case of it


@dataclass(frozen=True)
class Cost:
    """Of a launch: `measuring_s` of its `wall_s` would be shorter with a shorter time to measure,
    which was `min_time_s`.
    """

    wall_s: float
    measuring_s: float
    min_time_s: float

    def at(self, min_time_s: float) -> float:
        return self.wall_s - self.measuring_s * (1 - min_time_s / self.min_time_s)


@dataclass
class Pacing:
    """`budget_s` None: every row is measured for as long as was asked for."""

    rounds: int
    budget_s: float | None
    asked_s: float
    pairs: Mapping[str, tuple[Workload, Row]]
    min_time_s: float = 0.0
    _costs: dict[str, Cost] = field(default_factory=dict)
    _retired: set[str] = field(default_factory=set)
    _is_full: bool = False

    def __post_init__(self) -> None:
        self.min_time_s = self.asked_s

    def rounds_of(self, name: str) -> int:
        """That are to launch a row."""
        return min(self.pairs[name][1].rounds or self.rounds, self.rounds)

    def took(self, name: str, wall_s: float, rows: Iterable[Mapping[str, Any]]) -> None:
        """One iteration can't be cut, nor what takes as long however short it is to be."""
        measured = sum(
            row["iterations"] * row["real_time"] * SECONDS[row["time_unit"]]
            for row in rows
            if row["iterations"] > 1
        )
        can_be_cut = measured < 2 * self.min_time_s  # Google Benchmark aims at 1.4 times
        measuring_s = min(_WITH_TRIALS * measured, wall_s) if can_be_cut else 0.0
        self._costs[name] = Cost(wall_s, measuring_s, self.min_time_s)

    def retire(self, name: str) -> None:
        """What it took is lost, and says nothing of what the others will take."""
        self._retired.add(name)

    def in_turn(self, names: list[str]) -> list[str]:
        """Case after case, of each workload its first, then of each its second, and so on. The
        first is the one that is told.
        """
        cases: dict[str, dict[tuple, list[str]]] = {}
        for name in sorted(names, key=lambda name: not self._is_told(self._group(name))):
            workload, case = self._group(name)
            cases.setdefault(workload, {}).setdefault(case, []).append(name)
        tiers = zip_longest(*(by_case.values() for by_case in cases.values()), fillvalue=[])
        return [name for tier in tiers for rows in tier for name in rows]

    def has_room_for(self, name: str, spent_s: float) -> bool:
        """Whether a row of the first round is begun: what belongs to a case that was begun always
        is, what is told as long as that leaves time for rounds of it, and else what can get all its
        rounds with those that were begun, all as short as can be. Behind the first case that is not
        begun none is, as those before it answer more.
        """
        group = self._group(name)
        if self.budget_s is None or not self._costs or group in map(self._group, self._costs):
            return True
        if not self._is_full:
            lost_s = sum(self._costs[name].wall_s for name in self._retired)
            for_told_s = lost_s + (spent_s - lost_s) / _TOLD_UP_TO
            needed_s = for_told_s if self._is_told(group) else self._needed_s(group, spent_s)
            self._is_full = needed_s > self.budget_s
        return not self._is_full

    def _needed_s(self, group: Group, spent_s: float) -> float:
        """For all rounds of what was begun and of one more case. Rather too little: what is too
        dear is seen after the round.
        """
        shortest_s = _SHARES[-1] * self.asked_s
        coming = {known: cost for known, cost in self._costs.items() if known not in self._retired}
        costs_s = {known: cost.at(shortest_s) for known, cost in coming.items()}
        begun_s = sum((self.rounds_of(known) - 1) * cost_s for known, cost_s in costs_s.items())
        launches = sum(self.rounds_of(row) for row in self.pairs if self._group(row) == group)
        average_s = sum(costs_s.values()) / max(len(costs_s), 1)
        return spent_s + begun_s + launches * average_s

    def fit(self, names: Iterable[str], left: Mapping[str, int], left_s: float) -> list[str]:
        """Choose how long rows are measured from now on, and tell which of `names` are left out.
        `left`: how many rounds of each are to come. What they cost then stands in `expected_s`.
        """
        groups: dict[Group, list[str]] = {}
        for name in names:
            if name in self._costs and left[name] > 0:
                groups.setdefault(self._group(name), []).append(name)

        def cost(share: float, group: Group) -> float:
            return sum(left[n] * self._costs[n].at(share * self.asked_s) for n in groups[group])

        room_s = left_s * _KNOWN_TO
        out: list[str] = []
        for share in _SHARES:
            if share * self.asked_s > self.min_time_s:
                continue  # all rounds to come are alike
            self.min_time_s = share * self.asked_s
            if sum(cost(share, group) for group in groups) <= room_s:
                return out
        while len(groups) > 1 and sum(cost(share, group) for group in groups) > room_s:
            out += groups.pop(max(self._dispensable(groups), key=lambda group: cost(share, group)))
        return out

    def _dispensable(self, groups: Collection[Group]) -> Collection[Group]:
        """All but what each workload tells, or else has left; where that is all, any of it."""
        told = {group for group in groups if self._is_told(group)}
        of_workload = Counter(workload for workload, _ in groups)
        tells = {workload for workload, _ in told}
        others = [
            group
            for group in groups
            if group not in told and (group[0] in tells or of_workload[group[0]] > 1)
        ]
        return others or groups

    @property
    def expected_s(self) -> dict[str, float]:
        return {name: cost.at(self.min_time_s) for name, cost in self._costs.items()}

    def _group(self, name: str) -> Group:
        workload, row = self.pairs[name]
        return workload.name, row.case

    @staticmethod
    def _is_told(group: Group) -> bool:
        workload, case = group
        return questions.of(workload).is_of(case)
