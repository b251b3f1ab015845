"""Histogram logs of HdrHistogram (.hlog): jHiccup, YCSB, cassandra-stress and others write them.

A line for each interval: an optional tag, when it began, its length, its largest value, and a
compressed histogram, which the library `hdrhistogram` packs and unpacks. Its log reader is not
used, as it passes over damaged lines, nor its log writer, which knows no tags; and of the older
encodings, 0 and 1, it knows nothing.
"""

import base64
import re
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from hdrh import codec
from hdrh.histogram import HdrHistogram

from .. import __version__
from ..system.errors import BadInputError
from . import provenance
from .histograms import UNITS, Histogram, HistogramFile, of_ranges
from .provenance import Provenance

_DIGITS = 3
_HIGHEST = 2**63 - 1
_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_NUMBER = r"\d+(?:\.\d*)?"
_INTERVAL = re.compile(
    rf"(?:Tag=(?P<tag>[^,\s]+)\s*,)?\s*(?P<start>{_NUMBER})\s*,\s*(?P<length>{_NUMBER})\s*,"
    rf"\s*{_NUMBER}\s*,\s*(?P<payload>\S+)"
)
_TIME = re.compile(rf"#\[(StartTime|BaseTime): *({_NUMBER})")
_YEAR = 365 * 24 * 3600.0
_END_OF_TIME = 1e11  # in the year 5138, before calendars fail

# The cookies that an encoded histogram begins with, but for the bits of the size of a word.
_COMPRESSED = {0x1C849309: 0, 0x1C849302: 1, 0x1C849304: 2}
_FLOATING_POINT = 0x0C72124F
# Cookie, digits, lowest, highest and total count; later: cookie, length, offset, digits, lowest,
# highest and the ratio to floating-point values.
_HEADERS = {0: struct.Struct(">IIQQQ"), 1: struct.Struct(">IIIIQQd")}
_DAMAGED = (
    ValueError, OverflowError, IndexError, AssertionError, MemoryError, struct.error, zlib.error,
    codec.HdrCookieException, codec.HdrLengthException, codec.HdrHistogramSettingsException,
)  # fmt: skip


def parse(path: Path, text: str, unit: str | None) -> HistogramFile:
    """Its intervals added up, by tag; without one they are `latency`. `unit` is that of the values,
    which a log does not tell: ns where none is given. Raises BadInputError that names the file.
    """
    lines = text.splitlines()
    ours = provenance.of_lines(path, lines)
    factor = UNITS[ours.unit or unit or "ns"]
    times: dict[str, float] = {}
    spans: list[tuple[float, float]] = []
    ranges: dict[str, Counter[tuple[int, int]]] = {}
    for number, line in enumerate(lines, 1):
        if found := _TIME.match(line):
            times.setdefault(found[1], float(found[2]))
        if not line.strip() or line.startswith(("#", '"')):
            continue
        found = _INTERVAL.fullmatch(line.strip())
        if not found:
            raise BadInputError(f"{path}, line {number}: this is no interval of a histogram log")
        counts = ranges.setdefault(found["tag"] or "latency", Counter())
        try:
            spans.append(_span(times, float(found["start"]), float(found["length"])))
            for low, high, n in _decoded(found["payload"]):
                counts[low * factor, high * factor] += n
        except _DAMAGED as error:
            why = f" ({error})" if str(error) else ""
            raise BadInputError(f"{path}, line {number} is damaged{why}") from None
    if not ranges:
        raise BadInputError(f"{path} holds no interval")
    histograms = {tag: _whole(counts, ours.exact.get(tag)) for tag, counts in ranges.items()}
    span = min(begun for begun, _ in spans), max(ended for _, ended in spans)
    return HistogramFile(path, ours.figures, histograms, ours.unit, span)


def _span(times: dict[str, float], start: float, length: float) -> tuple[float, float]:
    """Of an interval, in seconds since the epoch. By the rule of the format, times are relative to
    the base time, or the start time where they would be a year before it. Raises ValueError.
    """
    begun = times.get("StartTime", 0.0)
    base = times.get("BaseTime", begun if start < begun - _YEAR else 0.0)
    if not base + start + length < _END_OF_TIME:
        raise ValueError("its time is out of range")
    return base + start, base + start + length


def _whole(counts: Counter[tuple[int, int]], exact: tuple[int, int] | None) -> Histogram:
    if not counts:
        return Histogram(0, 0, 0, [])
    smallest, largest = exact or (min(counts)[0], max(high for _, high in counts))
    return of_ranges(((low, high, n) for (low, high), n in counts.items()), smallest, largest)


def _decoded(payload: str) -> Iterator[tuple[int, int, int]]:
    """The buckets that hold something. Raises one of _DAMAGED."""
    raw = base64.b64decode(payload, validate=True)
    cookie, length = struct.unpack_from(">II", raw)
    version = _COMPRESSED.get(cookie & ~0xF0)
    if cookie == _FLOATING_POINT:
        raise ValueError("floating-point values are not supported")
    if version is None:
        raise ValueError("its encoding is unknown")
    if len(raw) != 8 + length:
        raise ValueError(f"{len(raw) - 8} bytes of {length}")
    if version == 2:
        histogram = HdrHistogram.decode(payload)
        counts = np.frombuffer(histogram.counts, np.uint64)
        offset = histogram.encoder.payload.payload.normalizing_index_offset
    else:
        histogram, counts, offset = _decoded_of_old(version, zlib.decompress(raw[8:]))
    if offset:
        raise ValueError("shifted values are not supported")
    for index in np.flatnonzero(counts).tolist():
        low = histogram.get_value_from_index(index)
        yield low, histogram.get_value_from_index(index + 1) - 1, int(counts[index])


def _decoded_of_old(version: int, data: bytes) -> tuple[HdrHistogram, np.ndarray, int]:
    """Counts as they are, in words of a size that the cookie tells."""
    header = _HEADERS[version]
    cookie, *fields = header.unpack_from(data)
    offset = fields[1] if version else 0
    digits, lowest, highest = fields[2:5] if version else fields[:3]
    size = cookie >> 4 & 0xE
    if size not in (2, 4, 8):
        raise ValueError(f"its counts have {size} bytes each")
    counts = np.frombuffer(data[header.size :], f">u{size}")
    histogram = HdrHistogram(lowest, highest, digits)
    if len(counts) > histogram.counts_len:
        raise ValueError(f"{len(counts)} counts of {histogram.counts_len}")
    return histogram, counts, offset


def text_of(whole: HistogramFile) -> str:
    """A log with one interval for each histogram, tagged by its name; values are nanoseconds."""
    begun, length = whole.span[0], whole.span[1] - whole.span[0]
    date = time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(begun))
    exact = {name: (part.min, part.max) for name, part in whole.histograms.items()}
    lines = [
        f"#[Logged with switchyard {__version__}]",
        "#[Histogram log format version 1.2]",
        Provenance("ns", whole.figures, exact=exact).line(),
        f"#[StartTime: {begun:.3f} (seconds since epoch), {date}]",
        _LEGEND,
    ]
    for name, part in whole.histograms.items():
        largest = f"{part.max // 10**6}.{part.max % 10**6:06}"
        lines.append(f"Tag={name},0.000,{length:.3f},{largest},{_encoded(part)}")
    return "\n".join(lines) + "\n"


def _encoded(part: Histogram) -> str:
    """With three significant digits, whose buckets lie within ours."""
    highest = max((high for _, high, _ in part.buckets), default=0)
    if highest > _HIGHEST:
        raise BadInputError(f"a value of {highest} ns does not fit into a histogram log")
    packed = HdrHistogram(1, min(max(2 * part.max, 2), _HIGHEST), _DIGITS)
    for value, n in _recorded(part):
        packed.record_value(value, n)
    return packed.encode().decode()


def _recorded(part: Histogram) -> Iterable[tuple[int, int]]:
    """What to record: the smallest and the largest as they are, others amid their bucket."""
    left = {"min": part.count > 0, "max": part.count > 1}
    for low, high, n in part.buckets:
        for which, value in (("min", part.min), ("max", part.max)):
            if n and left[which] and low <= value <= high:
                left[which] = False
                n -= 1
                yield value, 1
        if n:
            yield min(max((low + high) // 2, part.min), part.max), n
