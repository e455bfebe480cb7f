"""Secrets that must not come out again: where they are planted, and the search for them.

What a process was given as a secret, by a test or by `planted`, is looked for in all that it put out: as it
is, a dozen characters of its beginning or its end, and in the forms that hide it from a reader. A person's
words are no secret: they belong in the database.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

MARK = "CANARY"
COOKIE = f"session={MARK}-4f1c9e7a-of-a-cookie"
REFERER = (
    f"https://somebody:{MARK}-7be20d55-userinfo@example.org/?api_key={MARK}-91aa6c3e-of-a-query"
)
# What every process finds in its environment beside what its test gives. None of it is for the gateway:
# what is would change what it does.
PLANTED = {
    "AWS_SECRET_ACCESS_KEY": f"{MARK}-c3d09b12-of-the-environment",
    "DATABASE_URL": f"postgres://root:{MARK}-58e7f0a4-database@db.example.org/all",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{MARK}-0ab5d6c8-otlp",
}
HEADERS = {"cookie": COOKIE, "referer": REFERER}

# Names of variables, fields and headers whose values are secret. Paths and numbers are not.
_SECRET_NAME = re.compile(r"(?i)(^|[_-])(api_?keys?|key|token|secret|passw\w*|dsn|authorization)$")
_OPEN = {"GATEWAY_TLS_KEY", "GATEWAY_WRONG_KEYS"}
_KIND = re.compile(r"^(?i:bearer |basic )?(sk-ant-(?:\w+-)?|sk-|gw-|cg-)?")
_PART = 12  # characters of a secret that give it away
_LEAST = 10  # what is shorter is a word like others: no test can tell
_MANY = 50  # of so many only the beginnings are looked for, which are mostly the same
_ISSUED = re.compile(rb"\bcg-[0-9A-Za-z]{49}\b")


def planted(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with a secret wherever there is none, and wherever one more does no harm."""
    found = {**PLANTED, **environment}
    if "ANTHROPIC_BASE_URL" in found and not {"ANTHROPIC_API_KEY", "ANTHROPIC_API_KEYS"} & set(
        found
    ):
        found.setdefault("ANTHROPIC_AUTH_TOKEN", f"{MARK}-d2e4b7f1-upstream-token")
    return found


def secrets_in(environment: Mapping[str, str]) -> set[str]:
    """Return the secrets in an environment, and in the files that it names."""
    found: set[str] = set()
    for name, value in environment.items():
        if name in _OPEN:
            continue
        if name == "OTEL_EXPORTER_OTLP_HEADERS":
            found.update(part.partition("=")[2] for part in value.split(","))
        elif _SECRET_NAME.search(name):
            found.update(_of(part.strip()) for part in value.split(","))
        elif "://" in value:
            found.add(_password(value))
    usual = Path(environment.get("GATEWAY_DATA_DIR", "."), "mcp.json")
    found |= set(_of_servers(Path(environment.get("GATEWAY_MCP_CONFIG", usual))))
    return {secret for secret in found if len(secret) >= _LEAST}


def _of(value: str) -> str:
    return _password(value) if "://" in value else value


def _password(url: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(url)
        return parts.password or parts.username or ""
    return ""


def _of_servers(file: Path) -> Iterator[str]:
    """Yield what tool servers are given: variables and headers with telling names."""
    with suppress(OSError, ValueError, AttributeError, KeyError):
        for server in json.loads(file.read_text("utf-8"))["mcpServers"].values():
            for part in ("env", "headers"):
                for name, value in server.get(part, {}).items():
                    if _SECRET_NAME.search(name) and "${" not in value:
                        yield value


def spellings(secret: str) -> set[bytes]:
    """Return what is looked for: pieces of a secret, plain, quoted, in hexadecimal and in base64."""
    core = _core(secret)
    found: set[bytes] = set()
    for piece in (core[:_PART], core[-_PART:]):
        found |= {piece.encode(), quote(piece, safe="").encode(), piece.encode().hex().encode()}
    for before in range(3):  # base64 depends on where in three bytes a text begins
        whole = b"\0" * before + core.encode()
        for coded in (base64.b64encode(whole), base64.urlsafe_b64encode(whole)):
            certain = coded[4 if before else 0 : len(whole) // 3 * 4]
            found |= {certain[:16], certain[-16:]} if len(certain) >= _PART else set()
    return found


def _core(secret: str) -> str:
    """Return a secret without the beginning that all of its kind have, which may be shown."""
    core = _KIND.sub("", secret)
    return core if len(core) >= _PART else secret


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for secrets in bytes."""

    wanted: tuple[bytes, ...]

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Search:
        secrets = set(secrets)
        if len(secrets) <= _MANY:
            return cls(tuple({piece for secret in secrets for piece in spellings(secret)}))
        return cls(tuple({_core(secret)[:_PART].encode() for secret in secrets}))

    def found(self, data: bytes) -> list[str]:
        """Return what of it is there, and keys that the gateway issued."""
        pieces = [piece for piece in self.wanted if piece in data]
        if b"cg-" in data:
            pieces += _ISSUED.findall(data)
        return [piece.decode("latin-1") for piece in pieces]


Stamp = tuple[int, int]


def files_in(folders: Iterable[Path], without: Iterable[Path] = ()) -> dict[Path, Stamp]:
    """Return the files in folders, with when each was changed and how long it is."""
    left_out = {path.resolve() for path in without}
    found: dict[Path, Stamp] = {}
    for top in {folder.resolve() for folder in folders}:
        for folder, folders_in, names in os.walk(top):
            here = Path(folder)
            folders_in[:] = [name for name in folders_in if here / name not in left_out]
            for path in (here / name for name in names):
                if path.is_file() and not path.is_symlink() and path not in left_out:
                    with suppress(FileNotFoundError):
                        how = path.stat()
                        found[path] = (how.st_mtime_ns, how.st_size)
    return found


def leaks(
    search: Search,
    printed: Mapping[str, bytes],
    before: Mapping[Path, Stamp],
    after: Iterable[Path],
) -> list[str]:
    """Return where a secret is in what was printed, and in files that were changed."""
    told = [
        f"{piece!r} in {name}" for name, text in printed.items() for piece in search.found(text)
    ]
    for path in after:
        with suppress(OSError):
            how = path.stat()
            if before.get(path) != (how.st_mtime_ns, how.st_size):
                told += [f"{piece!r} in {path}" for piece in search.found(path.read_bytes())]
    return told
