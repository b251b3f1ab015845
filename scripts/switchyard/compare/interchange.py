"""Histograms in files of several formats: ours (JSON), histogram logs and percentile files.

What is read is told by its content, as logs have many suffixes; what is written, by the suffix.
"""

import json
import re
from pathlib import Path

from ..system import files, packages
from ..system.errors import BadInputError
from . import histograms, percentile_file
from .histograms import HistogramFile

_LOG = re.compile(r'^(#\[Histogram log format|"StartTimestamp"|([^,\n]*,){3,4} *HIST)', re.M)


def read(path: Path, unit: str | None = None) -> HistogramFile:
    """`unit` is that of the values where a file does not tell it. Raises BadInputError that names
    the file.
    """
    try:
        content, written = path.read_bytes(), path.stat().st_mtime
    except OSError as error:
        raise BadInputError(f"cannot read {path}: {error.strerror}") from None
    text = content.decode("utf-8", "replace")
    found = _parsed(path, content, text, unit)
    if not any(found.span):
        # The end of the run, or not long after it.
        lasted = found.figures.get("seconds")
        is_known = isinstance(lasted, int | float) and 0 <= lasted < written
        found.span = written - (lasted if is_known else 0), written
    return found


def _parsed(path: Path, content: bytes, text: str, unit: str | None) -> HistogramFile:
    if _LOG.search(text) or path.suffix == ".hlog":
        packages.need("hlog")
        from . import histogram_log

        return histogram_log.parse(path, text, unit)
    if percentile_file.LOOKS.search(text):
        return percentile_file.parse(path, text, unit)
    if path.suffix == ".hgrm":
        raise BadInputError(f"{path} holds no table of percentiles")
    return histograms.parse(path, content)


def need(path: Path) -> None:
    """Raises BadInputError if a package that this file takes is missing."""
    if path.suffix == ".hlog":
        packages.need("hlog")


def write(path: Path, whole: HistogramFile) -> list[Path]:
    """The files written: one, but that a percentile file holds one histogram. Raises
    BadInputError.
    """
    texts = _texts(path, whole)
    for file, text in texts.items():
        files.write(file, text, BadInputError)
    return list(texts)


def _texts(path: Path, whole: HistogramFile) -> dict[Path, str]:
    for name in whole.histograms:
        if path.suffix in (".hlog", ".hgrm") and not re.fullmatch(r"[^\s,/]+", name):
            raise BadInputError(f"{path} can't name a histogram {name!r}: write a .json")
    if path.suffix == ".hlog":
        from . import histogram_log

        return {path: histogram_log.text_of(whole)}
    if path.suffix == ".hgrm":
        several = len(whole.histograms) > 1
        return {
            path.with_suffix(f".{name}.hgrm") if several else path:
                percentile_file.text_of(name, part, whole.figures)
            for name, part in whole.histograms.items()
        }  # fmt: skip
    document = {
        "format": histograms.FORMAT,
        "unit": "ns",
        "figures": whole.figures,
        "histograms": {name: part.document() for name, part in whole.histograms.items()},
    }
    return {path: json.dumps(document) + "\n"}
