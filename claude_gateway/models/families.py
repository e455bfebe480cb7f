"""What to make of a Claude that nobody listed: it is like the newest of its family that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from claude_gateway.models.table import shipped_models
from claude_gateway.types.models import ModelInfo

Version: TypeAlias = tuple[int, ...]

# claude-opus-5-5, claude-haiku-4-5-20251001: a family and at most two numbers, then a day.
NAMED = re.compile(r"claude-([a-z]+)((?:-\d{1,3}){1,2})(?:-latest|-\d{8})?")


# Families that are listed for nobody, and those whose models they are like.
LIKE: Mapping[str, str] = {"mythos": "fable"}

# The same model, named more exactly.
SNAPSHOT = re.compile(r"(.+)-(?:latest|\d{8})")


def describe_model(model_id: str) -> ModelInfo:
    """What this version knows of a model, or guesses from the newest of its family."""
    known = {model.id: model for model in shipped_models()}
    return known.get(model_id) or guess(model_id, shipped_models())


def guess(model_id: str, known: Sequence[ModelInfo]) -> ModelInfo:
    """Describe an unlisted id as far as its name tells. What it costs, no name tells.

    Only a dated id of a listed model is that model itself, its price included.
    Limits and abilities are those of its family's newest model that is not newer than itself, or
    of the oldest when all are. Of another family, or of no name that can be read, nothing is known.
    """
    if (dated := SNAPSHOT.fullmatch(model_id)) is not None:
        for model in known:
            if model.id == dated[1]:
                return replace(model, id=model_id)
    version = _version(model_id)
    family = sorted(_family(version, known), key=lambda pair: pair[0])
    if version is None or not family:
        return ModelInfo(model_id)
    older = [model for number, model in family if number <= version[1]]
    like = older[-1] if older else family[0][1]
    return replace(
        like,
        id=model_id,
        name="",
        description="",
        released=None,
        deprecated=None,
        retires=None,
        legacy=False,
        price=None,
        prices=(),
    )


def _family(
    version: tuple[str, Version] | None, known: Iterable[ModelInfo]
) -> Iterable[tuple[Version, ModelInfo]]:
    for model in known:
        other = _version(model.id)
        if version is not None and other is not None and other[0] == version[0]:
            yield other[1], model


def _version(model_id: str) -> tuple[str, Version] | None:
    read = NAMED.fullmatch(model_id)
    if read is None:
        return None
    return LIKE.get(read[1], read[1]), tuple(int(number) for number in read[2].split("-")[1:])
