"""Run a script of `scripts/` as a user does, against a gateway that is a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = ROOT / "scripts"


async def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it with nothing but PATH and what is given in its environment."""
    return await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )


async def script(
    name: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts."""
    return await run(str(SCRIPTS / name), *arguments, **environment)
