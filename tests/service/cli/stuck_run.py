"""A process for tests: a run of an eval whose judge replies three times and then never again.

python -m tests.service.cli.stuck_run GOLDEN RUBRICS DIR REPLY
"""

import asyncio
import sys
from pathlib import Path

import typer

from evals.recording import Recording
from evals.run import Plan, run, source_of
from service.bootstrap import assemble
from service.catalog import read_catalog
from service.cli.evals import until_stopped
from service.core.prompt import Prompt
from service.models import Completion, OnText
from service.models.scripted import ScriptedModel
from service.settings import Settings

REPLIES = 3


class Stuck(ScriptedModel):
    async def complete(self, prompt: Prompt, timeout_seconds: float, on_text: OnText | None = None) -> Completion:
        if len(self.prompts) == REPLIES:
            await asyncio.Event().wait()
        return await super().complete(prompt, timeout_seconds, on_text)


def main(golden: Path, rubrics: Path, folder: Path, reply: str) -> None:
    settings = Settings(model="scripted:-", judge="one_call", secret="evals", rubrics_dir=rubrics)
    service = assemble(settings, (Recording(Stuck([reply])),))
    until_stopped(run(service, source_of(golden, read_catalog(rubrics)), Plan(), folder), folder)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    except typer.Exit as left:
        sys.exit(left.exit_code)
