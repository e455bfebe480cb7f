"""The canned answers, and what one has to say to get them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer with the token counts that go with it."""

    text: str
    input_tokens: int
    output_tokens: int


GREETING = Canned("Hello! How can I help you today?", 10, 8)
CODE_GENERATION = Canned("```swift\nstruct ContentView: View {...}\n```", 25, 150)
ERROR_HANDLING = Canned("I encountered an error. Let me try again...", 15, 12)

# The first that fits is taken.
_ASKED_BY: tuple[tuple[re.Pattern[str], Canned], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reply)
    for pattern, reply in (
        (r"^\W*(hello|hi|hey|howdy|greetings|good (morning|afternoon|evening))\b", GREETING),
        (
            r"\b(code|swift|swiftui|python|function|struct|class|script|implement|write)\b",
            CODE_GENERATION,
        ),
        (r"\b(errors?|exceptions?|crash\w*|fail\w*)\b", ERROR_HANDLING),
    )
)


def canned(text: str) -> Canned | None:
    """Return the answer for what the user said, if there is one."""
    return next((reply for asked, reply in _ASKED_BY if asked.search(text)), None)
