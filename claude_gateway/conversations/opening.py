"""A session as a turn finds it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from claude_gateway.conversations.history import Block, Turn, turns
from claude_gateway.stores import Store
from claude_gateway.types.resources import DEFAULT_PROJECT, Message, Project, Session
from claude_gateway.types.sharing import Who
from claude_gateway.types.values import replaced, value


@value
class Opening:
    """`session` is as it is stored, or as it will be; then `new` is true.

    `project` is one that may have to be made. `told` is the conversation so far, with all thinking
    that may still be sent; `messages` is the same as it is stored.
    """

    session: Session
    new: bool
    project: Project | None
    messages: Sequence[Message] = ()
    told: Sequence[Turn] = ()

    @property
    def update(self) -> str:
        """What the system last said in the middle of the conversation."""
        said = [m.text for m in self.messages if m.role == "system"]
        return said[-1] if said else ""


def prompt_of(session: Session) -> list[Block]:
    """Return the session's own words to the model, as its system's text begins with them."""
    prompt = session.system_prompt
    return [{"type": "text", "text": prompt}] if prompt and prompt.strip() else []


async def opened(store: Store, owner: Who, session_id: str) -> Opening:
    """Look for a session. Raises NotFound where there is none, and then `drafted` says what it will be."""
    session, messages = await store.history(owner, session_id)
    session = replaced(session, status="active")  # whoever goes on with what was ended, wants that
    return Opening(session, False, None, messages, turns(messages, session.thinking_after))


def without_thinking(opening: Opening, keep: int | None = None) -> Opening:
    """Return it for a model that must not see what another one thought, or after a change.

    Messages with a number above `keep` have left the conversation.
    """
    last = opening.session.last_number
    left = [m for m in opening.messages if keep is None or m.number <= keep]
    session = replaced(opening.session, thinking_after=last)
    return replaced(opening, session=session, messages=left, told=turns(left, last))


def drafted(owner: str, session_id: str, project_id: str | None) -> Opening:
    """Return a session that is to be made, and its project."""
    now, project = time.time(), project_id or DEFAULT_PROJECT
    name = "Default" if project == DEFAULT_PROJECT else project
    return Opening(
        Session(session_id, owner, project, "", now, now),
        True,
        Project(project, owner, name, now, now),
    )
