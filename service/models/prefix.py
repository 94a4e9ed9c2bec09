"""What the prompts of all answers to one question begin with, and how providers are told to keep it."""

from typing import Any

from service.core.prompt import Prompt

# Claude keeps a beginning only where the caller marks it. Others find out for themselves what two prompts begin with;
# that the answer comes last is all they need.
_MARKING = ("anthropic", "bedrock", "bedrock_converse", "vertex_ai", "azure_ai", "openrouter")
_CHARACTERS_A_TOKEN = 4  # of English; other languages take more tokens, and then less is marked than could be


def least_marked(litellm: Any, name: str, provider: str) -> int | None:
    """Tokens from which on the provider keeps a marked beginning; None where it needs no mark, or takes none."""
    if provider not in _MARKING or "claude" not in name.lower():
        return None
    return int(litellm.utils.get_prompt_cache_min_tokens(name))


def user_content(prompt: Prompt, least: int | None) -> str | list[dict[str, Any]]:
    """The user's message, as text or, where the beginning is long enough to be kept, in two parts with a mark.

    To keep one costs a quarter more, once; to read it again, a tenth. Below `least` a mark has no effect.
    """
    tokens = (len(prompt.system) + prompt.shared) // _CHARACTERS_A_TOKEN
    if not prompt.shared or least is None or tokens < least:
        return prompt.user
    return [
        {"type": "text", "text": prompt.user[: prompt.shared], "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": prompt.user[prompt.shared :]},
    ]
