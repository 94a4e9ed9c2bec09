"""Bounds are for local grammars; providers get the bare shape."""

from service.core.rubric import Pitfall, Point
from service.judges.one_call import reply_schema
from service.models.schemas import without_bounds


def test_bounds_go_and_everything_else_stays() -> None:
    schema = {
        "type": "object",
        "properties": {
            "at": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 5},
            "why": {"type": "string", "maxLength": 60},
        },
        "required": ["at", "why"],
    }
    assert without_bounds(schema) == {
        "type": "object",
        "properties": {"at": {"type": "array", "items": {"type": "integer"}}, "why": {"type": "string"}},
        "required": ["at", "why"],
    }


def test_the_schema_of_a_reply_is_bounded_for_those_who_take_it() -> None:
    schema = reply_schema((Point(id="p1", text="x"), Pitfall(id="f1", text="y")))
    assert "maxLength" in str(schema)
    assert "maxLength" not in str(without_bounds(schema))
    assert "minimum" not in str(without_bounds(schema))
