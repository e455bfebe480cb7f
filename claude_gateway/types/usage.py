"""What a run used."""

from __future__ import annotations

from claude_gateway.types.values import value


@value
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
        get = raw.get
        thoughts, brief = base.thinking_tokens, base.ephemeral_5m_input_tokens
        hour = base.ephemeral_1h_input_tokens
        if type(details := get("output_tokens_details")) is dict:
            thoughts = _count(details.get("thinking_tokens"), thoughts)
        if type(written := get("cache_creation")) is dict:
            brief = _count(written.get("ephemeral_5m_input_tokens"), brief)
            hour = _count(written.get("ephemeral_1h_input_tokens"), hour)
        tier, geo = get("service_tier"), get("inference_geo")
        return cls(
            _count(get("input_tokens"), base.input_tokens),
            _count(get("output_tokens"), base.output_tokens),
            _count(get("cache_creation_input_tokens"), base.cache_creation_input_tokens),
            _count(get("cache_read_input_tokens"), base.cache_read_input_tokens),
            thoughts,
            brief,
            hour,
            tier if type(tier) is str else base.service_tier,
            geo if type(geo) is str else base.inference_geo,
        )


def _count(value: object, default: int) -> int:
    return value if type(value) is int and value >= 0 else default


NOTHING = Usage()
