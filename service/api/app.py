"""The routes. Each one's docstring is its contract."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response, routing
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException as StarletteHTTPException

from service import __version__, metrics
from service.api import examples
from service.api.batch import LINES, items_of, lines
from service.api.front import Front
from service.api.gate import Gate
from service.api.keys import Keyring
from service.api.problems import BadRequest, problem, problem_of
from service.api.replies import Replies
from service.api.requests import GradeRequest, answer_alone, grade_request
from service.api.streaming import Streamed, events_reply, wants_events
from service.api.surroundings import Surroundings
from service.catalog import Catalog
from service.core.errors import GradingError
from service.core.grade import Grade
from service.core.rubric import Rubric, RubricSet
from service.grading import Grader, Wish

router = APIRouter()


class Parts:
    """What the routes need: a grader, the catalog, whether the store answers, and who may call (None: anybody)."""

    def __init__(
        self, grader: Grader, catalog: Catalog, store_ready: Callable[[], Any], keys: Keyring | None = None
    ) -> None:
        self.grader = grader
        self.catalog = catalog
        self.store_ready = store_ready
        self.keys = keys
        self.replies = Replies(grader, catalog)


def create_app(start: Callable[[], AbstractAsyncContextManager[Parts]]) -> FastAPI:
    """The application. `start` is entered before the first request is taken and left after the last."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with start() as parts:
            app.state.parts = parts
            _find_lines(grade, grade_batch)
            yield

    app = FastAPIOffline(
        title="Answer grader",
        summary="Grades free-text answers against rubrics, and shows the evidence.",
        version=__version__,
        lifespan=lifespan,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics tells; looked for at each request
    )
    app.router.routes += router.routes  # those of a router that is included are built at the first request
    plain_openapi = app.openapi
    app.openapi = lambda: app.openapi_schema or examples.described(plain_openapi())  # type: ignore[method-assign]
    app.add_exception_handler(GradingError, _on_error)
    app.add_exception_handler(BadRequest, _on_error)
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
    for middleware in (Front, Gate, Surroundings):  # the last added is the first met
        app.add_middleware(middleware)
    return app


@router.post(
    "/grade",
    summary="Grade one answer",
    response_model=Grade,
    responses=examples.GRADE_RESPONSES,
    openapi_extra={"requestBody": examples.GRADE_REQUEST_BODY},
    tags=["grading"],
)
async def grade(request: Request) -> Response:
    """Grade one answer.

    200 means graded, not good. `status` says how far: `graded`, `partial` (some criteria are `unassessed`, and
    `score_bounds` says how far they could move the score) or `abstained` (nothing to grade; `flags` says why, no
    model was asked). `evidence` holds code points of `answer` exactly as sent: `answer[start:end] == text`.
    `X-Cache` repeats `cache`: `hit` means that no model was asked, `coalesced` that another request for the same was
    under way and its verdicts were shared.

    With `Accept: text/event-stream` the reply is a stream: a `verdict` event for each criterion as soon as it is
    decided (again where a better verdict replaces it), and one `grade` event last, with the body that would else be the
    reply, or `{"status": "failed", "problem": {…}}`. A comment comes every 15 seconds of silence. A caller that leaves
    stops the work, unless others wait for the same.
    """
    wanted = await grade_request(request)
    parts: Parts = request.app.state.parts
    asked = _asked(wanted, request)
    if wants_events(request):
        return events_reply(parts.grader, *asked)
    result = await parts.grader.grade(*asked)
    headers = {"X-Cache": result.cache} if result.cache else {}
    return Response(result.model_dump_json(), media_type="application/json", headers=headers)


@router.post(
    "/grade/batch",
    summary="Grade up to a hundred answers",
    responses=examples.BATCH_RESPONSES,
    openapi_extra={"requestBody": examples.BATCH_REQUEST_BODY},
    tags=["grading"],
)
async def grade_batch(request: Request) -> Response:
    """Grade up to 100 answers, each as `POST /grade` would, in one request of at most 8 MB.

    Each item may have an `id` of the caller's. The reply is NDJSON, a line for each item as it is done: `index` in the
    request, `id` (null without one), then the grade's fields; or `status` `failed` and `problem`, also for an item that
    is wrong in itself. One that fails doesn't fail the rest: 200 means that the batch was read. 8 items of a batch are
    graded at once, and an item's deadline begins with its turn. A caller that leaves stops the work.
    """
    items = await items_of(request)
    parts: Parts = request.app.state.parts

    async def grade_one(wanted: GradeRequest) -> Grade:
        return await parts.grader.grade(*_asked(wanted, request))

    return Streamed(lines(items, grade_one, request.state.request_id), LINES)


@router.delete(
    "/grades",
    summary="Forget an answer",
    responses=examples.FORGET_RESPONSES,
    openapi_extra={"requestBody": examples.FORGET_REQUEST_BODY},
    tags=["grading"],
)
async def forget(request: Request) -> JSONResponse:
    """Forget all that is remembered of an answer for the caller: verdicts under every rubric, and whole grades.

    200 means that nothing is remembered now; `forgotten` says whether there was something. 503: that could not be
    confirmed; ask again, forgetting twice does no harm. A grade of the same answer that is under way meanwhile is
    remembered when it is done.
    """
    answer = await answer_alone(request)
    parts: Parts = request.app.state.parts
    forgotten = await parts.grader.forget(answer, request.state.owner)
    return JSONResponse({"forgotten": forgotten, "request_id": request.state.request_id})


@router.get("/questions", summary="The questions there are", tags=["rubrics"])
async def questions(request: Request) -> JSONResponse:
    """The questions there are: id, title, question, role, format, whether STAR applies, how many criteria."""
    parts: Parts = request.app.state.parts
    listed = [
        {
            **rubric.model_dump(mode="json", include={"id", "title", "question", "role", "format", "star"}),
            "points": len(rubric.points),
            "pitfalls": len(rubric.pitfalls),
        }
        for rubric in parts.catalog.listed
    ]
    return JSONResponse({"questions": listed})


@router.get(
    "/questions/{question_id}",
    summary="One question's rubric",
    response_model=Rubric,
    responses=examples.NOT_FOUND,
    tags=["rubrics"],
)
async def question(question_id: str, request: Request) -> Response:
    """One question's rubric, with the keys of its file. 404: no such question."""
    parts: Parts = request.app.state.parts
    rubric = parts.catalog.rubric_for(question_id)
    return Response(rubric.model_dump_json(exclude_none=True), media_type="application/json")


@router.get("/healthz", summary="Whether the process runs", tags=["operation"])
async def healthz() -> dict[str, str]:
    """200 while the process runs."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether it can grade, and whether it remembers", tags=["operation"])
async def readyz(request: Request) -> dict[str, str]:
    """200 once models are loaded and rubrics read: the port opens only then.

    `store` says whether verdicts are being remembered. A store that is away slows and costs, but stops nothing.
    """
    parts: Parts = request.app.state.parts
    return {"status": "ready", "store": "ok" if await parts.store_ready() else "away"}


@router.get("/metrics", include_in_schema=False)
async def metrics_page(request: Request) -> Response:
    """All instruments in the format that is asked for: Prometheus' text, or OpenMetrics."""
    page, content_type = metrics.exposition(request.headers.get("accept", ""))
    return Response(page, media_type=content_type)


def _find_lines(*endpoints: Callable[..., Any]) -> None:
    """Where these stand in their file, for what its errors say, FastAPI finds out at the first request to each, which
    takes a tenth longer. It keeps what it found. A FastAPI that has no such function is left alone.
    """
    find = getattr(routing, "_extract_endpoint_context", None)
    if find:
        for endpoint in endpoints:
            find(endpoint)


def _asked(wanted: GradeRequest, request: Request) -> tuple[Rubric, RubricSet, str, Wish]:
    """What the grader is asked. Raises UnknownQuestion."""
    catalog: Catalog = request.app.state.parts.catalog
    rubric = wanted.rubric or catalog.rubric_for(wanted.question_id or "")
    wish = wanted.wish(request.state.request_id, request.state.owner, catalog.set_of(wanted.question_id))
    return rubric, catalog.rules, wanted.answer, wish


async def _on_error(request: Request, error: Exception) -> Response:
    return problem_of(error, request.state.request_id)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException | StarletteHTTPException)
    title = {404: "Not found", 405: "Method not allowed"}.get(error.status_code, "Refused")
    detail = f"{request.method} {request.url.path}: {error.detail}; GET /docs shows the routes"
    return problem(error.status_code, title, detail, request.state.request_id, error.headers)
