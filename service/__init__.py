"""Grade free-text answers against rubrics, with evidence; start reading at `grading`."""
