"""Who may pass: every request but those for probes and docs needs an API key where there are keys. Plain ASGI."""

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.keys import KeyRefused
from service.api.problems import problem
from service.api.requests import OPEN_OWNER

_OPEN_PATHS = frozenset(("/healthz", "/readyz", "/metrics", "/docs", "/docs/oauth2-redirect", "/openapi.json"))
_OPEN_FOLDER = "/static-offline-docs/"


class Gate:
    """Lets through whom the keyring knows, with `owner` in the request's state; a route added later is guarded too.

    How often a key may call, and what it may cost, belongs here: after the owner is known, before the body is read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            keys = scope["app"].state.parts.keys
            state = scope["state"]
            state["owner"] = OPEN_OWNER
            if keys is not None and not _is_open(scope["path"]):
                try:
                    state["owner"] = keys.owner_of(_key(scope))
                except KeyRefused as refusal:
                    await _refused(refusal, state["request_id"])(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)


def _key(scope: Scope) -> str | None:
    """From `Authorization: Bearer`, else `X-API-Key`; None where neither is there."""
    other = None
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].strip().decode("latin-1"))
        if name == b"x-api-key":
            other = str(value.strip().decode("latin-1"))
    return other


def _refused(refusal: KeyRefused, request_id: str) -> ASGIApp:
    if refusal.revoked:
        return problem(403, "Key not allowed", str(refusal), request_id)
    challenge = 'Bearer realm="grader"' + (', error="invalid_token"' if refusal.given else "")
    title = "Wrong API key" if refusal.given else "No API key"
    return problem(401, title, str(refusal), request_id, {"WWW-Authenticate": challenge})
