"""Parts of a message as content blocks."""

from __future__ import annotations

import base64

import pytest

from claude_gateway.dialects.openai.parts import blocks, left_out
from claude_gateway.errors import InvalidRequest

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(16)).decode()


def image(url: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(**fields: object) -> dict[str, object]:
    return {"type": "file", "file": fields}


def refused(*parts: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        blocks(list(parts), "content")
    return failure.value


def test_words_are_a_text_block() -> None:
    hi = {"type": "text", "text": "Hi"}
    assert blocks("Hi", "content") == [hi]
    assert blocks([hi, hi], "content") == [hi, hi]


@pytest.mark.parametrize("content", [None, "", " \n", [], [{"type": "text", "text": " "}]])
def test_t14_what_has_no_words_is_no_block(content: object) -> None:
    assert blocks(content, "content") == []


def test_an_image_by_url_stays_a_url() -> None:
    found = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    assert blocks([image("https://x.test/a.png")], "content") == [found]
    plain = {"type": "image_url", "image_url": "https://x.test/a.png"}
    assert blocks([plain], "content") == [found]


def test_an_image_by_value_is_its_data() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert blocks([image(f"data:image/png;base64,{PNG}")], "content") == [
        {"type": "image", "source": source}
    ]


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/PNG;base64,{PNG}",
        f"DATA:image/png;name=a.png;charset=utf-8;BASE64,{PNG}",
        f"data:image/png;base64,{PNG[:8]}\n{PNG[8:]} ",
        f"data:;base64,{PNG}",
    ],
)
def test_a_data_url_may_be_written_in_several_ways(url: str) -> None:
    assert blocks([image(url)], "content") == blocks(
        [image(f"data:image/png;base64,{PNG}")], "content"
    )


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\n\x00\x10\x00WEBPVP8 ", "image/webp"),
    ],
)
@pytest.mark.parametrize("declared", ["image/png", "image/jpg", "application/octet-stream"])
def test_t22_the_type_is_what_the_first_bytes_show(start: bytes, kind: str, declared: str) -> None:
    data = base64.b64encode(start + bytes(20)).decode()
    source = {"type": "base64", "media_type": kind, "data": data}
    assert blocks([image(f"data:{declared};base64,{data}")], "content") == [
        {"type": "image", "source": source}
    ]


def test_t22_a_type_by_another_name_is_called_by_its_own() -> None:
    [block] = blocks([image("data:image/jpg;base64,AAAA")], "content")
    assert block["source"] == {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}


@pytest.mark.parametrize("url", ["data:image/svg+xml;base64,PHN2Zz4=", "data:;base64,AAAA"])
def test_an_image_that_upstream_cannot_read_is_refused(url: str) -> None:
    error = refused(image(url))
    assert (error.param, error.code) == ("content[0].image_url.url", "unsupported_value")


def test_base64_for_urls_is_written_as_upstream_reads_it() -> None:
    [block] = blocks([image("data:image/png;base64,A_-A")], "content")
    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": "A/+A"}


PDF_SOURCE = {"type": "base64", "media_type": "application/pdf", "data": PDF}


@pytest.mark.parametrize(
    "data", [f"data:application/pdf;base64,{PDF}", f"data:;base64,{PDF}", PDF], ids=len
)
def test_a_pdf_by_value_is_a_document(data: str) -> None:
    assert blocks([file(filename="a.pdf", file_data=data)], "content") == [
        {"type": "document", "source": PDF_SOURCE, "title": "a.pdf"}
    ]


def test_t22_a_pdf_sent_as_an_image_is_a_document() -> None:
    assert blocks([image(f"data:image/png;base64,{PDF}")], "content") == [
        {"type": "document", "source": PDF_SOURCE}
    ]


def test_an_image_sent_as_a_file_is_an_image() -> None:
    [block] = blocks([file(filename="a.png", file_data=f"data:image/png;base64,{PNG}")], "content")
    assert block.keys() == {"type", "source"}
    assert block["type"] == "image"


@pytest.mark.parametrize("kind", ["text/plain", "text/markdown", "application/json"])
def test_a_text_by_value_is_a_document_of_text(kind: str) -> None:
    data = base64.b64encode("Grüße".encode()).decode()
    source = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    assert blocks([file(filename="a.txt", file_data=f"data:{kind};base64,{data}")], "content") == [
        {"type": "document", "source": source, "title": "a.txt"}
    ]


@pytest.mark.parametrize("data", ["/w==", "ICA=", "A"])
def test_a_text_must_be_text(data: str) -> None:
    error = refused(file(file_data=f"data:text/plain;base64,{data}"))
    assert error.param == "content[0].file.file_data"


def test_a_kind_of_file_that_is_not_supported_is_named() -> None:
    error = refused(file(file_data="data:application/zip;base64,UEsDBA=="))
    assert (error.param, error.code) == ("content[0].file.file_data", "unsupported_value")
    assert "application/zip" in error.message


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        {
            "type": "document",
            "source": {"type": "url", "url": "https://x.test/a.pdf"},
            "title": "A",
            "context": "Old",
            "citations": {"enabled": True},
            "cache_control": {"type": "ephemeral"},
        },
    ],
)
def test_t22_anthropics_own_blocks_are_passed_on(block: dict[str, object]) -> None:
    assert blocks([{**block, "extra": 1}], "content") == [block]


def test_a_file_by_id_is_a_document() -> None:
    source = {"type": "file", "file_id": "file_1"}
    assert blocks([file(file_id="file_1")], "content") == [{"type": "document", "source": source}]


def test_a_cache_breakpoint_is_kept_on_any_part() -> None:
    mark: dict[str, object] = {"cache_control": {"type": "ephemeral"}}
    words: dict[str, object] = {"type": "text", "text": "a"}
    parts = [words, image("https://x.test/a.png"), file(file_id="f")]
    found = blocks([{**part, **mark} for part in parts], "content")
    assert [block["cache_control"] for block in found] == [mark["cache_control"]] * 3


def test_a_part_that_is_not_supported_is_named() -> None:
    error = refused({"type": "text", "text": "a"}, {"type": "video", "video": {}})
    assert (error.param, error.code) == ("content[1].type", "unsupported_value")
    assert "'video'" in error.message


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (5, "content[0]"),
        ({}, "content[0].type"),
        ({"type": "text"}, "content[0].text"),
        ({"type": "text", "text": 5}, "content[0].text"),
        ({"type": "text", "text": "a", "cache_control": 5}, "content[0].cache_control"),
        ({"type": "image_url"}, "content[0].image_url"),
        ({"type": "image_url", "image_url": 5}, "content[0].image_url"),
        ({"type": "image_url", "image_url": "ftp://x"}, "content[0].image_url"),
        ({"type": "image_url", "image_url": {}}, "content[0].image_url.url"),
        (image(5), "content[0].image_url.url"),
        (image(""), "content[0].image_url.url"),
        (image("https"), "content[0].image_url.url"),
        (image("file:///etc/passwd"), "content[0].image_url.url"),
        (image("data:image/png,abc"), "content[0].image_url.url"),
        (image("data:image/png;base64,"), "content[0].image_url.url"),
        (image("data:image/png;base64,\u00e9"), "content[0].image_url.url"),
        (image("data:;base64,AAAA"), "content[0].image_url.url"),
        (image("data:image;base64,AAAA"), "content[0].image_url.url"),
        ({"type": "file"}, "content[0].file"),
        (file(), "content[0].file.file_data"),
        (file(file_id=5), "content[0].file.file_id"),
        (file(file_data=5), "content[0].file.file_data"),
        (file(file_data="plain"), "content[0].file.file_data"),
        (file(file_data="not base64"), "content[0].file.file_data"),
        (file(file_data="?"), "content[0].file.file_data"),
        (file(file_id="f", filename=5), "content[0].file.filename"),
        ({"type": "image"}, "content[0].source"),
        ({"type": "document", "source": "x"}, "content[0].source"),
        ({"type": "document", "source": {}, "title": 5}, "content[0].title"),
        ({"type": "document", "source": {}, "citations": 5}, "content[0].citations"),
    ],
)
def test_what_is_wrong_is_named(part: object, param: str) -> None:
    assert refused(part).param == param


def test_content_is_words_or_parts() -> None:
    with pytest.raises(InvalidRequest) as failure:
        blocks({"type": "text"}, "messages[0].content")
    assert failure.value.param == "messages[0].content"


@pytest.mark.parametrize(
    "content", [None, "Hi", {}, [5], [{"type": "text", "text": "a"}], [image("https://x.test/a")]]
)
def test_there_is_nothing_to_tell_of_plain_content(content: object) -> None:
    assert left_out(content) == set()


@pytest.mark.parametrize(
    ("detail", "found"), [("high", {"image_url.detail"}), ("auto", set()), (None, set())]
)
def test_how_closely_to_look_is_left_out(detail: object, found: set[str]) -> None:
    looked = {"type": "image_url", "image_url": {"url": "https://x.test/a", "detail": detail}}
    assert left_out([{"type": "text", "text": "a"}, looked]) == found


def test_a_text_by_value_has_its_name_for_a_title_and_an_image_has_none() -> None:
    notes = base64.b64encode(b"Buy milk").decode()
    [text] = blocks([file(filename="n.txt", file_data=f"data:text/plain;base64,{notes}")], "c")
    [image] = blocks([file(filename="a.png", file_data=PNG)], "c")
    [by_id] = blocks([file(filename="a.pdf", file_id="file_1")], "c")
    assert (text["title"], by_id["title"], "title" in image) == ("n.txt", "a.pdf", False)
