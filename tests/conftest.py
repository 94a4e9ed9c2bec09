"""What tests all over the tree share."""

from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests that neither stop it, freeze it nor change its settings."""
    with RedisServer() as server:
        yield server
