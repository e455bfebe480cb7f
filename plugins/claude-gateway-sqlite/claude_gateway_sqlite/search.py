"""Words to find, and the index they are found in.

Nothing that a user writes is ever read as the syntax of a search: each word is quoted, and handed
over as a value. The index is brought up to date when the writer has nothing else to do, and before
each search, so that a turn need not wait for it and a search misses nothing.
"""

from __future__ import annotations

import unicodedata
from operator import itemgetter
from typing import TypeAlias

from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.rows import Row

MOST_WORDS, LONGEST_WORD = 16, 200
# Scripts that do not put blanks between words: the index sees a whole sentence as one word.
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR")

# Text, in characters, that is put into the index in one go.
AT_ONCE = 100_000

WAITING = "SELECT session FROM not_searchable LIMIT 40"
WAITING_OF = """
SELECT n.session FROM not_searchable n JOIN sessions s ON s.ref = n.session WHERE s.owner = ?
LIMIT 40
"""
STATE = """
SELECT s.title, i.title, coalesce(i.number, 0) FROM sessions s
LEFT JOIN searchable i ON i.session = s.ref WHERE s.ref = ?
"""
NEW_MESSAGES = """
SELECT ref, number, text FROM messages WHERE session = ? AND number > ? ORDER BY number LIMIT 200
"""
ADD = "INSERT INTO search(rowid, words) VALUES(?, ?)"
REMOVE = "INSERT INTO search(search, rowid, words) VALUES('delete', ?, ?)"
NOTE = """
INSERT INTO searchable(session, title, number) VALUES(?, ?, ?)
ON CONFLICT(session) DO UPDATE SET title = excluded.title, number = excluded.number
"""
DONE = "DELETE FROM not_searchable WHERE session = ?"

MATCHING = """
SELECT s.ref FROM search f JOIN messages m ON m.ref = f.rowid JOIN sessions s ON s.ref = m.session
WHERE search MATCH ?2 AND f.rowid > 0 AND m.superseded = 0 AND s.owner = ?1
UNION
SELECT s.ref FROM search f JOIN sessions s ON s.ref = -f.rowid
WHERE search MATCH ?2 AND f.rowid < 0 AND s.owner = ?1
"""
CONTAINING = r"""
SELECT s.ref FROM sessions s WHERE s.owner = ?1 AND (
    s.title LIKE ?2 ESCAPE '\' OR EXISTS (
        SELECT 1 FROM messages m
        WHERE m.session = s.ref AND m.superseded = 0 AND m.text LIKE ?2 ESCAPE '\'
    )
)
"""

# A row of the index, what is done with it, and its words.
Entry: TypeAlias = tuple[int, str, str]


def words_of(query: str) -> list[str]:
    """Return the words to find; NUL, which ends a text in SQLite's eyes, parts them too."""
    found = dict.fromkeys(query.replace("\0", " ").split())
    return [word[:LONGEST_WORD] for word in found][:MOST_WORDS]


def like(word: str) -> str:
    """Return a pattern for LIKE that finds the word anywhere."""
    for special in "\\%_":
        word = word.replace(special, "\\" + special)
    return f"%{word}%"


def looks_up(word: str, *, last: bool) -> tuple[str, str]:
    """Return the statement that finds sessions with a word, and what to give it after the owner.

    The last word may be the beginning of one: somebody is still typing.
    """
    if not indexed(word):
        return CONTAINING, like(word)
    quoted = '"' + word.replace('"', '""') + '"'
    return MATCHING, quoted + "*" if last else quoted


def indexed(word: str) -> bool:
    """Whether the index can find it: it has letters or digits, of a script with blanks."""
    letters = [char for char in word if unicodedata.category(char)[0] in "LN"]
    return bool(letters) and not any(_unspaced(char) for char in letters)


def _unspaced(char: str) -> bool:
    return char > "\u0e00" and unicodedata.name(char, "").startswith(UNSPACED)


def index_some(desk: Desk, owner: str | None = None) -> bool:
    """Bring some of what is new, of one owner or of all, into the index; whether there is more."""
    cur, budget = desk.cur, AT_ONCE
    entries: list[Entry] = []
    waiting = cur.execute(WAITING_OF, (owner,)) if owner is not None else cur.execute(WAITING)
    for (session,) in waiting.fetchall():
        budget = _index(desk, session, budget, entries)
        if budget <= 0:
            break
        cur.execute(DONE, (session,))
    # In the order of rows: whenever one is smaller than the last, FTS5 ends a segment of its index,
    # writes it down, and has one more to merge.
    for row, statement, text in sorted(entries, key=itemgetter(0)):
        cur.execute(statement, (row, text))
    waiting = cur.execute(WAITING_OF, (owner,)) if owner is not None else cur.execute(WAITING)
    return waiting.fetchone() is not None


def _index(desk: Desk, session: int, budget: int, entries: list[Entry]) -> int:
    """Collect what is new in a session; return what is left of the budget, nothing if unfinished."""
    cur = desk.cur
    state: Row | None = cur.execute(STATE, (session,)).fetchone()
    if state is None:
        return budget
    title, known, number = state
    if title != known:
        if known:
            entries.append((-session, REMOVE, known))
        if title:
            entries.append((-session, ADD, title))
    while budget > 0 and (new := cur.execute(NEW_MESSAGES, (session, number)).fetchall()):
        for ref, number, text in new:  # noqa: B007  # the last number is noted below
            entries.append((ref, ADD, text))
            budget -= len(text) + 100
            if budget <= 0:
                break
    cur.execute(NOTE, (session, title, number))
    return budget
