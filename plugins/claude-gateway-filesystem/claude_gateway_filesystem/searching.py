"""Files found by name or by what is in them, in bounded time."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO

from claude_gateway import InvalidRequest, ToolResult
from claude_gateway_filesystem import arguments
from claude_gateway_filesystem.listing import names_in
from claude_gateway_filesystem.places import CAREFULLY, Project, opened, readable, status

MOST_RESULTS, USUAL_RESULTS = 1000, 100
MOST_LOOKED_AT = 100_000  # names
MOST_SECONDS = 10.0
DEEPEST = 64
LONGEST_WORDS, LONGEST_LINE = 200, 300  # characters
FOLDER = os.O_RDONLY | os.O_DIRECTORY | CAREFULLY
# What is made by programs and would fill every search; a search inside of them works.
LEFT_OUT = frozenset({".git", "node_modules", "__pycache__", ".venv"})


class _Enough(Exception):
    """The search ends here; its text says why."""


@dataclass(slots=True)
class Walk:
    """One search: what it may still take, and what it found."""

    project: Project
    matches: Callable[[str], bool]
    words: str
    ignore_case: bool
    most: int
    ends: float
    looked_at: int = 0

    def search(self, folder: int, prefix: str, depth: int = 0) -> Iterator[dict[str, object]]:
        """Yield what is found in an open folder and those below it. Raises _Enough."""
        for name in names_in(folder, MOST_LOOKED_AT):
            self._step()
            path = f"{prefix}{readable(name)}"
            seen = status(folder, name)
            if seen is None:
                continue
            if stat.S_ISDIR(seen.st_mode):
                if not self.words and self.matches(path):
                    yield {"path": path, "type": "folder"}
                yield from self._below(folder, name, path, depth)
            elif stat.S_ISREG(seen.st_mode) and self.matches(path):
                yield from self._in_file(folder, name, path)

    def _below(self, folder: int, name: str, path: str, depth: int) -> Iterator[dict[str, object]]:
        if name in LEFT_OUT or depth >= DEEPEST:
            return
        with suppress(OSError):  # gone, swapped for a link, or not ours to read
            inner = os.open(name, FOLDER, dir_fd=folder)
            try:
                yield from self.search(inner, f"{path}/", depth + 1)
            finally:
                os.close(inner)

    def _in_file(self, folder: int, name: str, path: str) -> Iterator[dict[str, object]]:
        if not self.words:
            yield {"path": path, "type": "file"}
            return
        text = self._text(folder, name)
        if self.words not in self._folded(text):  # nearly always; to look at lines takes longer
            return
        for number, line in enumerate(StringIO(text, newline="\n"), 1):
            if self.words in self._folded(line):
                yield {"path": path, "type": "line", "line": number, "text": _cut(line)}

    def _folded(self, text: str) -> str:
        return text.casefold() if self.ignore_case else text

    def _text(self, folder: int, name: str) -> str:
        """Return a file's text; nothing of what cannot be read, is too large or is no text."""
        try:
            with opened(folder, name) as file:
                if os.fstat(file.fileno()).st_size > self.project.largest:
                    return ""
                text = file.read(self.project.largest).decode()
        except (OSError, UnicodeDecodeError):
            return ""
        return "" if "\0" in text else text

    def _step(self) -> None:
        self.looked_at += 1
        if self.project.stopped.is_set() or time.monotonic() > self.ends:
            raise _Enough(f"after {MOST_SECONDS:g} s")
        if self.looked_at > MOST_LOOKED_AT:
            raise _Enough(f"after {MOST_LOOKED_AT} names")


def search_files(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Return the paths that fit a pattern, or the lines of such files that have words in them."""
    place = project.place(given, "path", ".")
    walk = _walk(project, given)
    found: list[dict[str, object]] = []
    stopped = ""
    with place.folder() as folder:
        try:
            for entry in walk.search(folder, ""):
                if len(found) == walk.most:
                    raise _Enough(f"after {walk.most} results")
                found.append(entry)
        except _Enough as enough:
            stopped = str(enough)
    lines = [_line(entry) for entry in found]
    if stopped:
        lines.append(f"[The search ended {stopped}: there may be more. Look in a smaller folder.]")
    structured = {"path": place.shown, "results": found, "truncated": bool(stopped)}
    return ToolResult.of("\n".join(lines) or "(Nothing was found.)", structured)


def _walk(project: Project, given: Mapping[str, object]) -> Walk:
    pattern, words = arguments.text(given, "pattern", "*"), arguments.text(given, "text", "")
    for key, value in (("pattern", pattern), ("text", words)):
        if len(value) > LONGEST_WORDS or "\n" in value:
            raise InvalidRequest(
                f"{key} must be one line of {LONGEST_WORDS} characters.", param=key
            )
    ignore_case = arguments.flag(given, "ignore_case")
    return Walk(
        project,
        _matcher(pattern),
        words.casefold() if ignore_case else words,
        ignore_case,
        arguments.number(given, "limit", USUAL_RESULTS, MOST_RESULTS),
        time.monotonic() + MOST_SECONDS,
    )


def _matcher(pattern: str) -> Callable[[str], bool]:
    """A pattern with a slash is for the whole path, another one for the name; * also takes slashes."""
    fits = re.compile(fnmatch.translate(pattern.removeprefix("./"))).match
    if "/" in pattern:
        return lambda path: fits(path) is not None
    return lambda path: fits(path.rpartition("/")[2]) is not None


def _line(entry: Mapping[str, object]) -> str:
    if entry["type"] == "line":
        return f"{entry['path']}:{entry['line']}: {entry['text']}"
    return f"[{entry['type']}] {entry['path']}"


def _cut(line: str) -> str:
    line = line.strip()
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
