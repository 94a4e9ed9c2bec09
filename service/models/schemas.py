"""JSON schemas as the wires take them."""

from collections.abc import Mapping
from typing import Any

# Not every provider takes these in strict mode, and code checks them anyway. A local server's grammar does take them,
# and a small model needs them: without maxLength it may never end a reason.
_BOUNDS = frozenset({"minimum", "maxItems", "maxLength"})


def without_bounds(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same shape without the bounds that a provider might refuse."""
    return {key: _without(value) for key, value in schema.items() if key not in _BOUNDS}


def _without(value: Any) -> Any:
    return without_bounds(value) if isinstance(value, Mapping) else value
