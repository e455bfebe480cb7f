"""Every statement that the plugin has: constant text, bound values, and an index to go by."""

from __future__ import annotations

import ast
import asyncio
import importlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import claude_gateway_sqlite
import pytest
from claude_gateway_sqlite import keyring
from claude_gateway_sqlite.copies import MARK
from claude_gateway_sqlite.opening import for_writing
from claude_gateway_sqlite.store import open_store

VERB = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|PRAGMA|CREATE|BEGIN|COMMIT|DROP)\b")
PLANNABLE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
# What is handed a statement, and at which place.
ASKS = {"execute": 0, "executemany": 0, "executescript": 0, "execute_fetchall": 0}
ASKS |= {"rows": 0, "row": 0, "number": 1}
SOURCES = sorted(Path(claude_gateway_sqlite.__file__).parent.glob("*.py"))


def constants() -> Iterator[tuple[str, str]]:
    """Every constant that is a statement, by the module that has it."""
    for source in SOURCES:
        module = importlib.import_module(f"claude_gateway_sqlite.{source.stem}")
        for node in ast.parse(source.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                value = getattr(module, name)
                if isinstance(value, str) and PLANNABLE.match(value):
                    yield f"{source.stem}.{name}", value


STATEMENTS = dict(constants())


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) > 60
    assert {"turns.LIVE", "sessions.LIST", "search.MATCHING", "procedures.END"} <= STATEMENTS.keys()


# --- S1: no statement has a user's text in it


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_s1_no_statement_is_put_together_from_pieces(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            assert not any(is_statement(part) for part in node.values), ast.unparse(node)
        if isinstance(node, ast.BinOp):
            assert not is_statement(node.left), ast.unparse(node)
            assert not is_statement(node.right), ast.unparse(node)
        if isinstance(node, ast.Call):
            assert_asks_with_a_constant(node)


def is_statement(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(VERB.match(str(node.value)))


def assert_asks_with_a_constant(node: ast.Call) -> None:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if called == "format":
        assert not is_statement(getattr(node.func, "value", node)), ast.unparse(node)
    if len(node.args) > (place := ASKS.get(called, 99)):
        made = (ast.JoinedStr, ast.BinOp, ast.Call, ast.IfExp, ast.Subscript)
        assert not isinstance(node.args[place], made), ast.unparse(node)


# --- indexes

# Read whole on purpose: what waits to be done, what is counted, and tables of a row or two.
WHOLE = {
    "search.WAITING",
    "search.WAITING_OF",
    "budgets.COUNT",
    "budgets.LIST",
    "budgets.REVISION",
    "budgets.SUBJECTS",
    "budgets.WHO_RESERVES",
    "health.FELT",
    "turns.LAST_RUN",
    "copies.COUNTS",
    "copies.NOTED",
    "copies.FORGET",
    "copies.IS_MARKED",
    "keyring.IS_THERE",
    "keyring.USED",
    "keyring.USE_ONLY",
    "keys.COUNT",
    "keys.LIST",
    "sessions.ACTIVE",
    "users.COUNT",
    "users.LIST",
    "runs.GOING_ON",
    "usage.COUNT_OF_ALL",
    "usage.OF_ALL",
    "usage.SUM_OF_ALL",
}
NO_TABLE = re.compile(
    r"SCAN (json_each|f VIRTUAL|f$|owners|w$|whole_usage$|\(subquery|\d* ?CONSTANT)"
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    folder = tmp_path_factory.mktemp("plans")

    async def made() -> None:
        async with open_store(folder):
            pass

    asyncio.run(made())
    with closing(for_writing(folder / "gateway.db", "full")) as connection:
        connection.execute(MARK)
        connection.execute(keyring.TABLE)
        yield connection


def plan(database: sqlite3.Connection, name: str) -> list[str]:
    """What SQLite would do, with as many values as the statement wants."""
    explained = f"EXPLAIN QUERY PLAN {STATEMENTS[name]}"
    for count in range(50):
        try:
            return [step[3] for step in database.execute(explained, [1] * count)]
        except sqlite3.ProgrammingError:
            continue
    raise AssertionError(name)


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - WHOLE))
def test_no_statement_reads_a_whole_table(database: sqlite3.Connection, name: str) -> None:
    steps = plan(database, name)
    scans = [step for step in steps if step.startswith("SCAN") and not NO_TABLE.match(step)]
    assert not scans, "\n".join(steps)


@pytest.mark.parametrize(
    "name",
    [
        "audit.OF_OWNER",
        "audit.OF_ALL",
        "budgets.LIST",
        "keys.LIST",
        "keys.LIST_OF_USER",
        "users.LIST",
        "sessions.LIST",
        "projects.LIST",
        "runs.LIST",
        "runs.LIST_OF_SESSION",
        "messages.LIST",
    ],
)
def test_lists_come_out_of_an_index_in_order(database: sqlite3.Connection, name: str) -> None:
    steps = plan(database, name)
    assert not [step for step in steps if "TEMP B-TREE" in step], "\n".join(steps)


# --- what a turn begins and ends with

ABORT = 2  # what SQLite calls it to undo a statement by itself, for which it keeps what was there before


@pytest.mark.parametrize("name", ["BEGIN", "BEGIN_AGAIN", "BEGIN_ANEW", "END"])
def test_no_turn_keeps_copies_of_the_pages_it_changes(
    database: sqlite3.Connection, name: str
) -> None:
    statement = STATEMENTS[f"procedures.{name}"]
    steps = database.execute(f"EXPLAIN {statement}", [None] * statement.count("?")).fetchall()
    may_abort = {step[1] for step in steps if step[1].startswith("Halt") and step[3] == ABORT}
    assert not may_abort
    assert not {"Function", "PureFunc", "FkCounter"} & {step[1] for step in steps}


# --- S9: owners

OWNED = re.compile(
    r"\b(?:FROM|UPDATE|INTO|JOIN)\s+(projects|sessions|runs|replays|audit|whole_\w+)\b"
)
BOUND = re.compile(r"\bowner (=|IS NULL)|\(\s*owner\b|\bowner, id\b|, owner\b")
# About nobody in particular, or by the number of a row that was looked up for its owner before.
FOR_NOBODY = {
    "audit.COUNT_OF_ALL",
    "audit.OF_ALL",
    "audit.PRUNE",
    "copies.COUNTS",
    "pruning.ENDED",
    "pruning.FORGET",
    "pruning.RUN_OF",
    "pruning.DELETE_RUN",
    "pruning.DELETE_SESSION",
    "resealing.AUDIT",
    "resealing.AUDIT_AGAIN",
    "resealing.EVENTS",
    "resealing.EXECUTIONS",
    "resealing.MESSAGES",
    "resealing.PARKED",
    "resealing.REPLIES",
    "resealing.SESSION_AGAIN",
    "resealing.TEXTS",
    "runs.GOING_ON",
    "search.STATE",
    "sessions.ACTIVE",
    "usage.COUNT_OF_ALL",
    "usage.OF_ALL",
    "usage.SUM_OF_ALL",
}


@pytest.mark.parametrize(
    "name", sorted({name for name, text in STATEMENTS.items() if OWNED.search(text)} - FOR_NOBODY)
)
def test_s9_statements_about_what_somebody_owns_are_bounded_by_the_owner(name: str) -> None:
    assert BOUND.search(STATEMENTS[name]), STATEMENTS[name]
