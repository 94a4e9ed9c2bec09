"""The command line: `grader serve | grade | rubrics … | models … | keys … | eval …`."""

import typer

from service.cli import evals, grade, keys, models, rubrics, serve

# Typer's own tracebacks would show local variables, and with them the candidate's words.
app = typer.Typer(
    name="grader",
    help="Grade free-text answers against rubrics, and show the evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(grade.grade)
app.add_typer(rubrics.app, name="rubrics")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(evals.app, name="eval")


def main() -> None:
    """The entry point of `grader`."""
    app()
