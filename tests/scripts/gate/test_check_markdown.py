"""A check as Markdown, read back by a Markdown parser: what a reader of the page sees."""

from dataclasses import replace

import made_up_check
import pytest
from made_up_check import GATE, Behaviour
from markdown_it import MarkdownIt
from markdown_it.token import Token

from switchyard.gate.markdown import markdown
from switchyard.gate.model import Benchmark, Metric, Report, Verdict
from switchyard.system.markdown import code, prose

REPORT = made_up_check.report()
NAMES = (
    "BM_Foo<int>/8",
    "BM_x<std::map<int,int>>/range:1",
    "BM_a|b||c",
    r"BM_back\slash\|bar\\",
    "BM_`tick`",
    "`BM_``ticks``",
    "`BM_first",
    "BM_*bold*_under_[link](http://x)~~gone~~",
    "BM_</code></details><script>alert(1)</script>",
    "BM_&amp;&#124; $x$ @name #1 :tag: <!-- no -->",
)


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def tables(text: str) -> list[list[list[Token]]]:
    """Each table as rows of cells, without the headings."""
    found: list[list[list[Token]]] = []
    within = False
    for token in parsed(text):
        if token.type in ("tbody_open", "tbody_close"):
            within = token.type == "tbody_open"
            found += [[]] * within
        elif within and token.type == "tr_open":
            found[-1] = [*found[-1], []]
        elif within and token.type == "inline":
            found[-1][-1].append(token)
    return found


def names(table: list[list[Token]]) -> list[str]:
    return [row[0].children[0].content for row in table]


def test_the_heading_is_how_it_came_out():
    inline = [token for token in parsed(markdown(REPORT)) if token.type == "inline"]
    assert inline[0].content.startswith("2 of 16 benchmarks are slower, 1 failed")


def test_what_changed_comes_first_and_all_are_in_the_details():
    notable, everything = tables(markdown(REPORT))
    unchanged = {f.benchmark.key for f in REPORT.findings if f.verdict == Verdict.UNCHANGED}
    assert names(notable)[:2] == [GATE[11], GATE[0]]
    assert set(names(notable)) == set(GATE) - unchanged
    assert sorted(names(everything)) == sorted(GATE)
    text = markdown(REPORT)
    assert text.index(GATE[0]) < text.index("<details>") < text.index("</details>")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_out_as_it_is_in_a_row_of_as_many_cells(name: str):
    report = made_up_check.report([name, GATE[0]], {name: Behaviour(change=20)})
    notable, everything = tables(markdown(report))
    assert names(notable) == [name]
    assert names(everything) == [name, GATE[0]]
    assert {len(row) for row in notable + everything} == {7}


@pytest.mark.parametrize("text", NAMES)
def test_any_text_comes_out_as_it_is_as_prose_and_as_code(text: str):
    for written in (prose(text), code(text)):
        (inline,) = [token for token in parsed(f"- x {written}") if token.type == "inline"]
        assert {child.type for child in inline.children} <= {"text", "code_inline", "text_special"}
    (inline,) = [token for token in parsed(f"- x {prose(text)}") if token.type == "inline"]
    assert "".join(child.content for child in inline.children) == f"x {text}"


def test_messages_of_programs_take_no_effect():
    message = "boom\n\n| a | b |\n</details> `x` <img src=x> # no"
    report = made_up_check.report(GATE[:2], {GATE[0]: Behaviour(fails=message)})
    report.problems = [message]
    notable, _ = tables(markdown(report))
    assert (
        notable[0][0]
        .children[-1]
        .content.endswith("boom | a | b | </details> `x` <img src=x> # no")
    )
    html = [token for token in parsed(markdown(report)) if token.type == "html_block"]
    assert len(html) == 2  # of our own: the details' beginning and end


def test_it_says_how_to_repeat_it_with_the_same_seed():
    fences = [token for token in parsed(markdown(REPORT)) if token.type == "fence"]
    assert [token.content for token in fences] == [
        "scripts/switchyard.sh check --baseline main --budget 10m --seed 42\n"
    ]
    given = made_up_check.report(GATE[:1], {}, facts={"command": "check --seed 42"})
    assert "check --seed 42\n" in markdown(given)


def test_it_says_what_slower_means_and_how_far_apart_launches_were():
    text = markdown(REPORT)
    assert "run back to back, 2.0 ms apart, in processes of their own" in text
    assert "proven to be so at all, and estimated at 3 % or more" in text
    proven = replace(REPORT, plan=replace(REPORT.plan, prove_threshold=True))
    assert "proven to be so by 3 % or more" in markdown(proven)


def test_an_accepted_regression_is_told_and_not_loud():
    slower = made_up_check.finding(Verdict.REGRESSED, 0.1, accepted="the price of | checks")
    text = markdown(replace(REPORT, findings=[slower]))
    assert text.startswith("## None of 1 benchmark was found slower, 1 slower, but accepted")
    ((row,),) = tables(text)
    assert row[1].content == "regressed"
    assert "accepted: the price of | checks" in "".join(c.content for c in row[0].children)


def test_metrics_other_than_the_usual_one_are_named():
    report = made_up_check.report(GATE[:1], {GATE[0]: Behaviour(change=20)})
    report.findings += [replace(report.findings[0], metric=Metric("p99_us"))]
    (table,) = tables(markdown(report))
    assert names(table) == [GATE[0], f"{GATE[0]} [p99_us]"]


def test_an_interrupted_and_advisory_check_says_so():
    text = markdown(made_up_check.report(GATE[:1], {}, complete=False, advisory=True))
    assert "(interrupted, advisory)" in text
    assert "**Interrupted:" in text
    assert "**Advisory:" in text
    assert "the values of the baseline are stored ones" in text


@pytest.mark.parametrize("behaviour", [Behaviour(), Behaviour(fails="x" * 10_000)])
def test_a_thousand_benchmarks_fit_into_a_comment(behaviour: Behaviour):
    many = [f"{GATE[10]}/{number}" for number in range(1000)]
    few = made_up_check.report(many[:1], {many[0]: behaviour}).findings[0]
    report = Report(made_up_check.PLAN, [], [], {}, [])
    report.findings = [replace(few, benchmark=Benchmark(name, "bin/b", name)) for name in many]
    text = markdown(report)
    assert len(text) < 65_536
    assert "more do not fit in here" in text
    assert "bets on the signs" in text


def test_a_report_without_facts_is_written_all_the_same():
    text = markdown(made_up_check.report(GATE[:2], {}, facts={}))
    assert "- baseline: unknown" in text
    assert "To repeat it" not in text
