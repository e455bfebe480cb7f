"""A deterministic offline backend."""


class Plugin:
    """Hook implementations."""


plugin = Plugin()
