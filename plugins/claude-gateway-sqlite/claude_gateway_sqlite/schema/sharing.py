"""What users may use, and who shares whose projects: a step of the schema."""

from __future__ import annotations

# The number of this step, here and in its last line.
V8 = """
ALTER TABLE users ADD COLUMN limits TEXT;

PRAGMA user_version = 8;
"""
