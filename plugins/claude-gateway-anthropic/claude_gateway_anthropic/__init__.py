"""Claude, by Anthropic's Messages API."""


class Plugin:
    """Hook implementations."""


plugin = Plugin()
