"""Puts all parts of a report into one page that needs nothing but itself.

Jinja escapes whatever comes out of the data. Style and script are part of the page, and its content
security policy allows these two and pictures that are data, nothing else: a page that asked for
anything would show it as an error of the browser's console.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ... import __version__
from ...suite import needs
from ...suite.catalog import in_order
from ...suite.environment import in_short
from ...suite.results import ResultsFolder, Tally, WorkloadResults
from ...system.errors import BadInputError
from ...system.files import replacing
from ..advice import warnings_of
from ..answers import answers
from ..comparison import Comparison, compare
from ..statistics import level
from ..summary import overview, summarize_workload
from ..tables import metric_table, secondary_tables
from .pictures import pictures_of
from .reproduction import recipe_of
from .row_tables import counters_table, rows_table
from .surroundings import groups_of

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(folder: ResultsFolder, out: Path | None = None) -> None:
    """Into the folder, or as `out`; says where. Raises BadInputError if it can't be written."""
    out = out or folder.path / "report.html"
    if out.is_dir():
        raise BadInputError(f"cannot write {out}: it is a folder")
    text = page(folder)
    try:
        with replacing(out) as part:
            # JSON may hold halves of characters, which no file can.
            part.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInputError(f"cannot write {out}: {error.strerror}") from None
    print(f"report: {out}")


def page(folder: ResultsFolder) -> str:
    """The whole HTML document."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style, script = (_own(name) for name in ("style.css", "report.js"))
    workloads = in_order(folder.workloads.values(), lambda kept: kept.workload)
    comparisons = [compare(kept) for kept in workloads]
    shown = level(lead for c in comparisons for case in c.cases for lead in c.leads(case))
    told, pictures = answers(folder), pictures_of(folder)
    asked, shows = {answer.workload for answer in told}, {}
    for picture in pictures:  # the first one of each workload stands beside its answer
        if picture.workload in asked:
            shows.setdefault(picture.workload, picture)
    run = folder.environment.get("run") or {}
    tally, wanted = Tally.from_facts(run), run.get("rounds_wanted") or 0
    return templates.get_template("report.html").render(
        version=__version__,
        policy=_policy(style, script),
        style=style,
        script=script,
        name=folder.path.resolve().name,
        facts=in_short(folder.environment),
        dirty=bool((folder.environment.get("git") or {}).get("dirty")),
        overview=overview(folder),
        answers=told,
        shows=shows,
        sections=[
            _section(index, kept, comparison, shown)
            for index, (kept, comparison) in enumerate(zip(workloads, comparisons, strict=True))
        ],
        left_out=needs.lines(run.get("left_out") or {}),
        warnings=warnings_of(folder, tally, wanted),
        pictures=[picture for picture in pictures if picture not in shows.values()],
        groups=groups_of(folder.environment),
        recipe=recipe_of(folder, workloads),
    )


def _section(
    index: int, kept: WorkloadResults, comparison: Comparison, shown: float
) -> dict[str, Any]:
    """Of a workload: `tables` are open, `details` are there for who asks."""
    name = kept.workload.name
    return {
        "anchor": f"workload-{name if re.fullmatch('[a-zA-Z0-9_]+', name) else index}",
        "name": name,
        "what": kept.workload.what,
        "summary": summarize_workload(kept, comparison, shown),
        "tables": [metric_table(kept, comparison), *secondary_tables(kept, comparison)],
        "details": [rows_table(kept, comparison), counters_table(kept, comparison)],
    }


def _own(name: str) -> Markup:
    """A file of ours that stands in the page as it is."""
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def _policy(*texts: str) -> str:
    """Only this style and script may lay out or run, and only pictures inside the page be shown."""
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    style, script = (f"sha256-{base64.b64encode(digest).decode()}" for digest in digests)
    return (
        f"default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
