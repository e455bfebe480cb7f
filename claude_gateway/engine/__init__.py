"""One turn: ask the backend, keep the account, tell the observers.

A turn may take several calls of the model, its rounds, which the client sees as one answer. Each is
tried again by the same rules, before its own first event; another model is only asked before the
first of all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, nullcontext
from functools import partial

from claude_gateway.backends import Backend
from claude_gateway.engine.account import account, note
from claude_gateway.engine.between import Between, decided
from claude_gateway.engine.booking import Booking, Round, Upstream
from claude_gateway.engine.breaker import Breakers
from claude_gateway.engine.caller import Caller
from claude_gateway.engine.calls import Asking, Begun, folded
from claude_gateway.engine.deadline import until
from claude_gateway.engine.fallback import Alternative
from claude_gateway.engine.followed import FollowedCaller
from claude_gateway.engine.following import Following
from claude_gateway.engine.hearing import Hearing, tell, tell_round
from claude_gateway.engine.joining import Joiner
from claude_gateway.engine.pauses import PAUSES
from claude_gateway.engine.paying import PayingCaller, Purse
from claude_gateway.engine.places import Places
from claude_gateway.engine.rounds import Rounds, Turn
from claude_gateway.errors import UpstreamError
from claude_gateway.interfaces import Observer
from claude_gateway.types.events import Event
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run

# Answers that may take longer than ten minutes in one piece are streamed inside: an idle connection
# is closed by some hop on the way. The figure is Anthropic's: 128,000 tokens take about an hour.
LONGEST_WHOLE_ANSWER = 128_000 * 10 // 60


class Engine:
    """Runs turns. Of them it holds no state, only what they tell of the backends."""

    def __init__(
        self,
        observers: Sequence[Observer],
        max_retries: int,
        breakers: Breakers | None = None,
        places: Places | None = None,
        purse: Purse | None = None,
    ) -> None:
        """Without `breakers` no circuit ever opens, without `places` no turn waits for others.

        `purse` pays for calls; without one nobody asks what they cost.
        """
        self._hearing = Hearing(observers)
        self._places = places
        caller = _caller(observers, max_retries, breakers or Breakers())
        self._caller = caller if purse is None else PayingCaller(caller, purse)

    def stream(
        self,
        backend: Backend,
        request: ModelRequest,
        run: Run,
        alternatives: Sequence[Alternative] = (),
        rounds: Rounds | None = PAUSES,
    ) -> AsyncGenerator[Sequence[Event]]:
        """Yield batches of events; close the generator to stop the turn and let go of upstream.

        Nothing is yielded before the first event that a client may see, so an error raised before
        the first batch can still become a status, or be another model's to answer. `rounds` says
        whether the turn goes on after a call of the model; None: it is one call, whatever comes.
        """
        asking = Asking(backend, request, alternatives)
        if rounds is not None and rounds.possible(request):
            return self._joined(Turn(run), Joiner(), asking, rounds)
        book = Booking(run, self._hearing, self._places)
        return self._round(partial(self._caller.begin, asking, run), run, book)

    def going_on(
        self, turn: Turn, joiner: Joiner, rounds: Rounds
    ) -> AsyncGenerator[Sequence[Event]]:
        """Go on with a turn that was parked after a call of the model, as `stream` would have."""
        return self._joined(turn, joiner, None, rounds)

    async def complete(
        self,
        backend: Backend,
        request: ModelRequest,
        run: Run,
        alternatives: Sequence[Alternative] = (),
        rounds: Rounds | None = PAUSES,
    ) -> Answer:
        """Answer in one piece; without `rounds` it is upstream's own, however long it may be."""
        too_long = request.max_tokens > LONGEST_WHOLE_ANSWER and rounds is not None
        if backend.complete is None or too_long:
            return await folded(self.stream(backend, request, run, alternatives, rounds))
        asking = Asking(backend, request, alternatives)
        with Booking(run, self._hearing, self._places) as book:
            if not book.place_now():
                await book.place()
            if rounds is not None and rounds.possible(request):
                return await self._concatenated(asking, run, rounds)
            with Upstream(run):
                whole = await self._caller.at_once(asking, run)
            self._account(run, whole.answer)
            return whole.answer

    async def count_tokens(self, backend: Backend, request: ModelRequest, run: Run) -> Answer:
        """Count a prompt; it is no turn, so no observer hears of it."""
        return await self._caller.count_tokens(backend, request, run)

    async def _round(
        self, begun: Callable[[], Awaitable[Begun]], run: Run, book: Booking | None = None
    ) -> AsyncGenerator[Sequence[Event]]:
        """Yield the batches of one call of the model; without `book` it is one of several."""
        with book or nullcontext():
            if book is not None and not book.place_now():
                await book.place()
            with Upstream(run):
                now = await begun()
                rest = now.rest if run.deadline is None else until(now.rest, run.deadline)
                with now.call, Round(run, self._hearing):
                    async with aclosing(rest):
                        self._note(run, now.head)
                        yield now.head
                        async for batch in rest:
                            self._note(run, batch)
                            yield batch
                    if not run.complete:
                        raise UpstreamError(
                            f"The backend {now.backend.name} ended the stream before the answer "
                            "was whole.",
                            code="upstream_truncated",
                        )

    async def _joined(
        self, turn: Turn, joiner: Joiner, following: Asking | None, rounds: Rounds
    ) -> AsyncGenerator[Sequence[Event]]:
        """Yield the batches of as many calls as it takes, as one stream. One may be behind us."""
        run = turn.run
        with Booking(run, self._hearing, self._places) as book:
            await book.place()
            while True:
                if following is not None:
                    begun = partial(self._begun, turn, following)
                    async with aclosing(self._round(begun, run)) as batches:
                        async for batch in batches:
                            if shown := joiner.feed(batch):
                                yield shown
                    turn.heard(*joiner.heard())
                run.complete = False
                between = Between(turn, rounds)
                async with aclosing(between.events()) as batches:
                    async for batch in batches:
                        yield batch
                if run.parked:
                    return
                following = await self._asking(turn, between.request)
                if following is None:
                    break
                joiner.next_round()
            yield joiner.end(turn.ends_as)

    async def _concatenated(self, asking: Asking, run: Run, rounds: Rounds) -> Answer:
        """Answer in one piece with as many calls as it takes."""
        turn = Turn(run)
        following: Asking | None = asking
        while following is not None:
            with Upstream(run):
                whole = await self._caller.at_once(following, run)
            self._account(run, whole.answer)
            turn.asked(whole.backend, whole.request)
            turn.heard(whole.answer)
            run.complete = False
            following = await self._asking(turn, await decided(turn, rounds))
        return turn.answer()

    async def _begun(self, turn: Turn, asking: Asking) -> Begun:
        begun = await self._caller.begin(asking, turn.run)
        turn.asked(begun.backend, begun.request)
        return begun

    def _account(self, run: Run, answer: Answer) -> None:
        account(run, answer)
        tell_round(self._hearing.rounds, run, run.rounds[-1])

    async def _asking(self, turn: Turn, request: ModelRequest | None) -> Asking | None:
        if request is None:
            turn.run.complete = True
            turn.run.stop_reason = turn.ends_as or turn.run.stop_reason
            return None
        await asyncio.sleep(0)  # a client that left meanwhile is heard of before more is bought
        return Asking(turn.backend, request)

    def _note(self, run: Run, batch: Sequence[Event]) -> None:
        if note(run, batch):
            run.first_token = time.monotonic()
            tell(self._hearing.firsts, run)


def _caller(observers: Sequence[Observer], max_retries: int, breakers: Breakers) -> Caller:
    following = Following(observers)
    if following:
        return FollowedCaller(observers, max_retries, breakers, following)
    return Caller(observers, max_retries, breakers)
