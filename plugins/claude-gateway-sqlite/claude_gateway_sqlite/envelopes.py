"""What is said, sealed value by value, and opened again.

Each value is bound to its place: whose it is, of what, in which column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from claude_gateway import (
    AskedCall,
    AuditEntry,
    Events,
    Message,
    RunRecord,
    Session,
    ToolExecution,
)
from claude_gateway_sqlite import rows
from claude_gateway_sqlite.packing import packed, unpacked
from claude_gateway_sqlite.sealing import Sealer, as_text, of_text, where

# Seal a value for its place, or open it.
OnBytes: TypeAlias = Callable[[bytes, bytes], bytes]
OnText: TypeAlias = Callable[[str, bytes], str]
IN_JSON = "\x01"  # the only name in a mapping that is sealed


class Envelope:
    """Seals and opens the things that a store is given."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def text(self, text: str, place: bytes) -> str:
        return as_text(self._sealer.seal(_bytes(text), place)) if text else text

    def text_again(self, text: str, place: bytes) -> str:
        return _text(self._sealer.open(of_text(text), place))

    def mapping(self, value: Mapping[str, object], place: bytes) -> Mapping[str, object]:
        return {IN_JSON: self.text(rows.mapping(value) or "", place)} if value else value

    def mapping_again(self, value: Mapping[str, object], place: bytes) -> Mapping[str, object]:
        sealed = value.get(IN_JSON) if len(value) == 1 else None
        if not isinstance(sealed, str):
            return value
        found: Mapping[str, object] = rows.mapped(self.text_again(sealed, place))
        return found

    def message(self, owner: str, said: Message) -> Message:
        return replace(
            said,
            content=self._sealer.seal(said.content, where("content", owner, said.id)),
            text=self.text(said.text, where("text", owner, said.id)),
            metadata=self.mapping(said.metadata, where("metadata", owner, said.id)),
        )

    def message_again(self, owner: str, said: Message) -> Message:
        return replace(
            said,
            content=self._sealer.open(said.content, where("content", owner, said.id)),
            text=self.text_again(said.text, where("text", owner, said.id)),
            metadata=self.mapping_again(said.metadata, where("metadata", owner, said.id)),
        )

    def of_session(self, owner: str, name: str, fields: Mapping[str, object]) -> dict[str, object]:
        """Seal some fields of a session; those that need not be stay as they are."""
        sealed = dict(fields)
        for field in ("title", "system_prompt", "system", "tools", "metadata"):
            value, place = sealed.get(field), where(field, owner, name)
            if value in (None, "", {}):
                continue
            if isinstance(value, bytes):
                sealed[field] = self._sealer.same(value, place)
            elif isinstance(value, str):
                sealed[field] = as_text(self._sealer.same(_bytes(value), place))
            elif isinstance(value, Mapping):
                plain = _bytes(rows.mapping(value) or "")
                sealed[field] = {IN_JSON: as_text(self._sealer.same(plain, place))}
        return sealed

    def session(self, session: Session) -> Session:
        names = ("title", "system_prompt", "system", "tools", "metadata")
        fields = {name: getattr(session, name) for name in names}
        return replace(session, **self.of_session(session.owner, session.id, fields))  # type: ignore[arg-type]

    def session_again(self, session: Session) -> Session:
        owner, name, again = session.owner, session.id, self._sealer.open_same
        prompt, system, tools = session.system_prompt, session.system, session.tools
        return replace(
            session,
            title=_text(again(of_text(session.title), where("title", owner, name))),
            system_prompt=None
            if prompt is None
            else _text(again(of_text(prompt), where("system_prompt", owner, name))),
            system=None if system is None else again(system, where("system", owner, name)),
            tools=None if tools is None else again(tools, where("tools", owner, name)),
            metadata=self._metadata(session),
        )

    def _metadata(self, session: Session) -> Mapping[str, object]:
        sealed = session.metadata.get(IN_JSON) if len(session.metadata) == 1 else None
        if not isinstance(sealed, str):
            return session.metadata
        place = where("metadata", session.owner, session.id)
        found: Mapping[str, object] = rows.mapped(
            _text(self._sealer.open_same(of_text(sealed), place))
        )
        return found

    def calls(self, owner: str, run: str, calls: Sequence[AskedCall]) -> tuple[AskedCall, ...]:
        return tuple(
            replace(
                call,
                arguments=as_text(
                    self._sealer.seal(call.arguments, where("asked", owner, f"{run}:{call.id}"))
                ).encode(),
            )
            for call in calls
        )

    def run(self, run: RunRecord) -> RunRecord:
        place = where("reply", run.owner, run.id)
        return replace(
            run,
            reply=None if run.reply is None else self._sealer.seal(run.reply, place),
            approvals=self.calls(run.owner, run.id, run.approvals),
        )

    def run_again(self, run: RunRecord) -> RunRecord:
        if run.reply is None and not run.approvals:
            return run
        place = where("reply", run.owner, run.id)
        calls = [
            replace(
                call,
                arguments=self._sealer.open(
                    of_text(call.arguments.decode()),
                    where("asked", run.owner, f"{run.id}:{call.id}"),
                ),
            )
            for call in run.approvals
        ]
        reply = None if run.reply is None else self._sealer.open(run.reply, place)
        return replace(run, reply=reply, approvals=tuple(calls))

    def events(self, chunk: Events) -> Events:
        return replace(chunk, frames=self._sealer.seal(packed(chunk.frames), _log(chunk)))

    def events_again(self, chunk: Events) -> Events:
        return replace(chunk, frames=unpacked(self._sealer.open(chunk.frames, _log(chunk))))

    def state(self, run: RunRecord, state: bytes) -> bytes:
        return self._sealer.seal(packed(state), where("state", run.owner, run.id))

    def state_again(self, owner: str, run: str, state: bytes) -> bytes:
        return unpacked(self._sealer.open(state, where("state", owner, run)))

    def execution(self, owner: str, done: ToolExecution) -> ToolExecution:
        return _execution(owner, done, self._sealer.seal, self.text)

    def execution_again(self, owner: str, done: ToolExecution) -> ToolExecution:
        return _execution(owner, done, self._sealer.open, self.text_again)

    def audit(self, entry: AuditEntry) -> AuditEntry:
        return _audit(entry, self._sealer.seal)

    def audit_again(self, entry: AuditEntry) -> AuditEntry:
        return _audit(entry, self._sealer.open)


def _execution(owner: str, done: ToolExecution, act: OnBytes, say: OnText) -> ToolExecution:
    """Return a call with its content sealed, or opened."""
    name = f"{done.session_id}:{done.id}"
    output, error = done.output, done.error_message
    return replace(
        done,
        input_params=act(done.input_params, where("input", owner, name)),
        output=None if output is None else act(output, where("output", owner, name)),
        error_message=error and say(error, where("error", owner, name)),
    )


def _audit(entry: AuditEntry, act: OnBytes) -> AuditEntry:
    if entry.arguments is None:
        return entry
    place = where("arguments", entry.owner, entry.call_id)
    return replace(entry, arguments=act(entry.arguments, place))


def _log(chunk: Events) -> bytes:
    return where("events", chunk.run_id, f"{chunk.first}-{chunk.last}")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _text(plain: bytes) -> str:
    return plain.decode(errors="surrogatepass")
