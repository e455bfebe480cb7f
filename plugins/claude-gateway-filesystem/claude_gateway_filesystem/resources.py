"""Files as resources: those at the top of a project are listed, all others are reached by their path."""

from __future__ import annotations

import base64
import mimetypes
import os
import stat
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from claude_gateway import (
    InvalidRequest,
    NotFound,
    Resource,
    ResourceTemplate,
    Suggestions,
    Unfinished,
)
from claude_gateway_filesystem.listing import MOST_LOOKED_AT, names_in
from claude_gateway_filesystem.places import Place, Project, read_file, readable, status

SCHEME = "file://"
PATH = "path"  # the variable of the template
MOST_LISTED = 500
MOST_SUGGESTED = 100
LARGEST = 5 * 2**20  # bytes; in base64 it has to fit into one answer
BINARY = "application/octet-stream"


def listed(project: Project) -> list[Resource]:
    """Return the files at the top of the project's folder, but for hidden ones."""
    try:
        place = project.place({PATH: "."}, PATH)
        with place.folder() as folder:
            names = [name for name in names_in(folder, MOST_LOOKED_AT) if _is_shown(name)]
            seen = [(name, status(folder, name)) for name in names]
    except InvalidRequest:  # the folder is not there, or not any more
        return []
    files = [(name, found.st_size) for name, found in seen if found and stat.S_ISREG(found.st_mode)]
    return [
        Resource(_uri(f"{place.shown}/{name}"), name, mime_type=_kind(name), size=size)
        for name, size in files[:MOST_LISTED]
    ]


def template(project: Project) -> ResourceTemplate:
    """Return the pattern of all files of the project."""
    return ResourceTemplate(
        _pattern(project),
        "file",
        "Files",
        "A file of the project, by its path in the project's folder.",
    )


def contents(project: Project, uri: str) -> list[Mapping[str, object]]:
    """Return a file as text if it is any, or in base64. Raises NotFound."""
    try:
        place = project.place({"uri": _path_of(uri)}, "uri")
        data, _ = read_file(place, min(project.largest, LARGEST))
    except InvalidRequest as exc:
        raise NotFound(exc.message) from None
    kind = _kind(place.relative)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        blob = base64.b64encode(data).decode()
        return [{"uri": uri, "mimeType": kind or BINARY, "blob": blob}]
    return [{"uri": uri, "mimeType": kind or "text/plain", "text": text}]


def suggested(project: Project, unfinished: Unfinished) -> Suggestions:
    """Return the paths that begin like the one that is being typed; a folder ends with a slash."""
    if unfinished.uri_template != _pattern(project) or unfinished.argument != PATH:
        return Suggestions()
    above, slash, begun = unfinished.value.rpartition("/")
    try:
        place = project.place({PATH: above or "."}, PATH)
        found = _beginning(place, begun)
    except InvalidRequest:
        return Suggestions()
    paths = [f"{above}{slash}{name}" for name in found]
    return Suggestions(paths[:MOST_SUGGESTED], len(paths), len(paths) > MOST_SUGGESTED)


def _beginning(place: Place, begun: str) -> list[str]:
    found = []
    with place.folder() as folder:
        for name in names_in(folder, MOST_LOOKED_AT):
            if name.startswith(begun) and (begun or _is_shown(name)) and readable(name) == name:
                mode = getattr(status(folder, name), "st_mode", 0)
                if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                    found.append(f"{name}/" if stat.S_ISDIR(mode) else name)
    return found


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and readable(name) == name


def _pattern(project: Project) -> str:
    top = project.place({PATH: "."}, PATH)
    return f"{_uri(top.shown)}/{{+{PATH}}}"


def _uri(path: str) -> str:
    return SCHEME + quote(path)


def _path_of(uri: str) -> str:
    path = uri.removeprefix(SCHEME)
    if path == uri or not path.startswith("/"):
        raise NotFound("The files here are called file:///workspace/PATH.")
    return os.fsdecode(unquote_to_bytes(path))


def _kind(name: str) -> str:
    return mimetypes.guess_type(name)[0] or ""
