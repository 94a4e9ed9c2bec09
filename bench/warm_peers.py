"""What a warm grade is compared with: `python -m bench.warm_peers bare|plain --port N --redis URL`.

`bare`: an ASGI app that hashes the body and does one GET. `plain`: a FastAPI route with a body model and one GET.
Both run as the service does: uvicorn, one worker, no access log, the same event loop and HTTP parser.
"""

import argparse
import hashlib
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel
from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send


class Body(BaseModel):
    """As much of a grade's request as is sent here."""

    question_id: str
    answer: str
    options: dict[str, Any] = {}


def bare(redis: Redis) -> ASGIApp:
    """No framework, no check, no limit."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        value = await redis.get(key_of(body)) or b""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(value)).encode())]
        await send({"type": "http.response.start", "status": 200 if value else 404, "headers": headers})
        await send({"type": "http.response.body", "body": value})

    return app


def plain(redis: Redis) -> ASGIApp:
    """As FastAPI's documentation has it, but for the reply, which is spared the encoder."""
    app = FastAPI()

    @app.post("/grade")
    async def grade(body: Body) -> Response:
        value = await redis.get(key_of(body.answer.encode()))
        return Response(value or b"", 200 if value else 404, media_type="application/json")

    return app


def key_of(hashed: bytes) -> str:
    """Where the peers find a reply."""
    return hashlib.sha256(hashed).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=("bare", "plain"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis", required=True)
    wanted = parser.parse_args()
    app = {"bare": bare, "plain": plain}[wanted.peer](Redis.from_url(wanted.redis))
    lifespan: Any = "off" if wanted.peer == "bare" else "on"
    uvicorn.run(app, port=wanted.port, access_log=False, log_level="warning", lifespan=lifespan)


if __name__ == "__main__":
    main()
