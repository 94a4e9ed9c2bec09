"""The base of every value that crosses a border: YAML, HTTP, cache, eval records."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, and strict about its fields: an unknown one is an error, so is NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
