"""Exact replacements in a file, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from itertools import islice, takewhile

from claude_gateway import InvalidRequest, ToolResult
from claude_gateway_filesystem import arguments
from claude_gateway_filesystem.places import Place, Project, decoded, read_file
from claude_gateway_filesystem.writing import encoded, replace

MOST_EDITS = 100
MOST_DIFFED = 2000  # lines; the time that a diff takes grows with their square
AROUND = 3  # lines that are shown around a change
HEAD = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@\n")
LONGEST_DIFF = 500  # lines


def edit_file(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Replace pieces of a file and return what changed; `dry_run` only says what would."""
    place = project.place(given, "path")
    dry = arguments.flag(given, "dry_run")
    data, before = read_file(place, project.largest)
    old = decoded(data, place)
    new, count = edited(old, given, project.largest)
    written = encoded(new, "edits", project.largest)
    if not dry:
        replace(place, written, before)
    words = f"{count} replacements in {place.shown}{', not written' if dry else ''}."
    structured = {"path": place.shown, "replacements": count, "dry_run": dry}
    return ToolResult.of(f"{words}\n{diff(old, new, place)}", structured)


def edited(text: str, given: Mapping[str, object], largest: int) -> tuple[str, int]:
    """Return the text with all edits made, one after the other, and how many pieces changed.

    It never has more than `largest` characters, also not in between.
    """
    edits = arguments.objects(given, "edits")
    if len(edits) > MOST_EDITS:
        raise InvalidRequest(f"edits has {len(edits)}; {MOST_EDITS} are the most.", param="edits")
    count = 0
    for number, edit in enumerate(edits):
        try:
            text, made = _edited(text, edit, largest)
        except InvalidRequest as exc:
            where = f"edits[{number}]"
            raise InvalidRequest(f"{where}.{exc.message}", param=f"{where}.{exc.param}") from None
        count += made
    return text, count


def _edited(text: str, edit: Mapping[str, object], largest: int) -> tuple[str, int]:
    old, new = arguments.text(edit, "old_text"), arguments.text(edit, "new_text")
    every = arguments.flag(edit, "replace_all")
    found = text.count(old) if old else 0
    if not found:
        hint = " The file's lines end with CRLF." if "\r\n" in text and "\r\n" not in old else ""
        raise InvalidRequest(f"old_text is not in the file.{hint}", param="old_text")
    if found > 1 and not every:
        raise InvalidRequest(
            f"old_text is in the file {found} times. Give more of what is around it, or set "
            "replace_all.",
            param="old_text",
        )
    if (size := len(text) + found * (len(new) - len(old))) > largest:
        raise InvalidRequest(
            f"new_text makes the file {size} characters long; {largest} bytes are the most that "
            "are written.",
            param="new_text",
        )
    return text.replace(old, new), found


def diff(old: str, new: str, place: Place) -> str:
    """Return a unified diff, of bounded length."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    begin, end = _same(before, after), _same(reversed(before), reversed(after))
    end = min(end, len(before) - begin, len(after) - begin)
    first, last = max(begin - AROUND, 0), max(end - AROUND, 0)
    before, after = before[first : len(before) - last], after[first : len(after) - last]
    if max(len(before), len(after)) > MOST_DIFFED:
        return "[Too much lies between the changes to show them.]"
    lines = unified_diff(before, after, place.shown, place.shown, n=AROUND)
    shown = [_line(line, first) for line in islice(lines, LONGEST_DIFF)]
    more = "[The rest of what changed is not shown.]\n" if next(lines, None) is not None else ""
    return "".join(shown) + more


def _same(one: Iterable[str], other: Iterable[str]) -> int:
    """Count the lines that are the same, from the beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _line(line: str, first: int) -> str:
    """One line of a diff; where a piece begins is counted from the file's first line."""
    if (head := HEAD.fullmatch(line)) is not None:
        old, new = int(head[1]) + first, int(head[3]) + first
        return f"@@ -{old}{head[2]} +{new}{head[4]} @@\n"
    return line if line.endswith("\n") else f"{line}\n"
