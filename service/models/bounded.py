"""A model with a bound on its calls in flight: the rest wait their turn, within their own deadlines."""

import asyncio

from service.core.prompt import Prompt
from service.models import Completion, Model


class Bounded:
    """Any model, asked at most `most` things at once."""

    def __init__(self, model: Model, most: int) -> None:
        self._model = model
        self._turns = asyncio.Semaphore(most)

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def identity(self) -> str:
        return self._model.identity

    @property
    def gives_odds(self) -> bool:
        return self._model.gives_odds

    async def warm(self) -> None:
        await self._model.warm()

    async def close(self) -> None:
        await self._model.close()

    async def complete(self, prompt: Prompt, timeout_seconds: float) -> Completion:
        async with self._turns:
            return await self._model.complete(prompt, timeout_seconds)
