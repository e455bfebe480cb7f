"""A request joins its session: what is sent upstream, and what is stored before that.

The system's text and the tools are what thinking is bound to and what the prompt cache begins with:
they are frozen with the first turn. What the system says anew is said at the end; other tools, another
model or an edited history are taken as they are, and then all earlier thinking is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from claude_gateway import sse
from claude_gateway.conversations.history import THOUGHTS, Block, Turn, blocks, plain, sent
from claude_gateway.conversations.opening import Opening, without_thinking
from claude_gateway.conversations.reconcile import merge
from claude_gateway.dialects.exact import parsed
from claude_gateway.dialects.openai.tools import ANYTHING
from claude_gateway.runs.outcome import text_of
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.resources import Message, Session
from claude_gateway.types.values import replaced, value

LONGEST_TITLE, LONGEST_TITLE_READ = 60, 120  # characters


@value
class Joined:
    """`system` and `messages` are for the request; `session`, `fresh` and `keep` for the store."""

    session: Session
    system: Sequence[Block]
    told: Sequence[Turn]
    fresh: Sequence[Message]
    keep: int | None = None

    def messages(self, model: ModelInfo) -> list[dict[str, object]]:
        """The whole conversation as this model takes it; another one must not see the thinking."""
        told = self.told
        if model.id != self.session.model:
            told = [
                Turn(t.role, [b for b in t.content if b.get("type") not in THOUGHTS]) for t in told
            ]
        return sent(told, system_messages=model.system_messages)

    def saying(self, words: str) -> Joined:
        """Return it with a wish at the end of what is new; it is kept, for it becomes history."""
        if not words or not self.fresh:
            return self
        block: Block = {"type": "text", "text": words}
        last, turn = self.fresh[-1], self.told[-1]
        content = plain([*blocks(parsed(last.content)), block])
        told = [*self.told[:-1], replaced(turn, content=[*turn.content, block])]
        fresh = [*self.fresh[:-1], replaced(last, content=sse.compact(content))]
        return replaced(self, told=told, fresh=fresh)


def join(  # noqa: PLR0913  # what is stored, what is said, and how they meet
    opening: Opening,
    said: Sequence[Turn],
    system: Sequence[Block],
    model: ModelInfo,
    new_id: Callable[[], str],
    *,
    new_system: bool = False,
) -> Joined:
    """Let the turns and the system's text of a request join; `new_id` makes ids of messages.

    With `new_system` the system's text is the request's, whatever was frozen before.
    """
    opening = _with_system(opening, system) if new_system else opening
    merged = merge(opening.told, said)
    keep = None
    if merged.kept < len(opening.told):
        keep = opening.told[merged.kept - 1].last if merged.kept else 0
    if keep is not None or (not opening.new and opening.session.model != model.id):
        opening = without_thinking(opening, keep)
    session, new = opening.session, list(merged.new)
    frozen: list[Block] = list(system) if session.system is None else parsed(session.system)
    if session.system is not None and (news := _news(system, frozen, opening.update)):
        new.append(Turn("system", news))
    fresh = [_message(turn, new_id()) for turn in new]
    session = replaced(
        session,
        model=model.id,
        updated_at=time.time(),
        title=session.title or _title(fresh),
        system=session.system or sse.compact(frozen),
    )
    return Joined(session, frozen, _one_after_another(opening.told, new), fresh, keep)


def past_tools(session: Session, told: Sequence[Turn]) -> Sequence[object]:
    """Return the tools that were called, as they went upstream; those nobody described, by name."""
    called = [str(b.get("name")) for t in told for b in t.content if b.get("type") == "tool_use"]
    if not called:
        return ()
    known = parsed(session.tools) if session.tools else []
    names = {tool.get("name") for tool in known}
    unknown = [name for name in dict.fromkeys(called) if name not in names]
    return [*known, *({"name": name, "input_schema": ANYTHING} for name in unknown)]


def with_tools(joined: Joined, params: Mapping[str, object], past: object) -> Joined:
    """Return it with the tools that a request really sends, frozen."""
    if "tools" not in params or params["tools"] is past:
        return joined
    tools = sse.compact(_bare(params["tools"]))
    if tools == joined.session.tools:
        return joined
    return replaced(joined, session=replaced(joined.session, tools=tools))


def _with_system(opening: Opening, system: Sequence[Block]) -> Opening:
    """Return it with another system's text, and then without any thinking."""
    written = sse.compact(list(system))
    if opening.session.system in (None, written):
        return opening
    changed = without_thinking(opening)
    return replaced(changed, session=replaced(changed.session, system=written))


def _title(fresh: Sequence[Message]) -> str:
    """Name a session by what was said first."""
    said = next((m.text for m in fresh if m.role == "user" and m.text.strip()), "")
    words = " ".join(said[:LONGEST_TITLE_READ].split())
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1]}…"


def _news(system: Sequence[Block], frozen: Sequence[Block], update: str) -> list[Block]:
    """Return what the system says that it has not said before."""
    known = {str(block.get("text")) for block in frozen}
    news = [dict(block) for block in system if str(block.get("text")) not in known]
    return [] if text_of(news) == update else news


def _one_after_another(kept: Sequence[Turn], new: Sequence[Turn]) -> list[Turn]:
    told = list(kept)
    for turn in new:
        if told and told[-1].role == turn.role:
            told[-1] = Turn(turn.role, [*told[-1].content, *turn.content])
        else:
            told.append(turn)
    return told


def _message(turn: Turn, message_id: str) -> Message:
    content = plain(turn.content)
    return Message(
        message_id, turn.role, sse.compact(content), time.time(), text=text_of(turn.content)
    )


def _bare(tools: object) -> object:
    """Return tools without cache breakpoints, which may differ from turn to turn."""
    if not isinstance(tools, list):
        return tools
    return [{k: v for k, v in tool.items() if k != "cache_control"} for tool in tools]
