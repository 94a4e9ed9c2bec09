"""A hosted model's reply taken piece by piece, and put together as if it had come whole."""

from typing import Any

from service.models import OnText

_CUT = "length"


async def written(litellm: Any, stream: Any, on_text: OnText) -> Any:
    """The reply as litellm's ModelResponse, each piece told as it comes.

    A connection that breaks after the first piece ends the reply there, as if it had been cut off. Before it, litellm's
    error is raised, or where it has none (it takes a stream that ends for one that is done) the reply has no choices.
    Usage that the provider did not send stays unknown: litellm would estimate it. An OpenAI model's own refusal is an
    empty reply here, for litellm drops it from streams.
    """
    import openai

    pieces: list[str] = []
    finish: str | None = None
    try:
        async for chunk in stream:
            choice = chunk.choices[0] if chunk.choices else None
            if choice is None:
                continue
            if choice.delta.content:
                pieces.append(choice.delta.content)
                on_text(choice.delta.content)
            finish = finish or choice.finish_reason
    except openai.APIError:
        if not pieces:
            raise
        finish = _CUT
    finally:
        await stream.aclose()  # or a caller that leaves would leave the connection open
    if stream.received_finish_reason is None:
        finish = _CUT  # the stream ended without saying why; litellm would say that it had stopped by itself
    usage = next((chunk.usage for chunk in stream.chunks if getattr(chunk, "usage", None)), None)
    message = {"role": "assistant", "content": "".join(pieces)}
    response = litellm.ModelResponse(choices=[{"index": 0, "finish_reason": finish, "message": message}])
    response.usage = usage
    if finish == _CUT and not pieces:
        response.choices = []
    return response
