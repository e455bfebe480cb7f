"""Other people's gateways, to be measured beside ours. None is a part of this project."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.benchmark.servers import KEY, Server

LITELLM_CONFIG = """\
model_list:
  - model_name: bench
    litellm_params:
      model: anthropic/claude-sonnet-4-5-20250929
      api_base: http://127.0.0.1:{upstream}
      api_key: sk-ant-bench
litellm_settings:
  telemetry: false
  num_retries: 0
"""


class NotInstalled(Exception):
    """A peer that is not there; the message says how to get it."""


def litellm(venv: Path) -> Server:
    """Return LiteLLM's proxy with one worker, as its own advice for production has it."""
    program = venv / "bin/litellm"
    if not program.exists():
        found = shutil.which("litellm")
        if found is None:
            raise NotInstalled(
                f"LiteLLM is not installed in {venv}. --install-peer puts it there, or name a "
                "virtual environment that has litellm[proxy] with --peer-venv."
            )
        program = Path(found)
    command = (str(program), "--config", "{folder}/litellm.yaml", "--host", "127.0.0.1")
    return Server(
        "litellm",
        (*command, "--port", "{port}", "--num_workers", "1"),
        {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MASTER_KEY": f"sk-{KEY}",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_SALT_KEY": f"sk-{KEY}",
        },
        {"litellm.yaml": LITELLM_CONFIG},
        {"authorization": f"Bearer sk-{KEY}"},
        "bench",
        patience=180,
        starts_often=False,
    )


PEERS: Mapping[str, Callable[[Path], Server]] = {"litellm": litellm}
PACKAGES = {"litellm": "litellm[proxy]"}


def install(name: str, venv: Path) -> None:
    """Make a virtual environment with a peer in it."""
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(venv / "bin/pip"), "install", "--quiet", PACKAGES[name]], check=True)


def version(name: str, venv: Path) -> str:
    """Return the version of a peer that is installed there; nothing when pip does not know it."""
    done = subprocess.run(
        [str(venv / "bin/pip"), "show", name], check=False, capture_output=True, text=True
    )
    for line in done.stdout.splitlines():
        if line.startswith("Version: "):
            return line.removeprefix("Version: ")
    return ""
