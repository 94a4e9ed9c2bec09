"""Grade one answer as `POST /grade` would, without a server."""

from service.api.problems import problem_of
from service.api.requests import OPEN_OWNER, GradeRequest
from service.bootstrap import running
from service.core.grade import Grade
from service.core.rubric import Rubric
from service.settings import Settings


async def graded(settings: Settings, rubric: Rubric, request: GradeRequest, request_id: str) -> Grade:
    """The grade. Raises what starting and grading raise."""
    async with running(settings) as service:
        return await service.grader.grade(
            rubric, service.catalog.rules, request.answer, request.wish(request_id, OPEN_OWNER)
        )


def problem_json(error: Exception, request_id: str) -> bytes:
    """The body that the API would send for this error."""
    return bytes(problem_of(error, request_id).body)
