"""Count what the gateway does, as the interpreter sees it: calls, bytecodes, writes, statements."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, TypeAlias

OWN = ("claude_gateway", "plugins", "tests/work/slower.py")
Tracer: TypeAlias = Any  # typeshed's is private


class Work:
    """Counts while `on`. Calls and bytecodes are those of the thread that it was installed in.

    `calls` are calls and resumptions of the gateway's own functions, by name, `bytecodes` what
    these executed, `foreign` calls of everybody else's Python functions that are no part of asyncio,
    `sends` system calls that send, `statements` what SQLite was asked in any thread, without what
    the store does when nobody waits. `idle` is set while the thread waits for something to happen.
    """

    def __init__(self, root: str) -> None:
        self.on = False
        self.idle = threading.Event()
        self.calls: Counter[str] = Counter()
        self.foreign: Counter[str] = Counter()
        self.bytecodes: Counter[str] = Counter()
        self.sends = self.statements = 0
        self._root = root
        self._names: dict[CodeType, tuple[str, bool]] = {}
        self._tidying: set[int] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch this thread, and the statements of all that are started meanwhile."""
        threading.setprofile(self._elsewhere)
        sys.setprofile(self._here)
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(None)
            sys.setprofile(None)
            threading.setprofile(None)

    def clear(self) -> None:
        """Forget what was counted."""
        for counter in (self.calls, self.foreign, self.bytecodes):
            counter.clear()
        self.sends = self.statements = 0

    def _name(self, code: CodeType) -> tuple[str, bool]:
        """Return what a function is called, and whether it is the gateway's own."""
        known = self._names.get(code)
        if known is None:
            file = code.co_filename
            inside = file.removeprefix(f"{self._root}/")
            own = inside != file and inside.startswith(OWN)
            short = (
                inside if own else file.partition("site-packages/")[2] or file.rpartition("/")[2]
            )
            known = self._names[code] = (f"{short}:{code.co_qualname}", own)
        return known

    def _trace(self, frame: FrameType, event: str, arg: object) -> Tracer:
        """Called when a function begins or goes on."""
        if not self.on:
            return None
        name, own = self._name(frame.f_code)
        if not own:
            if "asyncio" not in frame.f_code.co_filename and "selectors" not in name:
                self.foreign[name] += 1
            return None
        self.calls[name] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._opcode

    def _opcode(self, frame: FrameType, event: str, arg: object) -> Tracer:
        if event == "opcode" and self.on:
            self.bytecodes[self._name(frame.f_code)[0]] += 1
        return self._opcode

    def _here(self, frame: FrameType, event: str, arg: Any) -> None:
        if event in ("c_call", "c_return"):
            name = arg.__name__
            if name == "poll" and frame.f_code.co_name == "select":
                waits = event == "c_call" and frame.f_locals.get("timeout") != 0
                (self.idle.set if waits else self.idle.clear)()
            elif event == "c_call" and name in ("send", "sendmsg", "sendto") and self.on:
                self.sends += 1
        self._elsewhere(frame, event, arg)

    def _elsewhere(self, frame: FrameType, event: str, arg: Any) -> None:
        if event in ("call", "return") and frame.f_code.co_name == "_tidy":
            (self._tidying.add if event == "call" else self._tidying.discard)(threading.get_ident())
        elif event == "c_call" and self.on and arg.__name__.startswith("execute"):
            own = isinstance(getattr(arg, "__self__", None), sqlite3.Connection | sqlite3.Cursor)
            if own and threading.get_ident() not in self._tidying:
                self.statements += 1
