"""What models and clients are told of the tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from claude_gateway import Tool

Schema: TypeAlias = dict[str, object]

READS: Mapping[str, object] = {"readOnlyHint": True, "openWorldHint": False}
ADDS: Mapping[str, object] = {
    "readOnlyHint": False,
    "destructiveHint": False,
    "idempotentHint": True,
    "openWorldHint": False,
}
CHANGES: Mapping[str, object] = {**ADDS, "destructiveHint": True, "idempotentHint": False}

WHERE = "relative to the project's folder, or beginning with /workspace"


def text(description: str, **more: object) -> Schema:
    """Describe an argument that is text."""
    return {"type": "string", "description": description, **more}


def number(description: str, **more: object) -> Schema:
    """Describe an argument that is a whole number from 1 up."""
    return {"type": "integer", "minimum": 1, "description": description, **more}


def flag(description: str) -> Schema:
    """Describe an argument that is false unless it is given."""
    return {"type": "boolean", "default": False, "description": description}


def schema(*required: str, **properties: Schema) -> Schema:
    """Describe what a tool is called with."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


EDIT = schema(
    "old_text",
    "new_text",
    old_text=text("What is there now, exactly, with its blanks and line breaks", minLength=1),
    new_text=text("What shall be there instead"),
    replace_all=flag("Replace every occurrence; otherwise there must be exactly one"),
)

READ_FILE = Tool(
    "read_file",
    "Read a text file of the project. A long file comes in parts: the last line says where to go on.",
    schema(
        "path",
        path=text(f"The file, {WHERE}"),
        offset=number("The first line to read; 1 is the first of the file", default=1),
        limit=number("How many lines to read at most"),
    ),
    "Read file",
    READS,
)
WRITE_FILE = Tool(
    "write_file",
    "Write a whole text file: a new one, or instead of the one that is there. Folders are made.",
    schema("path", "content", path=text(f"The file, {WHERE}"), content=text("All of its text")),
    "Write file",
    {**CHANGES, "idempotentHint": True},
)
EDIT_FILE = Tool(
    "edit_file",
    "Replace exact pieces of a text file and show what changed. All edits are made, one after the "
    "other, or none.",
    schema(
        "path",
        "edits",
        path=text(f"The file, {WHERE}"),
        edits={"type": "array", "items": EDIT, "minItems": 1, "maxItems": 100},
        dry_run=flag("Only show what would change"),
    ),
    "Edit file",
    CHANGES,
)
LIST_DIRECTORY = Tool(
    "list_directory",
    "List the files, folders and links in a folder, with the sizes of files.",
    schema(
        path=text(f"The folder, {WHERE}", default="."),
        limit=number("How many to show at most", maximum=1000),
    ),
    "List folder",
    READS,
)
SEARCH_FILES = Tool(
    "search_files",
    "Find files and folders by a pattern such as *.py or src/*_test.go, below a folder. With `text`, "
    "find the lines of such files that have it in them; no regular expressions. Left out: .git, "
    "node_modules, __pycache__ and .venv, unless the search begins inside.",
    schema(
        path=text(f"The folder to search, {WHERE}", default="."),
        pattern=text(
            "For the name, or with a slash for the path below the folder; * and ? stand for anything",
            default="*",
            maxLength=200,
        ),
        text=text("What to find in files", maxLength=200),
        ignore_case=flag("Take large and small letters of `text` for the same"),
        limit=number("How many results to show at most", default=100, maximum=1000),
    ),
    "Search files",
    READS,
)
FILE_INFO = Tool(
    "file_info",
    "Say what is at a path: type, size, time of the last change (UTC), permissions.",
    schema("path", path=text(f"The file or folder, {WHERE}")),
    "File info",
    READS,
)
CREATE_DIRECTORY = Tool(
    "create_directory",
    "Make a folder, and those above it. One that is there stays as it is.",
    schema("path", path=text(f"The folder, {WHERE}")),
    "Create folder",
    ADDS,
)
MOVE_FILE = Tool(
    "move_file",
    "Move or rename a file or folder. Nothing that is there is replaced; missing folders are made.",
    schema(
        "source",
        "destination",
        source=text(f"What to move, {WHERE}"),
        destination=text(f"Its new path, {WHERE}"),
    ),
    "Move file",
    CHANGES,
)
