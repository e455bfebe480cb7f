"""The gateway's own API: projects, sessions, messages and tools, read and written."""
