"""Which language a text is in, and what of it depends on the language."""

import re
from collections import Counter
from functools import cache

import gcld3

from service.core.frozen import Frozen

_KNOWN = ("en", "es", "pt", "fr", "de", "it", "nl", "pl", "ru", "tr", "ar", "hi", "ja", "ko", "zh")

_ENOUGH = 400  # characters: of 567 answers none was told differently by all of its text
_ENGLISH = re.compile(r"\b(?:the|and|of|that|with|they|this|were|from|which|have|been|would|our|their|because|when)\b")
_ENGLISH_WORDS = 6  # of these; in our texts of other languages stands none, and a quotation rarely has so many

_FORMS = {
    "en": (r"i|me|my|mine|myself|i['’](?:m|d|ve|ll)", r"we|us|our|ours|ourselves|we['’](?:re|d|ve|ll)"),
    "fr": (r"je|[jm]['’]\w+|me|moi|mon|ma|mes", r"nous|notre|nos"),
    # Spanish and Portuguese leave the pronoun out: the verb's ending tells. An accent further up ("últimos") tells of
    # an adjective, save in the past tenses that bear one.
    "es": (
        r"yo|mi|mis|conmigo|\w{2,}[éí]|he|soy|estoy|tengo|hice|fui|tuve|estuve|pude|puse|quise|dije|vine|supe|propuse"
        r"|traje|\w+duje",
        r"nosotr[oa]s|nos|nuestr[oa]s?|[a-zñç]+[aei]mos|\w+ímos|somos|éramos|\w*[áí]b?amos",
    ),
    "pt": (
        r"eu|meu|minha|meus|minhas|comigo|\w{2,}ei|\w{2,}(?:[^\Waeiouáéíóú]|gu)i|\w{2,}í|sou|estou|tenho|fiz|fui|tive"
        r"|estive|pude|pus|quis|disse|vim|soube|propus|trouxe",
        r"nós|noss[oa]s?|[a-zç]+[aei]mos|\w+ímos|somos|fomos|éramos|tínhamos|\w*[áí]v?amos",
    ),
}
_FIRST_PERSON = {
    language: re.compile(f"(?P<singular>{singular})|(?P<plural>{plural})")
    for language, (singular, plural) in _FORMS.items()
}
_ALIKE = frozenset(
    re.findall(
        r"\w+",
        """qué así aquí allí ahí también después café allá sí más comité porqué bebé josé extremos gramos tramos
        supremos foi depois dezesseis daqui dali daí semi anti multi mini taxi júri gemini""",
    )
)
"""Words with the ending of a first person that are none."""
# "i.e." and "I/O" are nobody, and "US" is a country.
_WORD = re.compile(r"\b(?!(?i:i\.e|i/o)\b|US\b)\w+(?:['’]\w+)?")


class Ownership(Frozen):
    """How often the answer speaks as 'I' and as 'we'."""

    singular: int
    plural: int


@cache
def _identifier() -> gcld3.NNetLanguageIdentifier:
    return gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=4 * _ENOUGH)


def language_of(text: str) -> str:
    """ISO 639-1 code of the likeliest of the languages we tell apart, by the beginning of the text; else English."""
    beginning = text[:_ENOUGH]
    if len(_ENGLISH.findall(beginning)) >= _ENGLISH_WORDS:  # most English texts, in a tenth of the detector's time
        return "en"
    likeliest = str(_identifier().FindLanguage(text=beginning).language).partition("-")[0]
    return likeliest if likeliest in _KNOWN else "en"


def ownership_of(text: str, language: str | None) -> Ownership | None:
    """First-person counts; None in a language whose forms we don't know.

    By pronouns in English and French, by verb forms as well in Spanish and Portuguese.
    """
    if language not in _FIRST_PERSON:
        return None
    form_of, said = _FIRST_PERSON[language].fullmatch, Counter[str | None]()
    for written, count in Counter(_WORD.findall(text)).items():
        word = written.casefold()
        if word not in _ALIKE and (form := form_of(word)):
            said[form.lastgroup] += count
    return Ownership(singular=said["singular"], plural=said["plural"])
