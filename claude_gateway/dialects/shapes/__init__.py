"""What bodies look like, in JSON Schema, each under its name.

A shape takes its bounds from the reader or the writer that it tells of, and tests compare the two.
This is read when somebody asks for the description of the API, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.shapes import (
    answering,
    budgets,
    common,
    keys,
    models,
    projects,
    runs,
    sessions,
    tools,
)
from claude_gateway.dialects.shapes.parameters import PARAMETERS
from claude_gateway.dialects.shapes.words import Shape

__all__ = ["PARAMETERS", "SHAPES", "Shape"]

SHAPES: Mapping[str, Shape] = {
    name: shape
    for module in (common, models, answering, projects, sessions, runs, tools, keys, budgets)
    for name, shape in module.SHAPES.items()
}
