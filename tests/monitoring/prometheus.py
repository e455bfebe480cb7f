"""A real Prometheus that reads a real gateway."""

from __future__ import annotations

import asyncio
import math
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.monitoring.files import FOLDER, load, program


class Prometheus:
    """Asks it."""

    def __init__(self, url: str, client: aiohttp.ClientSession) -> None:
        self._url = url
        self._client = client

    async def get(self, path: str, **query: str) -> Any:
        async with self._client.get(f"{self._url}/api/v1/{path}", params=query) as answer:
            body = await answer.json()
        assert body["status"] == "success", body
        return body["data"]

    async def values(self, expr: str) -> list[float]:
        """The values of an expression right now, without those that are no numbers."""
        data = await self.get("query", query=expr)
        assert data["resultType"] == "vector", expr
        found = [float(sample["value"][1]) for sample in data["result"]]
        return [value for value in found if not math.isnan(value)]

    async def becomes(self, expr: str, least: float = 0) -> None:
        """Wait until an expression has a value, and at least this one."""
        async with asyncio.timeout(30):
            while not any(value >= least for value in await self.values(expr)):
                await asyncio.sleep(0.1)


@asynccontextmanager
async def reading(port: int, key: str, folder: Path) -> AsyncGenerator[Prometheus]:
    """Run it with what is shipped, but every second, and where the gateway really is."""
    config = load(FOLDER / "prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "alerts.yml")]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    job["authorization"] = {"credentials_file": str(folder / "key")}
    (folder / "key").write_text(f"{key}\n", "utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as client:
            await ready(f"http://{address}", client, process)
            yield Prometheus(f"http://{address}", client)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def ready(url: str, client: aiohttp.ClientSession, process: Process) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, "Prometheus has ended"
            with suppress(aiohttp.ClientError):
                async with client.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
