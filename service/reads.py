"""Send what is asked within one turn of the event loop together: one round trip for all who wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Reply = TypeVar("Reply")


class Together(Generic[Asked, Reply]):
    """`send` is given all that was asked in one turn, and gives a reply to each, in order.

    Who leaves harms nobody else: the round trip is nobody's own, and goes on for those who stay.
    """

    def __init__(self, send: Callable[[Sequence[Asked]], Awaitable[Sequence[Reply]]]) -> None:
        self._send = send
        self._waiting: list[tuple[Asked, asyncio.Future[Reply]]] = []
        self._under_way: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly

    async def ask(self, asked: Asked) -> Reply:
        """The reply to this one. Raises what `send` raises."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((asked, reply))
        if len(self._waiting) == 1:
            loop.call_soon(self._depart)
        return await reply

    def _depart(self) -> None:
        aboard, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._round_trip(aboard))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _round_trip(self, aboard: Sequence[tuple[Asked, asyncio.Future[Reply]]]) -> None:
        try:
            replies = await self._send([asked for asked, _ in aboard])
        except BaseException as error:
            for _, reply in aboard:
                if not reply.done():
                    reply.cancel() if isinstance(error, asyncio.CancelledError) else reply.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, reply), said in zip(aboard, replies, strict=True):
            if not reply.done():
                reply.set_result(said)
