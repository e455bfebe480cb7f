"""Files read line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO
from itertools import islice

from claude_gateway import ToolResult
from claude_gateway_filesystem import arguments
from claude_gateway_filesystem.places import Project, decoded, read_file

MOST_TEXT = 80_000  # bytes; what a model is given at a time
MOST_LINES = 1_000_000_000


def read_text(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Return a file's lines, from `offset` on, as many as fit."""
    place = project.place(given, "path")
    first = arguments.number(given, "offset", 1, MOST_LINES)
    most = arguments.number(given, "limit", MOST_LINES, MOST_LINES)
    data, _ = read_file(place, project.largest)
    text = decoded(data, place)
    total = text.count("\n") + (not text.endswith("\n"))
    if first > total:
        place.refuse(f"has only {total} lines")
    part, count = _fitting(islice(StringIO(text, newline="\n"), first - 1, first - 1 + most))
    last = first + max(count, 1) - 1
    if last < total:
        part += f"[Lines {first} to {last} of {total}. Go on with offset {last + 1}.]"
    known = {"path": place.shown, "first_line": first, "last_line": last, "lines": total}
    return ToolResult.of(part, known)


def _fitting(lines: Iterable[str]) -> tuple[str, int]:
    """Return the lines that fit, and how many; the first one is cut if it does not fit alone."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode())
        if size <= MOST_TEXT:
            kept.append(line)
            continue
        if not kept:
            cut = line.encode()[:MOST_TEXT].decode(errors="ignore")
            return f"{cut}\n[This line is cut: it has {len(line.rstrip())} characters.]\n", 1
        break
    return "".join(kept), len(kept)
