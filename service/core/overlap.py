"""How many of a criterion's own words an answer uses: what can be known of it without reading."""

from service.core.answer import Answer, words_of

_LONGEST_FUNCTION_WORD = 3  # letters; a list of function words would be another one for each language
_STEM = 5  # letters that "validates" and "validation" share
_UNSPACED = "\u3040"  # from here on lie the scripts in which each character is a word


def word_overlap(wanted: str, answer: Answer) -> float | None:
    """Share of the content words of `wanted` that the answer holds, by their first five letters; in [0, 1].

    Content words: longer than three letters, or with a digit, or a character of a script written without spaces.
    It is ROUGE-1's recall (Lin 2004) but that a word counts once. None where `wanted` has no content words.
    """
    stems = stems_of(wanted)
    return len(stems & {word[:_STEM] for word in answer.words}) / len(stems) if stems else None


def stems_of(text: str) -> frozenset[str]:
    """The first five letters of its content words."""
    return frozenset([word[:_STEM] for word in words_of(text) if _has_content(word)])


def _has_content(word: str) -> bool:
    if len(word) > _LONGEST_FUNCTION_WORD or word[0] >= _UNSPACED:
        return True
    return not word.isalpha() and any(map(str.isdigit, word))
