"""The HTTP side: routes, one table of problems, and what surrounds every request."""
