"""What all parts of the kit need."""

from __future__ import annotations

from typing import ClassVar

import pytest

from claude_gateway.stores import Store


class OfAStore:
    """Tests of a store, which comes as a fixture; it is empty when a test begins.

    `searches` is False for a store that refuses to look for words.
    """

    searches: ClassVar[bool] = True

    @pytest.fixture
    async def store(self) -> Store:
        """Return or yield the store to test; override this one."""
        raise NotImplementedError("a class that inherits the kit has a fixture called `store`")
