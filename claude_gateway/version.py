"""The version, in one place: packaging, `/health` and the CLI read it here."""

__version__ = "0.1.0"
