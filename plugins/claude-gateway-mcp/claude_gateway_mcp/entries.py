"""One entry of the configuration, read into a Spec. What is wrong with it is said in the Spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from claude_gateway import Approval
from claude_gateway_mcp import fields
from claude_gateway_mcp.fields import Fields
from claude_gateway_mcp.mistakes import Mistake
from claude_gateway_mcp.placeholders import LEAST_SECRET, Placeholders, is_the_gateways
from claude_gateway_mcp.specs import Address, Program, Rules, Spec, Transport

# What a program needs to be at home on a machine. Nothing else of the gateway's environment is handed on.
INHERITED = (
    "HOME",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TERM",
    "USER",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "TZ",
)

TRANSPORTS: Mapping[str, Transport] = {
    "http": "http",
    "streamable-http": "http",
    "streamableHttp": "http",
    "streamable_http": "http",
    "sse": "sse",
}
UNSENDABLE = frozenset("\r\n\0")


@dataclass(frozen=True, slots=True)
class Around:
    """What an entry is read against: the gateway's variables, and the folder of the file."""

    variables: Mapping[str, str]
    folder: Path


def read_entry(id_: str, name: str, entry: object, around: Around) -> Spec:
    """Return the server; one that cannot be used says why in `mistake`."""
    if not isinstance(entry, dict):
        return Spec(id_, name, None, mistake="its entry is no object")
    filling = Placeholders(around.variables)
    try:
        disabled = not fields.flag(entry, "enabled", otherwise=True)
        disabled = fields.flag(entry, "disabled", otherwise=disabled)
        fields.check_names(entry)
        rules, timeout = _rules(entry), fields.seconds(entry, "timeout")
        description = fields.text(entry, "description")
        where = None if disabled else _where(entry, filling, around)
    except Mistake as mistake:
        why = f"{mistake.field} {mistake.why}"
        return Spec(id_, name, None, why, is_program="command" in entry)
    return Spec(
        id_,
        name,
        where,
        disabled=disabled,
        description=description,
        rules=rules,
        timeout=timeout,
        secrets=frozenset(_kept_secret(where) | filling.seen),
        is_program="command" in entry,
    )


def _rules(entry: Fields) -> Rules:
    default = fields.approval(entry.get("approval", "never"), "approval")
    named = fields.approvals(entry, "toolApproval")
    # Other clients ask for every call that such a list does not name.
    for field in ("autoApprove", "alwaysAllow"):
        if (free := fields.texts(entry, field)) is not None:
            default = default if "approval" in entry else "ask"
            never: dict[str, Approval] = dict.fromkeys(free, "never")
            named = {**never, **named}
    return Rules(
        fields.texts(entry, "allowedTools"),
        fields.texts(entry, "deniedTools") or (),
        default,
        tuple(named.items()),
    )


def _where(entry: Fields, filling: Placeholders, around: Around) -> Program | Address:
    kind = fields.text(entry, "type") or fields.text(entry, "transport")
    if kind not in ("", "stdio", *TRANSPORTS):
        raise Mistake("type", f"wants one of stdio, http, streamable-http, sse, not {kind[:50]!r}")
    command, url = fields.text(entry, "command"), fields.text(entry, "url")
    if command and url:
        raise Mistake("command", "and url are both there; a server has one of them")
    if command or kind == "stdio":
        if kind in TRANSPORTS:
            raise Mistake("type", f"is {kind}, which wants a url and not a command")
        return _program(entry, filling, around)
    if not url:
        raise Mistake(
            "command" if not kind else "url", "is missing" + ("" if kind else ", and so is url")
        )
    return _address(entry, TRANSPORTS.get(kind, "auto"), filling)


def _program(entry: Fields, filling: Placeholders, around: Around) -> Program:
    command = filling.filled(fields.text(entry, "command"), "command")
    if not command.strip():
        raise Mistake("command", "is missing")
    arguments = tuple(
        filling.filled(one, f"args[{i}]") for i, one in enumerate(fields.texts(entry, "args") or ())
    )
    given = {
        name: filling.filled(value, f"env.{name}")
        for name, value in fields.pairs(entry, "env").items()
    }
    for name in given:
        if not name or "=" in name or "\0" in name:
            raise Mistake("env", "has a name that no variable can have")
        if is_the_gateways(name):
            raise Mistake(f"env.{name}", "is the gateway's own, and is not handed to servers")
    inherited = {name: around.variables[name] for name in INHERITED if name in around.variables}
    folder = Path(filling.filled(fields.text(entry, "cwd"), "cwd") or ".")
    try:
        folder = around.folder / folder.expanduser()
    except RuntimeError:
        raise Mistake("cwd", "names a home folder that there is not") from None
    return Program(command, arguments, inherited | given, folder)


def _address(entry: Fields, transport: Transport, filling: Placeholders) -> Address:
    url = filling.filled(fields.text(entry, "url"), "url").strip()
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise Mistake("url", "wants an address such as https://mcp.example.org/mcp")
    headers = {
        name: filling.filled(value, f"headers.{name}")
        for name, value in fields.pairs(entry, "headers").items()
    }
    for name, value in headers.items():
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise Mistake("headers", "has a name that no header can have")
        if UNSENDABLE & set(value) or not value.isascii():
            raise Mistake(f"headers.{name}", "has characters that a header cannot have")
    return Address(url, transport, headers)


def _kept_secret(where: Program | Address | None) -> set[str]:
    """Return what stands where secrets usually stand."""
    values: set[str] = set()
    match where:
        case Program():
            inherited = {where.environment.get(name) for name in INHERITED}
            values = set(where.environment.values()) - {value for value in inherited if value}
        case Address():
            values = {word for value in where.headers.values() for word in (value, *value.split())}
            values |= {part.partition("=")[2] for part in urlsplit(where.url).query.split("&")}
            values |= {urlsplit(where.url).password or ""}
            values -= {"Bearer", "application/json"}
        case None:
            pass
    return {value for value in values if len(value) >= LEAST_SECRET}
