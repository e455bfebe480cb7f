"""The process that tests start is the command itself, and tells what happened to it."""

from __future__ import annotations

import pytest

from claude_gateway.testing import GatewayDidNotStart, GatewayProcess


async def test_a_gateway_that_cannot_start_says_why() -> None:
    gateway = GatewayProcess(args=["--no-such-option"])
    with pytest.raises(GatewayDidNotStart, match="no-such-option"):
        async with gateway:
            pytest.fail("it started")
    assert gateway.exit_code not in {0, None}
    assert not gateway.folder.exists()
