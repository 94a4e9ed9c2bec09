"""Which language a text is in, and what of it depends on the language."""

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from service.core.frozen import Frozen

_KNOWN = ("en", "es", "pt", "fr", "de", "it", "nl", "pl", "ru", "tr", "ar", "hi", "ja", "ko", "zh")

_FIRST_PERSON = {
    "en": (r"i|me|my|mine|myself|i['’](?:m|d|ve|ll)", r"we|us|our|ours|ourselves|we['’](?:re|d|ve|ll)"),
    "fr": (r"je|j['’]\w+|me|moi|mon|ma|mes", r"nous|notre|nos"),
    # Spanish and Portuguese leave the pronoun out: the verb's ending tells.
    "es": (
        r"yo|mi|mis|conmigo|\w{2,}é|\w{2,}í|hice|fui|tuve|estuve|pude|puse|quise|dije|vine|supe|propuse|traje|conduje",
        r"nosotros|nosotras|nuestr[oa]s?|\w{2,}[aei]mos|\w{2,}ábamos|\w{2,}íamos",
    ),
    "pt": (
        r"eu|meu|minha|meus|minhas|comigo|\w{2,}ei|\w{3,}i|fiz|fui|tive|estive|pude|pus|quis|disse|vim|soube|propus|trouxe",
        r"nós|noss[oa]s?|\w{2,}[aei]mos|\w{2,}ávamos|\w{2,}íamos",
    ),
}
_NOT_VERBS = frozenset("qué así aquí allí ahí también después café allá sí más comité foi depois dezesseis".split())


class Ownership(Frozen):
    """How often the answer speaks as 'I' and as 'we'."""

    singular: int
    plural: int


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(_KNOWN))
    return identifier


def language_of(text: str) -> str:
    """ISO 639-1 code of the likeliest of the languages we tell apart."""
    return str(_identifier().classify(text)[0])


def ownership_of(text: str, language: str | None) -> Ownership | None:
    """First-person counts; None in a language whose forms we don't know.

    By pronouns in English and French, by verb forms as well in Spanish and Portuguese.
    """
    forms = _FIRST_PERSON.get(language or "")
    if forms is None:
        return None
    words = [w for w in re.findall(r"\w+(?:['’]\w+)?", text.casefold()) if w not in _NOT_VERBS]
    singular, plural = (re.compile(form) for form in forms)
    return Ownership(
        singular=sum(bool(singular.fullmatch(w)) for w in words),
        plural=sum(bool(plural.fullmatch(w)) for w in words),
    )
