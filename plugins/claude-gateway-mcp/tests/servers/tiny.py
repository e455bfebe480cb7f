"""A whole MCP server of the older era without any package, so that hundreds of them start in no time.

Its arguments are its vices. Without any it is well behaved.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VICES = set(sys.argv[1:])
MB = 2**20

lock = threading.Lock()
cancelled: set[object] = set()
names = {"echo": "echo"}


def write(text: str) -> None:
    with lock:
        sys.stdout.write(text)
        sys.stdout.flush()


def say(message: dict[str, Any]) -> None:
    write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")


def note(name: str, words: object) -> None:
    """Leave a line in the file that a variable names."""
    if path := os.environ.get(name):
        with Path(path).open("a") as file:
            file.write(f"{words}\n")


def described(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema}


def text(words: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}], "isError": False}


# --- tools: each takes the id of the call and its parameters; None is no answer


def echo(_: object, params: dict[str, Any]) -> dict[str, Any]:
    return text((params.get("arguments") or {}).get("text", ""))


def environment(_: object, params: dict[str, Any]) -> dict[str, Any]:
    return text(json.dumps({**os.environ, "CWD": str(Path.cwd()), "PID": str(os.getpid())}))


def die(_: object, params: dict[str, Any]) -> None:
    os._exit(3)


def hang(id_: object, params: dict[str, Any]) -> None:
    note("CALLS", f"began {id_}")
    while id_ not in cancelled:
        time.sleep(0.01)
    note("CALLS", f"cancelled {id_}")


def huge(_: object, params: dict[str, Any]) -> dict[str, Any]:
    return text("x" * 7 * MB)


def enormous(id_: object, params: dict[str, Any]) -> None:
    beginning = f'{{"jsonrpc":"2.0","id":{id_},"result":{{"content":[{{"type":"text","text":"'
    write(beginning + "x" * 25 * MB + '"}]}}\n')


def change(_: object, params: dict[str, Any]) -> dict[str, Any]:
    names["echo"] = "echo2" if names["echo"] == "echo" else "echo"
    say({"method": "notifications/tools/list_changed"})
    return text("changed")


def progress(_: object, params: dict[str, Any]) -> dict[str, Any]:
    token = params["_meta"]["progressToken"]
    for done in (1, 2):
        told = {"progressToken": token, "progress": done, "total": 2, "message": f"step {done}"}
        say({"method": "notifications/progress", "params": told})
    return text("done")


def shout(_: object, params: dict[str, Any]) -> dict[str, Any]:
    sys.stderr.write(f"sk-CANARY-on-stderr {os.environ.get('TOKEN')}\n")
    sys.stderr.write(("x" * 500 + "\n") * 4000)
    sys.stderr.flush()
    return text("shouted")


def nonsense(_: object, params: dict[str, Any]) -> dict[str, Any]:
    return {"content": "no list at all"}


TOOLS: dict[str, Callable[[object, dict[str, Any]], dict[str, Any] | None]] = {
    tool.__name__: tool
    for tool in (echo, environment, die, hang, huge, enormous, change, progress, shout, nonsense)
}


# --- requests


def initialize(_: object, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "protocolVersion": params["protocolVersion"],
        "capabilities": {"tools": {"listChanged": True}},
        "serverInfo": {"name": "tiny", "version": "1.0"},
    }


def listed(_: object, params: dict[str, Any]) -> dict[str, Any]:
    if "endless-pages" in VICES:
        page = int(params.get("cursor") or 0)
        return {"tools": [described(f"tool{page}")], "nextCursor": str(page + 1)}
    return {"tools": [described(names.get(name, name)) for name in TOOLS]}


def called(id_: object, params: dict[str, Any]) -> dict[str, Any] | None:
    name = params["name"]
    tool = TOOLS["echo"] if name == names["echo"] else TOOLS[name]
    return tool(id_, params)


METHODS = {
    "initialize": initialize,
    "tools/list": listed,
    "tools/call": called,
    "ping": lambda *_: {},
}


def answer(message: dict[str, Any]) -> None:
    method = METHODS.get(message["method"])
    if method is None and "dies-of-surprise" in VICES:
        os._exit(9)
    if method is None:
        unknown = {"code": -32601, "message": f"unknown method {message['method']}"}
        say({"id": message["id"], "error": unknown})
        return
    result = method(message["id"], message.get("params") or {})
    if result is not None:
        say({"id": message["id"], "result": result})


def misbehave() -> None:
    if "fails" in VICES:
        sys.exit(f"there is no such database: {os.environ.get('TOKEN')}")
    if "ignores-signals" in VICES:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "has-a-child" in VICES:
        note("PIDS", subprocess.Popen(["sleep", "1000"]).pid)
    if "garbage" in VICES:
        write("Welcome to tiny!\n\0\x7f not json {\n{}\n[1,2]\n\n")
    while "noise" in VICES:
        write("la " * 10_000 + "\n")
    while "silent" in VICES:
        time.sleep(60)


def main() -> None:
    note("PIDS", os.getpid())
    misbehave()
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") == "notifications/cancelled":
            cancelled.add(message["params"]["requestId"])
        elif "id" in message and "method" in message:
            threading.Thread(target=answer, args=(message,), daemon=True).start()
    while "stays" in VICES:
        time.sleep(60)


main()
