"""Evals: how good the grades are, measured against golden answers."""
