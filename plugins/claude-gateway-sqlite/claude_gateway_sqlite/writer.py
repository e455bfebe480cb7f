"""One thread that writes: whatever waits together is written together.

Many turns begin and end at the same time, and each must be safe before its caller goes on. What
makes something safe is one wait for the disk (fsync), which takes as long for a hundred changes as
for one. So the thread takes all that is waiting, does it in one transaction, and tells all callers
at once. aiosqlite would hop between threads for every statement, which costs more than the
statement; here one hop serves a whole batch, and nothing else ever waits for the lock.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeAlias, TypeVar

from claude_gateway import GatewayError, InternalError, StorageFull, Unavailable
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.figures import Figures
from claude_gateway_sqlite.troubles import translated

T = TypeVar("T")
A = TypeVar("A")

# Who waits, what is to be done, and with what.
Job: TypeAlias = tuple["asyncio.Future[Any]", Callable[[Desk, Any], object], object]
# Who waited, and either what came of it or why not.
Outcome: TypeAlias = tuple["asyncio.Future[Any]", object, GatewayError | None]

log = logging.getLogger("claude_gateway.sqlite")

MOST_TOGETHER = 256
# When so many were written together, more are on their way: they are given so many seconds to join,
# because a transaction costs as much as several changes.
CROWD, TO_JOIN = 8, 0.004
# Seconds without a write after which the thread looks after the house, and those after which it
# does so anyway.
IDLE, AT_LEAST_EVERY = 0.2, 5.0


class Housekeeping(Protocol):
    """What is done when nobody waits."""

    def __call__(self, desk: Desk) -> bool:
        """Do one short piece in transactions of its own; return whether there is more."""
        ...


class Writer:
    """Takes changes from the event loop, and writes them from a thread of its own.

    `figures` count transactions and the changes in them.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        housekeeping: Housekeeping,
        hurried: Collection[Callable[[Desk, Any], object]] = (),
    ) -> None:
        """The connection must be in autocommit mode, and nobody else may use it.

        `hurried` changes do not wait for the disk when they are alone, or among themselves.
        """
        self.figures = Figures()
        self._connection = connection
        self._desk = Desk(connection)
        self._housekeeping = housekeeping
        self._hurried = hurried
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        # How long to wait for a change before looking after the house; None when it is in order.
        self._patience: float | None = IDLE
        self._tidied = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    def do(self, change: Callable[[Desk, A], T], argument: A) -> asyncio.Future[T]:
        """Make a change; the future is done when it is safe. It is made even when nobody waits."""
        if self._closed:
            raise Unavailable("The store is closed.")
        done: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((done, change, argument))
        return done

    async def close(self) -> None:
        """Write what is waiting, and end the thread and the connection."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _work(self) -> None:
        while (batch := self._collect()) is not None:
            idle = not batch
            if batch:
                self._tell(self._written(batch))
                if len(batch) >= CROWD:
                    time.sleep(TO_JOIN)
                self._patience = IDLE if self._patience is None else self._patience
            del batch  # holds what callers sent, and the wait for the next may be long
            self._tidy(idle)

    def _collect(self) -> list[Job] | None:
        """Return all that waits, nothing when it is time to tidy up, None at the end."""
        batch: list[Job] = []
        try:
            job = self._jobs.get(timeout=self._patience)
            while job is not None and len(batch) < MOST_TOGETHER:
                batch.append(job)
                job = self._jobs.get_nowait()
        except Empty:
            return batch
        self._jobs.put(job)  # the end, or one too many: found again next time
        return batch or None

    def _written(self, batch: Sequence[Job]) -> list[Outcome]:
        began = time.perf_counter()
        try:
            self._desk.begin(sure=any(change not in self._hurried for _, change, _ in batch))
        except sqlite3.Error as exc:
            return [(job[0], None, self._error(exc)) for job in batch]
        try:
            return self._together(batch, began)
        except Exception as exc:  # noqa: BLE001  # whatever a change raises; one of them, or the disk
            self._desk.undo()
            if len(batch) == 1:
                return [(batch[0][0], None, self._error(exc))]
        return [self._written((job,))[0] for job in batch]

    def _together(self, batch: Sequence[Job], began: float) -> list[Outcome]:
        """Write all in the open transaction. Raises when one failed half-way."""
        desk = self._desk
        outcomes: list[Outcome] = []
        for done, change, argument in batch:
            before = desk.changed()
            try:
                outcomes.append((done, change(desk, argument), None))
            except GatewayError as exc:
                if desk.changed() != before:
                    raise
                outcomes.append((done, None, _bare(exc)))
        desk.commit()
        self.figures.committed(len(batch), time.perf_counter() - began)
        return outcomes

    def _error(self, exc: Exception) -> GatewayError:
        error = translated(exc)
        if isinstance(error, InternalError) or isinstance(exc, sqlite3.Error):
            self.figures.failed(full=isinstance(error, StorageFull))
        if isinstance(error, InternalError):
            log.error("a change could not be made", exc_info=exc)
        elif isinstance(exc, sqlite3.Error):
            log.warning("a change could not be stored: %s", exc)
        return _bare(error)

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(_settle, outcomes)
        except RuntimeError:
            log.warning("the event loop ended before %d changes were told", len(outcomes))

    def _tidy(self, idle: bool) -> None:
        if self._patience is None:
            return
        if not idle and time.monotonic() - self._tidied < AT_LEAST_EVERY:
            return
        try:
            self._patience = 0.0 if self._housekeeping(self._desk) else None
        except sqlite3.Error as exc:
            self._desk.undo()
            self._patience = None  # until somebody writes again
            log.warning("the database could not be tidied up: %s", exc)
        self._tidied = time.monotonic()


def _settle(outcomes: Sequence[Outcome]) -> None:
    for done, value, error in outcomes:
        if done.done():  # whoever waited has gone
            continue
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)


def _bare(exc: GatewayError) -> GatewayError:
    """Take off the frames it passed through: they hold what callers sent."""
    exc.__context__ = exc.__cause__ = None
    return exc.with_traceback(None)
