"""Pure rules of grading: values in, values out; no network, files, clock or randomness."""
