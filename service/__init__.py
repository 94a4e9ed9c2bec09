"""Grade free-text answers against rubrics, with evidence; start reading at `grading`."""

__version__ = "0.1.0"
