"""What a run used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by class, as Anthropic counts: `input_tokens` excludes what came from the cache.

    The two `ephemeral` counts are parts of `cache_creation_input_tokens`, by how long the cache
    keeps them. `service_tier` and `inference_geo` are empty unless upstream says them.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    thinking_tokens: int = 0
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0
    service_tier: str = ""
    inference_geo: str = ""

    @property
    def prompt_tokens(self) -> int:
        """All input, as OpenAI counts: uncached, written to the cache and read from it."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    @property
    def total_tokens(self) -> int:
        """Prompt and answer together."""
        return self.prompt_tokens + self.output_tokens

    def __add__(self, later: Usage) -> Usage:
        """Both together; words are those of the later one, unless it says none."""
        return Usage(
            self.input_tokens + later.input_tokens,
            self.output_tokens + later.output_tokens,
            self.cache_creation_input_tokens + later.cache_creation_input_tokens,
            self.cache_read_input_tokens + later.cache_read_input_tokens,
            self.thinking_tokens + later.thinking_tokens,
            self.ephemeral_5m_input_tokens + later.ephemeral_5m_input_tokens,
            self.ephemeral_1h_input_tokens + later.ephemeral_1h_input_tokens,
            later.service_tier or self.service_tier,
            later.inference_geo or self.inference_geo,
        )

    @classmethod
    def from_wire(cls, raw: object, before: Usage | None = None) -> Usage:
        """Read Anthropic's `usage` object; counts it leaves out keep their value in `before`.

        Counts in a stream are cumulative, so a later object replaces an earlier one field by
        field. Anything that is not a non-negative whole number counts as absent.
        """
        base = before or NOTHING
        if not isinstance(raw, dict):
            return base
        details, written = raw.get("output_tokens_details"), raw.get("cache_creation")
        return cls(
            _count(raw, "input_tokens", base.input_tokens),
            _count(raw, "output_tokens", base.output_tokens),
            _count(raw, "cache_creation_input_tokens", base.cache_creation_input_tokens),
            _count(raw, "cache_read_input_tokens", base.cache_read_input_tokens),
            _count(details, "thinking_tokens", base.thinking_tokens),
            _count(written, "ephemeral_5m_input_tokens", base.ephemeral_5m_input_tokens),
            _count(written, "ephemeral_1h_input_tokens", base.ephemeral_1h_input_tokens),
            _word(raw, "service_tier", base.service_tier),
            _word(raw, "inference_geo", base.inference_geo),
        )


def _count(raw: object, key: str, default: int) -> int:
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if type(value) is int and value >= 0 else default


def _word(raw: dict[str, object], key: str, default: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else default


NOTHING = Usage()
