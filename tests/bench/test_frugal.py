"""What is counted is all that a model is given to read: messages, and the schemas of reply and tools."""

from bench.frugal import QUESTION, tokens_of, twelve_criteria


def test_messages_schemas_and_tools_are_counted_and_nothing_else() -> None:
    request = {"messages": [{"role": "system", "content": "Be fair."}, {"role": "user", "content": "How?"}]}
    plain = tokens_of([request])
    assert plain == tokens_of([{**request, "temperature": 0, "max_tokens": 100, "model": "any"}])
    assert tokens_of([{**request, "response_format": {"type": "json_object"}}]) > plain
    assert tokens_of([{**request, "tools": [{"type": "function"}]}]) > plain
    assert tokens_of([request, request]) == 2 * plain


def test_both_are_asked_about_the_same_twelve_criteria() -> None:
    item = twelve_criteria()
    assert item.golden.rubric
    assert [c.id for c in item.criteria] == [c.id for c in item.golden.rubric.judged]
    assert (len(item.criteria), item.golden.rubric.id) == (12, QUESTION)
