"""Every test of hosted models begins without a key in its environment, and may put its own replies on the wire."""

from collections.abc import AsyncIterator, Iterator

import pytest
import respx

from service.models.hosted import HostedModel
from tests.service.models.hosted.wire import KEY, NOBODY, PROVIDER_KEYS


@pytest.fixture(autouse=True)
async def clean_environment(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    loaded = HostedModel("openai/any", NOBODY, api_key=KEY)
    await loaded.warm()  # first: litellm reads a .env as it is imported
    for name in PROVIDER_KEYS:
        monkeypatch.delenv(name, raising=False)
    yield
    await loaded.close()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.MockRouter]:
    monkeypatch.setenv("DISABLE_AIOHTTP_TRANSPORT", "True")  # respx stands in for httpx alone
    with respx.mock(assert_all_called=False) as router:
        yield router
