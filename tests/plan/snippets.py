"""The checked-in list of what people paste, and how to run an entry of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claude_gateway.testing import GatewayProcess

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
TOP_LEVEL_AWAIT = (
    0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT: samples are printed without a function around
)
AWAITING = f"""
import asyncio, inspect, sys
code = compile(sys.stdin.read(), "sample", "exec", {TOP_LEVEL_AWAIT})
names = {{}}
if code.co_flags & inspect.CO_COROUTINE:
    asyncio.run(eval(code, names))
else:
    exec(code, names)
"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """One entry; commands.toml says what the fields mean."""

    section: str
    printed: str
    kind: str = "bash"
    name: str = ""
    command: str = ""
    why: str = ""
    before: str = ""
    after: str = ""
    shows: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is run."""
        return "\n".join([self.before, self.command or self.printed, self.after])

    def __str__(self) -> str:
        first = self.printed.strip().splitlines()[0]
        return f"{self.section} {first}"


def snippets(kind: str = "", *, name: str = "") -> list[Snippet]:
    """Return the entries, all or some."""
    listed = tomllib.loads((FOLDER / "commands.toml").read_text(encoding="utf-8"))["snippet"]
    found = [Snippet(**_frozen(entry)) for entry in listed]
    return [s for s in found if kind in ("", s.kind) and name in ("", s.name)]


def _frozen(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()}


def paste(
    text: str, gateway: GatewayProcess, folder: Path, *program: str
) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, with nothing changed but the port; a shell unless a `program` is named."""
    return subprocess.run(
        program or ("bash", "-c", text.replace("localhost:8000", f"localhost:{gateway.port}")),
        input=text.replace("localhost:8000", f"localhost:{gateway.port}") if program else "",
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
        },
    )
