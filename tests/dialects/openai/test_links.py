"""Where a request points at something, and what can be put there."""

from __future__ import annotations

from claude_gateway.dialects.openai.links import links

URL = "https://example.org/a.png"


def image(url: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def user(*parts: object) -> dict[str, object]:
    return {"role": "user", "content": list(parts)}


def test_links_are_found_in_order_and_named_by_their_field() -> None:
    fields = {
        "messages": [
            user({"type": "text", "text": URL}, image(URL)),
            {"role": "tool", "content": [{"type": "image_url", "image_url": "HTTP://a/b"}]},
            user({"type": "file", "file": {"file_url": URL, "file_id": None}}),
        ],
    }
    assert [(link.path, link.url) for link in links(fields)] == [
        ("messages[0].content[1].image_url.url", URL),
        ("messages[1].content[0].image_url", "HTTP://a/b"),
        ("messages[2].content[0].file.file_url", URL),
    ]


def test_links_of_the_responses_dialect_are_found_as_well() -> None:
    fields = {
        "input": [
            user({"type": "input_text", "text": "Hi"}, {"type": "input_image", "image_url": URL}),
            user({"type": "input_file", "file_url": URL}),
            {"type": "function_call_output", "output": [{"type": "input_image", "image_url": URL}]},
        ]
    }
    assert [link.path for link in links(fields)] == [
        "input[0].content[1].image_url",
        "input[1].content[0].file_url",
        "input[2].output[0].image_url",
    ]


def test_what_is_no_link_is_left_alone() -> None:
    data = image("data:image/png;base64,aaaa")
    strange = [image(None), image(5), image("ftp://a"), image("/etc/passwd"), {"type": []}, 5]
    fields = {
        "messages": [user(data, *strange), 5, {"content": URL}, {"content": {}}],
        "input": URL,
    }
    assert links(fields) == []
    assert links({"messages": URL, "input": None}) == links({}) == []


def test_what_is_put_in_place_of_a_link_stands_in_the_request() -> None:
    parts = [image(URL), {"type": "image_url", "image_url": URL, "detail": "low"}]
    fields: dict[str, object] = {"messages": [user(*parts)]}
    for link in links(fields):
        link.replace("data:,")
    assert fields == {
        "messages": [
            user(image("data:,"), {"type": "image_url", "image_url": "data:,", "detail": "low"})
        ]
    }
