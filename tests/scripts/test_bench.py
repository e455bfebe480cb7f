"""The benchmark: what it measures is right, and what is wrong is never measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scripts.benchmark import answers, checking, page
from scripts.benchmark.checking import Checker, WrongAnswer, unchunked
from scripts.benchmark.figures import Figures
from scripts.benchmark.orders import Order, spread
from scripts.benchmark.rounds import put
from scripts.benchmark.scenarios import ALL, BY_NAME, SHORT
from scripts.benchmark.soak import Soak
from scripts.benchmark.tables import number, tables
from scripts.benchmark.targets import verdicts
from tests.scripts.running import script


def completion(text: str = answers.TEXT, id_: str = "chatcmpl-01", reason: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"content": text}, "finish_reason": reason}
    return json.dumps({"id": id_, "created": 1700000000, "choices": [choice]}).encode()


def chunks(pieces: tuple[str, ...] = answers.PIECES, id_: str = "chatcmpl-01") -> bytes:
    def frame(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return b"data: %s\n\n" % json.dumps({"id": id_, "choices": [choice]}).encode()

    said = b"".join(frame({"content": piece}) for piece in pieces)
    return said + frame({}, "stop") + b"data: [DONE]\n\n"


def stamped(first: int) -> tuple[str, ...]:
    return tuple(f"@{first + n:019d} {piece}" for n, piece in enumerate(answers.PIECES))


def test_an_answer_is_taken_apart_once_and_then_known_by_its_bytes() -> None:
    whole, stream = Checker(stream=False), Checker(stream=True, stamped=True)
    for number_ in range(5):
        whole.check(completion(id_=f"chatcmpl-0{number_}"))
        stream.check(chunks(stamped(10**18 + number_), f"chatcmpl-0{number_}"))
    assert (whole.taken_apart, stream.taken_apart) == (1, 1)


@pytest.mark.parametrize("known", [False, True], ids=["at-first", "when-others-are-known"])
@pytest.mark.parametrize(
    ("stream", "body"),
    [
        (False, completion(answers.TEXT.replace("w0031", "w0013"))),
        (False, completion(reason="length")),
        (False, completion(answers.TEXT + " ")),
        (False, b'{"error":{}}'),
        (True, chunks(answers.PIECES[:-1])),
        (True, chunks(answers.PIECES).replace(b"data: [DONE]\n\n", b"")),
        (True, chunks(answers.PIECES).replace(b'"stop"', b'"length"')),
        (True, chunks(answers.PIECES).replace(b'{"id"', b'"id"', 1)),
        (True, chunks((answers.PIECES[1], answers.PIECES[0], *answers.PIECES[2:]))),
    ],
)
def test_a_wrong_answer_is_found(*, stream: bool, body: bytes, known: bool) -> None:
    checker = Checker(stream=stream)
    if known:
        checker.check(chunks() if stream else completion())
    with pytest.raises(WrongAnswer):
        checker.check(body)


def test_every_byte_of_a_stream_matters() -> None:
    checker, right = Checker(stream=True), chunks()
    checker.check(right)
    text = json.dumps(answers.PIECES[1])[1:-1].encode()
    begin = right.index(text)
    for at in range(begin, begin + len(text)):
        with pytest.raises(WrongAnswer):
            checker.check(right[:at] + b"~" + right[at + 1 :])


@pytest.mark.parametrize("data", [b"", b"3\r\nab", b"3\r\nabc\r\n", b"0\r\n\r\nmore", b"x\r\n"])
def test_a_body_in_chunks_that_is_cut_or_goes_on_is_wrong(data: bytes) -> None:
    assert unchunked(b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n") == b"abcd"
    with pytest.raises(WrongAnswer):
        unchunked(data)


@asynccontextmanager
async def serving(
    answer: Callable[[dict[str, Any]], web.Response],
) -> AsyncGenerator[Order]:
    async def chat(request: web.Request) -> web.Response:
        return answer(await request.json())

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        body = BY_NAME["chat16"].body("m")
        yield Order(port, body, {}, stream=False, connections=4, gap_ms=0, warm_up=0, seconds=0.5)
    finally:
        await runner.cleanup()


async def test_a_quick_server_that_answers_wrongly_has_only_errors() -> None:
    wrong = completion(answers.TEXT.replace("ipsum", "lorem", 1))
    async with serving(lambda _: web.Response(body=wrong)) as order:
        measured = await asyncio.to_thread(put, order)
    assert measured["answers"] == 0
    assert measured["errors"] > 4
    assert "w0000 lorem lorem" in measured["error"]


async def test_a_refusal_is_an_error_and_told() -> None:
    async with serving(lambda _: web.Response(status=503, text="too busy")) as order:
        measured = await asyncio.to_thread(put, order)
    assert measured["answers"] == 0
    assert "503" in measured["error"]
    assert "too busy" in measured["error"]


async def test_right_answers_are_counted_and_timed() -> None:
    async with serving(lambda _: web.Response(body=completion())) as order:
        measured = await asyncio.to_thread(put, order)
    assert measured["errors"] == 0
    assert measured["answers"] > 4
    assert 0 < measured["first"]["p50"] <= measured["latency"]["p50"] <= measured["latency"]["most"]
    assert measured["taken_apart"] == 1


@pytest.mark.timeout(180)
async def test_it_compares_the_gateway_with_the_floor_and_leaves_a_record(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    only = "stream16,session1,tool1,start,workers-chat100"
    done = await script(
        "bench", "--only", only, "--rounds", "1", "--seconds", "0.3", "--json", str(file)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(file.read_text())
    assert {name: state.partition(":")[0] for name, state in record["on"].items()} == {
        "authentication": "on",
        "log": "on",
        "metrics": "on",
        "store": "on",
    }
    assert record["versions"]["aiohttp"]
    assert record["machine"]["python"]
    figures = Figures(record["rows"])
    assert set(figures.servers()) == {"floor", "gateway", "2 workers"}
    assert figures.errors() == 0
    assert {row["scenario"] for row in figures.rows} == set(only.split(","))
    assert not figures.of("session1", "floor"), "the floor keeps nothing"
    assert all(row["answers"] for row in figures.rows if row["scenario"] != "start")
    assert all(row["start"] > 0 for row in figures.rows if row["scenario"] == "start")
    assert "| stream in a burst, 16 connections |" in done.stdout
    assert "start to the first right answer" in done.stdout
    assert "| chats, 100 connections |" in done.stdout


async def test_a_scenario_that_is_not_there_or_a_peer_that_is_not_installed_is_told(
    tmp_path: Path,
) -> None:
    unknown = await script("bench", "--only", "chat1,chat2")
    assert (unknown.returncode, unknown.stderr) == (
        1,
        "There is no scenario chat2; --list names them.\n",
    )
    absent = await script("bench", "--peer", "litellm", "--peer-venv", str(tmp_path))
    assert absent.returncode == 1
    assert "--install-peer" in absent.stderr
    listed = await script("bench", "--list")
    assert listed.stdout.split() == [scenario.name for scenario in ALL]


def row(scenario: str, server: str, **figures: object) -> dict[str, Any]:
    times = {"p50": 1.0, "p99": 2.0, "most": 3.0}
    return {
        "scenario": scenario, "server": server, "round": 0, "answers": 10, "errors": 0,
        "seconds": 2.0, "deltas": 640, "latency": times, "first": times, "delay": times, "cpu": 1.0,
        "memory_before": 50.0, "memory": 55.0, "others": 0.0,
        "busy": {"server": 1.0, "upstream": 0.1, "generator": 0.2}, **figures,
    }  # fmt: skip


def test_tables_and_verdicts_are_medians_and_ratios() -> None:
    rows = [row("chat16", "floor", answers=n) for n in (100, 10, 20)]
    rows += [row("chat16", "gateway", answers=n) for n in (10, 12, 90)]
    figures = Figures([*rows, row("chat100", "floor"), row("chat100", "gateway", answers=8)])
    written = tables(figures)
    assert "| chat, 16 connections | 10.0 | 6.00 | 0.60 |" in written
    judged = verdicts(figures)
    assert "| chat, 16 connections, against the floor | ≥ 0.7 | 0.60 | ✗ |" in judged
    assert "| chat, 100 connections, against the floor | ≥ 0.7 | 0.80 | ✓ |" in judged
    assert "LiteLLM" not in judged


def test_several_workers_are_judged_by_the_cores_that_the_rig_left_them() -> None:
    chat, stream = "workers-chat100", "workers-stream100"
    rows = [row(name, "gateway", apart=True) for name in (chat, stream)]
    rows += [row(chat, "2 workers", answers=17, apart=False)]
    rows += [row(stream, "2 workers", answers=17, apart=True)]
    figures = Figures(rows)
    written = tables(figures)
    # The rig took 0.3 of their two cores: with both they would have done 17 / 1.7 * 2.
    assert "| chats, 100 connections | 5.00 | 8.50 | 1.70 | 1.70 | 2.00 |" in written
    assert "| streams, 100 connections | 5.00 | 8.50 | 1.70 | 2.00 | 1.70 |" in written
    judged = verdicts(figures)
    assert "| chats: two workers on two cores against one | ≥ 1.8 | 2.00 | ✓ |" in judged
    assert "| streams: two workers on two cores against one | ≥ 1.8 | 1.70 | ✗ |" in judged


def test_the_short_list_is_a_part_of_all_and_what_few_numbers_say_is_right() -> None:
    assert set(SHORT) < set(ALL)
    times = spread([n / 1000 for n in range(1, 101)])
    assert (times.p50, times.p99, times.most) == (51.0, 100.0, 100.0)
    assert spread([]).p50 is None
    assert [number(value) for value in (None, 0.123, 12.34, 1234.5)] == [
        "-",
        "0.12",
        "12.3",
        "1,234",
    ]
    assert checking.streamed(chunks()) == answers.TEXT


def soak(*values: float, errors: int = 0) -> Soak:
    return Soak([(float(at), value) for at, value in enumerate(values)], 10, errors, "")


def test_a_soak_fails_for_what_the_second_half_adds_and_not_for_the_first() -> None:
    settled = [*range(40, 60), *([60.0] * 80)]
    leaking = [60 + 0.1 * at for at in range(200)]
    assert soak(*settled).good()
    assert soak(*leaking).growth() > soak(*leaking).allowed()
    assert not soak(*leaking).good()
    assert not soak(*settled, errors=1).good()
    assert "60.0 MiB █" in soak(*settled).picture()


@pytest.mark.timeout(180)
async def test_a_soak_of_a_gateway_watches_its_memory_and_ends_well() -> None:
    done = await script("bench", "--soak", "4", "--seconds", "0.5")
    assert "wrong or missing" in done.stdout, done.stderr
    assert " 0 wrong or missing" in done.stdout
    assert done.stdout.count(" MiB █") > 5


def test_the_page_shows_the_recorded_run_and_its_conditions() -> None:
    written = page.measured()
    record = page.read(page.MEASURED)
    assert record["machine"]["python"] in written
    assert "| authentication | on: 401 without a key |" in written
    assert "0 were wrong or missing" in written
    assert "| metrics |" in page.layers()
