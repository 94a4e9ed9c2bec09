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
) -> None:
    """Serve the HTTP API. The default local weights are fetched first if they are not there.

    Exit codes: 2 a setting, file or address is wrong, 3 the judge is unreachable.

    \b
    Examples:
      grader serve
      grader serve --port 9000
      GRADER_MODEL=openai/gpt-5-mini grader serve
    """
    settings = read_settings(host=host, port=port)
    with plainly():
        if "local" in settings.models:
            fetched()
        gc.disable()  # start-up makes no garbage, and would be looked through again and again; a server enables it
        try:
            from service.cli import server

            server.run(settings)
        finally:
            gc.enable()
