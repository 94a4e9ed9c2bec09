"""What tests all over the tree share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from service.models.local import LocalModel
from service.models.weights import default_path
from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for all tests that neither stop it, freeze it nor change its settings."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def weights() -> Path:
    """The real weights; `make test` fetches them first."""
    path = default_path()
    assert path.is_file(), f"no weights at {path}; `make test` fetches them, or run `grader models fetch`"
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def local_model(weights: Path) -> AsyncIterator[LocalModel]:
    """The real model, loaded once for all tests."""
    model = LocalModel(weights)
    await model.warm()
    yield model
    await model.close()
