"""What each commit of the app decodes, by the name of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from claude_gateway_ios.testing.swift import (
    Array,
    Bool,
    Dictionary,
    Double,
    Int,
    Kind,
    Object,
    Optional,
    String,
    Struct,
)

Table: TypeAlias = Mapping[str, Kind]

COMMITS = ("C1", "C2", "C3", "C4", "C5")
KEYLESS = ("C5",)  # sends no credential
STRING, INT, DOUBLE, BOOL = String(), Int(), Double(), Bool()
WORDS = Array(STRING)


class TolerantHealth(Kind):
    """`ok` decides, where it is a boolean; else `status` must be there."""

    def read(self, value: object, path: str) -> dict[str, object]:
        told = Object().read(value, path)
        if isinstance(told.get("ok"), bool):
            return _HEALTH.read(value, path)
        return {"ok": Struct(status=STRING).read(value, path)["status"] == "healthy"}


_HEALTH = Struct(ok=BOOL, version=Optional(STRING), active_sessions=Optional(INT))

PROJECT = Struct(
    id=STRING,
    name=STRING,
    description=STRING,
    path=Optional(STRING),
    createdAt=STRING,
    updatedAt=STRING,
)
CAMEL_SESSION = Struct(
    id=STRING,
    projectId=STRING,
    title=Optional(STRING),
    model=STRING,
    systemPrompt=Optional(STRING),
    createdAt=STRING,
    updatedAt=STRING,
    isActive=BOOL,
    totalTokens=Optional(INT),
    totalCost=Optional(DOUBLE),
    messageCount=Optional(INT),
)
SNAKE_SESSION = Struct(
    id=STRING,
    project_id=STRING,
    title=Optional(STRING),
    model=STRING,
    system_prompt=Optional(STRING),
    created_at=STRING,
    updated_at=STRING,
    is_active=BOOL,
    total_tokens=Optional(INT),
    total_cost=Optional(DOUBLE),
    message_count=Optional(INT),
)
CAPABILITY = Struct(
    id=STRING,
    name=STRING,
    description=STRING,
    maxTokens=INT,
    supportsStreaming=BOOL,
    supportsTools=BOOL,
)
COMPLETION = Struct(
    id=STRING,
    choices=Array(
        Struct(message=Struct(role=STRING, content=STRING), finish_reason=Optional(STRING))
    ),
    session_id=STRING,
    usage=Struct(total_tokens=INT, total_cost=Optional(DOUBLE)),
)
_ALL: Table = {
    "health": _HEALTH,
    "project": PROJECT,
    "projects": Array(PROJECT),
    "session": CAMEL_SESSION,
    "sessions": Array(CAMEL_SESSION),
    "capabilities": Struct(models=Array(CAPABILITY)),
    "stats": Struct(activeSessions=INT, totalTokens=INT, totalCost=DOUBLE, totalMessages=INT),
    "completion": COMPLETION,
    "stop": Object(),
}
_STATUS: Table = {"status": Struct(total_tokens=INT, total_cost=DOUBLE)}
_SECOND: Table = {
    "bare capabilities": Array(CAPABILITY),
    "debug": Struct(sessionId=STRING, context=STRING, tokens=INT, modelState=STRING),
    "tools": Struct(sessionId=STRING, enabledTools=WORDS, message=STRING),
}
_FIFTH: Table = {
    "session": SNAKE_SESSION,
    "sessions": Array(SNAKE_SESSION),
    "messages": Struct(
        messages=Array(
            Struct(
                id=STRING,
                session_id=STRING,
                role=STRING,
                content=STRING,
                created_at=STRING,
                token_count=Optional(INT),
                message_metadata=Optional(Object()),
            )
        ),
        total=INT,
        limit=INT,
        offset=INT,
        session_id=STRING,
    ),
    "executions": Struct(
        executions=Array(
            Struct(
                id=STRING,
                tool_name=STRING,
                tool_type=STRING,
                status=STRING,
                created_at=STRING,
                input_params=Optional(Object()),
                output=Optional(Object()),
                error_message=Optional(STRING),
                execution_time_ms=Optional(INT),
                completed_at=Optional(STRING),
            )
        ),
        total=INT,
        session_id=STRING,
    ),
    "profile": Struct(
        id=STRING,
        email=STRING,
        username=Optional(STRING),
        roles=WORDS,
        permissions=WORDS,
        created_at=STRING,
        updated_at=STRING,
        last_login=Optional(STRING),
        is_active=BOOL,
        session_count=INT,
        message_count=INT,
        token_usage=Dictionary(INT),
        preferences=Optional(Object()),
    ),
    # A second struct of the same commit, which nothing uses.
    "other profile": Struct(
        username=STRING,
        createdAt=STRING,
        updatedAt=STRING,
        preferences=Optional(
            Struct(
                enableStreaming=BOOL,
                darkMode=BOOL,
                reduceMotion=BOOL,
                notifications=BOOL,
                sounds=BOOL,
            )
        ),
    ),
}
_TOLERANT: Table = {"health": TolerantHealth()}
_TABLES: Mapping[str, Table] = {
    "C1": {**_ALL, **_STATUS},
    "C2": {**_ALL, **_SECOND},
    "C3": {**_ALL, **_SECOND, **_TOLERANT},
    "C4": {**_ALL, **_SECOND, **_TOLERANT},
    "C5": {**_ALL, **_SECOND, **_TOLERANT, **_FIFTH},
}


def table(commit: str) -> Table:
    """Return what a commit decodes."""
    return _TABLES[commit]
