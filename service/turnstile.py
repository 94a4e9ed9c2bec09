"""One at a time, and the event loop goes round between two."""

import asyncio


class Turnstile:
    """Where many come at once with work that takes the processor, the loop is not theirs until all of it is done:
    others have their turn between one and the next, and what one sends off is under way while the next is worked on.
    """

    def __init__(self) -> None:
        self._free = asyncio.Lock()

    async def through(self) -> None:
        """Wait for those who came before, and for one round of the loop."""
        async with self._free:
            await asyncio.sleep(0)
