"""What becomes of the app's URLs on their way is undone."""

from __future__ import annotations

import pytest
from claude_gateway_ios.paths import Place, repaired


@pytest.mark.parametrize(
    ("target", "path", "query", "bare"),
    [
        ("/v1/projects", "/v1/projects", "", False),
        ("/v1/sessions%3Fproject_id=abc", "/v1/sessions", "project_id=abc", False),
        ("/v1/sessions%3fproject_id=a%20b", "/v1/sessions", "project_id=a%20b", False),
        (
            "/v1/sessions/S/messages%3Flimit=100&offset=0&role=user",
            "/v1/sessions/S/messages",
            "limit=100&offset=0&role=user",
            False,
        ),
        ("/v1/sessions%3Fa=%3Fb?c=d", "/v1/sessions", "a=%3Fb&c=d", False),
        ("/v1/sessions?q=a%3Fb", "/v1/sessions", "q=a%3Fb", False),
        ("/v1/sessions%3F", "/v1/sessions", "", False),
        ("/api/v1/chat/completions", "/v1/chat/completions", "", False),
        ("//api/v1/chat/completions", "/v1/chat/completions", "", False),
        ("/api//v1///projects/", "/v1/projects", "", False),
        ("/api/v1", "/v1", "", False),
        ("/api/v12", "/api/v12", "", False),
        ("/projects", "/v1/projects", "", True),
        ("/sessions/stats", "/v1/sessions/stats", "", True),
        ("/sessions/S/tools", "/v1/sessions/S/tools", "", True),
        ("/models/capabilities", "/v1/models/capabilities", "", True),
        ("/completions/S", "/v1/chat/completions/S", "", True),
        ("/debug/completion", "/v1/chat/completions/debug", "", True),
        ("/v1/health", "/health", "", True),
        ("/health", "/health", "", False),
        ("/", "/", "", False),
        ("//", "/", "", False),
        ("/mcp", "/mcp", "", False),
        ("/v1%2fprojects", "/v1%2fprojects", "", False),
        ("/v1/../health", "/v1/../health", "", False),
        ("/projectsx", "/projectsx", "", False),
    ],
)
def test_a_path_is_repaired_and_nothing_else_is(
    target: str, path: str, query: str, bare: bool
) -> None:
    assert repaired(target) == Place(path, query, bare)


def test_repairing_twice_changes_nothing_more() -> None:
    once = repaired("//api/v1/sessions%3Fa=b%3Fc?d")
    assert repaired(once.target).path == once.path
    assert "//" not in once.target


def test_a_value_of_the_query_is_found_and_replaced() -> None:
    place = repaired("/v1/sessions%3Flimit=5&project_id=a")
    assert place.value("limit") == "5"
    assert place.value("shape") is None
    assert place.with_value("limit", "9").target == "/v1/sessions?project_id=a&limit=9"
    assert repaired("/v1/projects").with_value("limit", "9").target == "/v1/projects?limit=9"
