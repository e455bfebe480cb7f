"""Numbers in a call's input come out as the model wrote them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.numbers import with_exact_numbers


def answered(given: str, *more: str) -> bytes:
    call = f'{{"type":"tool_use","id":"a","name":"look","input":{given}}}'
    return f'{{"id":"m","content":[{",".join([call, *more])}],"usage":{{"a":1.50}}}}'.encode()


def arguments(body: bytes) -> str:
    message = with_exact_numbers(orjson.loads(body), body)
    whole: Any = completion(message, 1)
    return str(whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])


@pytest.mark.parametrize(
    "given",
    [
        '{"n":123456789012345678901234567890}',
        '{"n":-99999999999999999999}',
        '{"n":18446744073709551616}',
        '{"a":[1.10,1e5,1E+2,-0,-0.0,0.1000]}',
        '{"n":3.141592653589793238462643}',
        '{"n":1e300}',
        '{"n":1,"text":"1.10 grüße \\"a\\""}',
        "{}",
    ],
)
def test_the_numbers_of_a_call_survive(given: str) -> None:
    assert arguments(answered(given)) == given


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"content":[{"type":"text","text":"1.10"}]}',
        answered('{"n":5}').replace(b"1.50", b"1"),
        b'{"content":[1.5,"tool_use"]}',
        b'{"content":{"tool_use":1.5}',
        b'{"tool_use":1.5}',
        b'{"content":5,"tool_use":1.5}',
        answered('{"a":"\\ud83d"}'),
        b'{"content":[' + b"[" * 5000 + b'"tool_use",1.5',
    ],
)
def test_nothing_else_is_touched(body: bytes) -> None:
    message: dict[str, object] = {"content": [], "usage": {}}
    assert with_exact_numbers(message, body) is message


def test_other_blocks_and_the_usage_stay() -> None:
    body = answered('{"n":1.50}', '{"type":"text","text":"1.50"}', '{"type":"tool_use"}')
    message = with_exact_numbers(orjson.loads(body), body)
    blocks: Any = message["content"]
    assert blocks[0]["input"] == '{"n":1.50}'
    assert blocks[1:] == [{"type": "text", "text": "1.50"}, {"type": "tool_use"}]
    assert message["usage"] == {"a": 1.5}
