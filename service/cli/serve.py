"""`grader serve`: the HTTP service."""

import gc
from typing import Annotated

import typer

from service.cli.failing import plainly, read_settings
from service.cli.models import fetched


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else GRADER_HOST or 127.0.0.1.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port; else GRADER_PORT or 8000; 0 takes any.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that share the port; else GRADER_WORKERS or 1.", show_default=False),
    ] = None,
) -> None:
    """Serve the HTTP API. The default local weights are fetched first if they are not there.

    With several workers /metrics gives the sum over all, whichever answers. Each has its own limits and breakers, its
    own local model if there is one, and, without Redis, its own memory.

    Exit codes: 2 a setting, file or address is wrong, 3 the judge is unreachable.

    \b
    Examples:
      grader serve
      grader serve --port 9000
      grader serve --workers 4
      GRADER_MODEL=openai/gpt-5-mini grader serve
    """
    settings = read_settings(host=host, port=port, workers=workers)
    with plainly():
        if "local" in settings.models:
            fetched()
        if settings.workers > 1:
            from service.cli import workers as crew

            crew.run(settings)
            return
        gc.disable()  # start-up makes no garbage, and would be looked through again and again; a server enables it
        try:
            from service.cli import server

            server.run(settings)
        finally:
            gc.enable()
