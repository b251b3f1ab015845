"""A check as JUnit XML, which every CI service shows: a test case for each benchmark.

A benchmark that is slower is a failure and one that does not run an error; what could not be
decided is skipped, never passed. Advisory verdicts fail here only if they fail the check.
"""

import re
from xml.etree import ElementTree

from . import wording
from .model import Finding, Report, Verdict

# Whatever is not a character of XML 1.0 (section 2.2) can't stand in it, not even escaped.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REGRESSED_EXIT = 1
_ELEMENTS = {
    Verdict.REGRESSED: "failure",
    Verdict.FAILED: "error",
    Verdict.INCONCLUSIVE: "skipped",
    Verdict.MISSING: "skipped",
    Verdict.SKIPPED: "skipped",
}


def junit_xml(report: Report) -> bytes:
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", name="switchyard check")
    _add_properties(suite, report)
    seconds = _seconds(report)
    elements = []
    for finding in wording.worst_first(report.findings):
        element = _element(finding, report)
        elements.append(element)
        spent = f"{seconds.get(finding.benchmark.key, 0):.3f}"
        case = ElementTree.SubElement(
            suite, "testcase", classname=_clean(finding.benchmark.binary),
            name=_clean(finding.benchmark.name), time=spent,
        )  # fmt: skip
        _add_result(case, finding, element)
    counts = {
        "tests": len(elements), "failures": elements.count("failure"),
        "errors": elements.count("error"), "skipped": elements.count("skipped"),
    }  # fmt: skip
    for holder in (suites, suite):
        holder.attrib |= {name: str(count) for name, count in counts.items()}
        holder.set("time", f"{report.spent_s:.3f}")
    if report.facts.get("started_at"):
        suite.set("timestamp", _clean(str(report.facts["started_at"])))
    caveats = wording.caveats(report)
    if caveats:
        ElementTree.SubElement(suite, "system-err").text = _clean("\n".join(caveats))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def _add_properties(suite: ElementTree.Element, report: Report) -> None:
    plan = report.plan
    facts = wording.sides(report) | {
        "seed": str(plan.seed), "threshold": f"{plan.threshold:g}", "alpha": f"{plan.alpha:g}",
        "machine": wording.machine(report), "command": wording.command(report),
    }  # fmt: skip
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in facts.items():
        if value:
            ElementTree.SubElement(properties, "property", name=name, value=_clean(value))


def _element(finding: Finding, report: Report) -> str:
    """The child of a test case that tells its result; empty for one that passed."""
    element = _ELEMENTS.get(finding.verdict, "")
    harmless = report.advisory and report.exit_code != _REGRESSED_EXIT
    return "skipped" if harmless and element == "failure" else element


def _add_result(case: ElementTree.Element, finding: Finding, element: str) -> None:
    numbers = (
        f"change {wording.change(finding)}, 95 % interval {wording.interval(finding)}, "
        f"pairs {wording.pairs(finding)}, corrected p {wording.p_value(finding)}, "
        f"instructions {wording.instructions(finding)}"
    )
    if not element:
        ElementTree.SubElement(case, "system-out").text = _clean(f"{finding.verdict}: {numbers}")
        return
    message = " ".join(wording.reason(finding).split())
    message = message or f"{finding.verdict}: {wording.change(finding)}"
    result = ElementTree.SubElement(case, element, message=_clean(message))
    if element != "skipped":
        result.set("type", finding.verdict)
    if finding.evidence:
        result.text = numbers


def _seconds(report: Report) -> dict[str, float]:
    """What the launches of each benchmark took, by key."""
    seconds: dict[str, float] = {}
    for pair in report.pairs:
        spent = pair.baseline.wall_s + pair.candidate.wall_s
        seconds[pair.benchmark] = seconds.get(pair.benchmark, 0.0) + spent
    return seconds


def _clean(text: str) -> str:
    return _NO_XML.sub("", text)
