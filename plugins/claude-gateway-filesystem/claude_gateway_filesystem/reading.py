"""Files read line by line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from claude_gateway import ToolResult
from claude_gateway_filesystem import arguments
from claude_gateway_filesystem.places import Project, decoded, read_file

MOST_TEXT = 80_000  # bytes; what a model is given at a time
MOST_LINES = 10_000_000


def read_text(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Return a file's lines, from `offset` on, as many as fit."""
    place = project.place(given, "path")
    first = arguments.number(given, "offset", 1, MOST_LINES)
    most = arguments.number(given, "limit", MOST_LINES, MOST_LINES)
    data, _ = read_file(place, project.largest)
    lines = decoded(data, place).split("\n")
    if len(lines) > 1 and not lines[-1]:
        lines.pop()  # what ends with a line break has no line after it
        lines[-1] += "\n"
    if first > len(lines):
        place.refuse(f"has only {len(lines)} lines")
    text, count = _fitting(lines[first - 1 : first - 1 + most])
    last = first + count - 1
    part = {"path": place.shown, "first_line": first, "last_line": last, "lines": len(lines)}
    if last < len(lines):
        text += f"\n[Lines {first} to {last} of {len(lines)}. Go on with offset {last + 1}.]"
    return ToolResult.of(text, part)


def _fitting(lines: Sequence[str]) -> tuple[str, int]:
    """Return the lines that fit, and how many; one that is too long alone is cut."""
    ends = list(accumulate(len(line.encode()) + 1 for line in lines))
    if count := bisect_right(ends, MOST_TEXT):
        return "\n".join(lines[:count]), count
    cut = lines[0].encode()[:MOST_TEXT].decode(errors="ignore")
    return f"{cut}\n[This line is cut: it has {len(lines[0])} characters.]", 1
