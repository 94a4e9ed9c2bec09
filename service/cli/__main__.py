"""`python -m service.cli` is `grader`."""

from service.cli import main

main()
