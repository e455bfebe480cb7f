"""One call of a model, Anthropic-shaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from claude_gateway.types.secrets import Secret
from claude_gateway.types.values import value


@value
class ModelRequest:
    """What a backend is asked to answer.

    `params` holds the parameters of Anthropic's Messages API except `model` and `stream`; values
    it does not know are passed on. What must stay as it was written is RawJson, at any depth.
    `raw`, when set, is the whole request body as JSON exactly as
    it should be sent, `model` and `stream` included: a native client's own bytes.
    `headers` are the native client's `anthropic-version` and `anthropic-beta`, when it sent them,
    and betas that `params` need.
    `upstream_key` is set when the caller pays with a key of their own. `affinity` names what the
    request belongs to, when the client says so: a backend with several accounts keeps to one.

    `carried` goes along with the call, where somebody follows it: headers of W3C's trace context.

    `open_ended`: nobody said how long the answer may be, so that less may be asked for than `max_tokens`.

    Two are for the engine. `binds_thinking`: what thinking goes back is the gateway's doing, to a
    model that checks what it is bound to; what does not fit should be dropped, not refused.
    `may_forget`: all thinking may be left out when upstream rejects it all the same.
    """

    model: str
    params: Mapping[str, object]
    stream: bool = True
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    upstream_key: Secret | None = field(default=None, repr=False)
    affinity: str = field(default="", repr=False)
    carried: Mapping[str, str] = field(default_factory=dict, repr=False)
    binds_thinking: bool = False
    may_forget: bool = False
    open_ended: bool = False

    @property
    def messages(self) -> Sequence[Mapping[str, object]]:
        """The conversation: `role` and `content`, a string or content blocks."""
        messages = self.params.get("messages")
        return messages if isinstance(messages, list) else []

    @property
    def max_tokens(self) -> int:
        """The most output tokens the caller wants; 0 when the request does not say."""
        limit = self.params.get("max_tokens")
        return limit if type(limit) is int else 0


@value
class Answer:
    """A whole answer: Anthropic's message as JSON bytes, and the same parsed."""

    body: bytes
    message: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)
