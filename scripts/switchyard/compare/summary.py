"""What a run shows, in plain sentences, none of which claims more than its interval supports.

"Ahead of" is only said where the 95 % interval of the ratio, taken from paired rounds, excludes 1,
and all the comparisons that were made are allowed for.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..suite.results import ResultsFolder, WorkloadResults
from ..suite.warnings import held_up
from ..system import units
from .comparison import Case, Comparison, Ranking, split_parameters
from .statistics import Finding, Summary, finding

_TIE = "{} ({}, {}{})"  # "thread (1.02x, 95 % interval 0.95 to 1.10)"
_NOBODY = "none is shown to be ahead of all others"


@dataclass(frozen=True)
class Sentence:
    """`case`: the parameters that it speaks of, empty where all cases have the same."""

    case: str
    text: str


@dataclass(frozen=True)
class WorkloadSummary:
    headline: str
    sentences: list[Sentence]
    problems: list[Sentence]


def overview(folder: ResultsFolder) -> str:
    """How much was measured, and how much of it failed."""
    records = [r for kept in folder.workloads.values() for r in kept.records()]
    rows, rounds = {r.row.name for r in records}, {r.round for r in records}
    limited = {r.row.name for r in records if r.is_limit}
    failed = {r.row.name for r in records if r.problem and not r.is_limit}
    return (
        f"{_count(len(rows), 'row')} of {_count(len(folder.workloads), 'workload')} in "
        f"{_count(len(rounds), 'round')}, {_count(len(records), 'launch', 'es')}: "
        f"{len(failed) or 'none'} failed, {len(limited) or 'none'} met a limit of the machine."
    )


def summarize_workload(
    results: WorkloadResults, comparison: Comparison, shown: float
) -> WorkloadSummary:
    """`comparison`: that of the workload's metric; `shown`: up to which p a lead is shown."""
    _, varying = split_parameters(comparison.cases)
    doubtful = held_up(results.records())
    sentences, problems, rankings = [], [], []
    for case in comparison.cases:
        label = ", ".join(f"{name}:{value}" for name, value in case if name in varying)
        problems.extend(Sentence(label, text) for text in _problems(comparison, case))
        if found := comparison.ranking(case, shown):
            rankings.append(found)
            parts = [_who_is_ahead(comparison, found), *_to_control(comparison, found)]
            parts += _saturated(comparison, found, doubtful)
            sentences.append(Sentence(label, " ".join(parts)))
    return WorkloadSummary(_headline(comparison, rankings), sentences, problems)


def _headline(comparison: Comparison, rankings: list[Ranking]) -> str:
    """In how many cases each one is ahead of all others."""
    contested = [found for found in rankings if found.leads]
    if not contested:
        return "Nothing to compare: no case has two contenders with a result."
    ahead = Counter(found.leader for found in contested if found.is_shown)
    if len(contested) == 1:
        said = f"{next(iter(ahead))} is {_superlative(comparison)}" if ahead else _NOBODY
        return f"In the only case with several contenders, {said}."
    parts = [f"{name} is {_superlative(comparison)} in {n}" for name, n in ahead.most_common()]
    if undecided := len(contested) - ahead.total():
        parts.append(f"{_NOBODY} in {undecided}")
    return f"Of {len(contested)} cases with several contenders: {'; '.join(parts)}."


def _superlative(comparison: Comparison) -> str:
    return "fastest" if comparison.workload.metric.unit in ("s", "1/s") else "best"


def _who_is_ahead(comparison: Comparison, found: Ranking) -> str:
    summary = comparison.cells[found.case, found.leader].summary
    median = units.with_unit(summary.median, comparison.workload.metric.unit)
    leader = f"{found.leader} ({median})"
    if not found.leads:
        return f"Only {leader} competes here."
    behind = found.over(Finding.BETTER)
    if found.is_shown:
        return f"{leader} is {_superlative(comparison)}, ahead of {_leads(behind)}."
    parts = []
    if same := found.over(Finding.SAME):
        parts.append(f"{Finding.SAME} between {leader} and {_leads(same, _TIE)}")
    if winners := found.over(Finding.WORSE):
        parts.append(f"round by round {leader} is behind {_leads(winners)}")
    if perhaps := found.over(Finding.PERHAPS):
        parts.append(f"perhaps {leader} differs from {_leads(perhaps, _TIE)}")
    if few := found.over(Finding.TOO_FEW):
        parts.append(
            f"{Finding.SAME} between {leader}, the best median, and {_and(list(few))}: "
            f"{Finding.TOO_FEW} have no interval"
        )
    if behind:
        parts.append(f"{found.leader} is ahead of {_leads(behind)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _to_control(comparison: Comparison, found: Ranking) -> Iterator[str]:
    """The best contender against the limit, where there is one."""
    control = comparison.references[found.case]
    ratio = comparison.cells[found.case, found.leader].ratio
    if comparison.reference_kind(found.case) != "control" or not ratio or control == found.leader:
        return
    said = finding(ratio)
    if said is Finding.SAME:
        shown = _leads({control: ratio}, _TIE)
        yield f"{Finding.SAME.capitalize()} between it and the control {shown}."
    elif said is not Finding.TOO_FEW:
        label = comparison.workload.metric.label
        times = f"{units.ratio(ratio.median)} (95 % interval {_bounds(ratio)})"
        yield f"It has {times} the {label} of the control {control}."


def _saturated(comparison: Comparison, found: Ranking, doubtful: set[str]) -> Iterator[str]:
    columns = dict.fromkeys((found.leader, *found.leads, comparison.references[found.case]))
    names = [c for c in columns if comparison.cells[found.case, c].row.name in doubtful]
    if names:
        yield (
            f"The load generator or origin was saturated or late with {_and(names)}: "
            "these may be faster than shown."
        )


def _problems(comparison: Comparison, case: Case) -> Iterator[str]:
    """Which limit was met, what failed, and in how many rounds if not in all."""
    for column, cell in comparison.of(case).items():
        rounds = len(cell.values) + len(cell.problems)
        counted = Counter((r.problem, r.is_limit) for r in cell.problems)
        for (text, is_limit), n in counted.items():
            share = "" if n == rounds else f" (in {n} of {rounds} rounds)"
            yield f"{column}: {'' if is_limit else 'FAILED: '}{text}{share}"


def _leads(leads: dict[str, Summary | None], form: str = "{} by {} ({}{})") -> str:
    """ "thread by 1.42x (95 % interval 1.20 to 1.62) and process by 2.01x (1.90 to 2.20)"."""
    return _and([
        form.format(
            name, units.ratio(lead.median), "" if index else "95 % interval ", _bounds(lead)
        )
        for index, (name, lead) in enumerate(leads.items())
    ])  # fmt: skip


def _bounds(ratio: Summary) -> str:
    return f"{units.factor(ratio.low)} to {units.factor(ratio.high)}"


def _and(texts: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def _count(number: int, noun: str, ending: str = "s") -> str:
    return f"{number:,} {noun}{ending if number != 1 else ''}"
