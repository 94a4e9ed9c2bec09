"""What is decided without a model: whether there is anything to grade, and whether a human should look."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from service.core.answer import Answer, Sentence, words_of
from service.core.frozen import Frozen
from service.core.injections import injections_of
from service.core.overlap import stems_of
from service.core.rubric import Rubric

Run = tuple[str, ...]
"""Words in a row."""

FEWEST_WORDS = 5
_ECHO_QUESTION = 0.8  # share of the answer's three-word runs that stand in the question
_OWN_WORDS = 3  # beside them; so many make an answer that quotes its question
_ECHO_RUBRIC = 0.7  # share of the other runs that stand in the rubric
_FEWEST_RECITED = 5  # content words; a shorter sentence may be in the rubric's words by chance
_OF_WHICH_OWN = 12  # one word in so many may be the candidate's own
_MOST_OWN = 2  # and no more than that
_REPEATED = 0.34  # five-word runs that differ, by its words: a passage said three times or more
_ENOUGH_TO_REPEAT = 15  # words


class FlagKind(StrEnum):
    """Why an answer was not graded, or what in it is not taken at its word (the last two), for a human to look at."""

    EMPTY = "empty"
    NO_CONTENT = "no_content"
    TOO_SHORT = "too_short"
    ECHO_QUESTION = "echo_question"
    ECHO_RUBRIC = "echo_rubric"
    REPEATED = "repeated"
    RECITAL = "recital"
    INJECTION_SUSPECTED = "injection_suspected"


FOR_REVIEW = frozenset({FlagKind.RECITAL, FlagKind.INJECTION_SUSPECTED})
"""Of a passage alone: the rest is graded."""


class Flag(Frozen):
    """A thing seen in the answer without a model; start and end are code points of it as received."""

    kind: FlagKind
    start: int
    end: int


# Phrases that stand in for an answer. Compared as words, so case and punctuation don't matter.
_NO_CONTENT = frozenset(
    words_of(phrase)
    for phrase in """
    to be determined|tbd|todo|n/a|na|none|nothing|no answer|no response|no comment|no submission|empty submission
    not answered|not applicable|idk|pass|skip|skipped|test|yes|no|ok|okay|hello|hi|nada|ninguna|nenhuma|aucune|rien
    sin respuesta|sem resposta|pas de réponse|keine antwort|なし|無回答|わかりません|分かりません|不知道|不清楚|无|没有
    """.replace("\n", "|").split("|")
    if phrase.strip()
)

# Words of openings and of declining. An answer made of them alone says nothing, in whatever order they stand.
_FILLER = frozenset(
    words_of(
        """
    a about all am an analysis and answer answering answers approach are asked asking be begin below break by can
    carefully clue conclusion consider deep do does don't dont down explain explanation final finally first following
    follows for give go going have here here's i i'd i'll i'm idea in is it it's its know let let's lets me my next no
    not now of ok okay on please problem process question questions reason reasoning reply response said say see
    solution solve solving sorry start step steps sure take that the then there therefore think thinking this thought
    thoughts through to us want we we'll well will with would you your asdf bla blah ipsum lorem qwerty 1 2 3
    a analicemos así con conclusión cuidado de detenidamente digamos el en es esta este esto explicación final idea la
    lo mi muy no pensamiento pensar pensemos paso por pregunta primero problema proceso pues que razonamiento
    reflexionemos resolvamos resolver respuesta sé siguiente solución tengo un una vamos veamos y yo
    a ao aqui conclusão com cuidado da de deste e está este explicação faço final ideia isso meu minha não o os passo
    para pensamento pensar pergunta por primeiro problema processo raciocínio resolver responder resposta saber sei
    seguir segue solução tenho um uma vamos ver
    à analysons au aucune ce cette commençons conclusion d'abord de donc du est et étape étapes explication finale
    idée il j'ai je la le les ma mon n'ai ne ni non nous par pas pensée pensons processus problème question
    raisonnement réfléchir réfléchissons réflexion réponse répondre résolvons résoudre sais solution une voici
    voyons
    antwort auf aufgabe das dem denken denkprozess der die diese dieses ein es folgt für frage habe hier ich ist keine
    ahnung lass lassen lösen lösung lösungsweg meine mal nachdenken nicht problem schritt schritte sie uns weiß wie wir
    解答案析题題問问法回复復让讓我们們来來一步地思考想这這个個是的最终終解決决かいせつ解説説明え次よ考えましうて分問と
    """
    )
)


def flags_of(answer: Answer, rubric: Rubric) -> tuple[Flag, ...]:
    """All that can be seen without a model; at most one reason not to grade, the first that holds."""
    recited = recited_in(answer, rubric)
    reason = _reason_not_to_grade(answer, rubric, recited)
    whole = (Flag(kind=reason, start=0, end=len(answer.received)),) if reason else ()
    passages = [(FlagKind.RECITAL, sentence.span) for sentence in recited if not reason]
    passages += [(FlagKind.INJECTION_SUSPECTED, span) for span in injections_of(answer)]
    return whole + tuple(Flag(kind=kind, start=span.start, end=span.end) for kind, span in passages)


def recited_in(answer: Answer, rubric: Rubric) -> tuple[Sentence, ...]:
    """Sentences that have hardly a word but the rubric's own: they say what is wanted, not what was done.

    None where the criteria may themselves be what is to be said (see `_asks_for_deeds`).
    """
    wanted = _known(rubric).wanted
    return tuple(sentence for sentence in answer.sentences if _recites(sentence, wanted)) if wanted else ()


def unheard(answer: Answer, flags: Iterable[Flag]) -> frozenset[int]:
    """The numbers of the sentences that are flagged as recited: no judge gets to read them."""
    spans = {(flag.start, flag.end) for flag in flags if flag.kind is FlagKind.RECITAL}
    return frozenset(sentence.number for sentence in answer.sentences if sentence.span in spans)


def nothing_to_grade(flags: Iterable[Flag]) -> bool:
    """Whether the flags are a reason to abstain."""
    return any(flag.kind not in FOR_REVIEW for flag in flags)


def _reason_not_to_grade(answer: Answer, rubric: Rubric, recited: tuple[Sentence, ...]) -> FlagKind | None:
    words = answer.words
    reasons: tuple[tuple[FlagKind, Callable[[], bool]], ...] = (
        (FlagKind.EMPTY, lambda: not answer.text),
        (FlagKind.NO_CONTENT, lambda: words in _NO_CONTENT or _FILLER.issuperset(words)),
        (FlagKind.TOO_SHORT, lambda: len(words) < FEWEST_WORDS),
        (FlagKind.ECHO_QUESTION, lambda: _echoes_question(words, rubric)),
        (FlagKind.ECHO_RUBRIC, lambda: _echoes_rubric(words, rubric) or _says_no_more(words, recited)),
        (FlagKind.REPEATED, lambda: len(words) >= _ENOUGH_TO_REPEAT and _repeats(words)),
    )
    return next((kind for kind, holds in reasons if holds()), None)


def _echoes_question(words: tuple[str, ...], rubric: Rubric) -> bool:
    known = _known(rubric)
    if len(set(words).difference(known.asked, _FILLER)) >= _OWN_WORDS:
        return False
    runs = [run for run in _runs(words, 3) if not _FILLER.issuperset(run)]
    return sum(run in known.asked_runs for run in runs) >= _ECHO_QUESTION * len(runs)


def _echoes_rubric(words: tuple[str, ...], rubric: Rubric) -> bool:
    """Judged by what stands beside the question, which an honest answer may quote."""
    known = _known(rubric)
    runs = echoed = 0
    for run in _runs(words, 3):
        if run not in known.asked_runs:
            runs += 1
            echoed += run in known.criteria_runs
            if runs - echoed > (1 - _ECHO_RUBRIC) * len(words):  # an honest answer is told by its first third
                return False
    return runs > 0 and echoed >= _ECHO_RUBRIC * runs


def _says_no_more(words: tuple[str, ...], recited: tuple[Sentence, ...]) -> bool:
    return bool(recited) and len(words) - sum(len(words_of(sentence.text)) for sentence in recited) < FEWEST_WORDS


def _recites(sentence: Sentence, wanted: frozenset[str]) -> bool:
    stems = stems_of(sentence.text)
    own = len(stems - wanted)
    return own <= _MOST_OWN and len(stems) >= _FEWEST_RECITED and own <= len(stems) // _OF_WHICH_OWN


class _Known(NamedTuple):
    """What an echo would repeat: the question's words, its three-word runs, and those of the criteria; and the stems of
    the criteria's words, none where an answer may well be in those.
    """

    asked: tuple[str, ...]
    asked_runs: frozenset[Run]
    criteria_runs: frozenset[Run]
    wanted: frozenset[str]


@lru_cache(maxsize=64)  # the same for every answer to a question, and far more text than an answer
def _known(rubric: Rubric) -> _Known:
    asked = Answer.of(rubric.question).words
    criteria = (run for text in _wording(rubric) for run in _runs(Answer.of(text).words, 3))
    wanted = frozenset(stem for text in _wording(rubric) for stem in stems_of(Answer.of(text).text))
    guarded = wanted if _asks_for_deeds(rubric, wanted) else frozenset()
    return _Known(asked, frozenset(_runs(asked, 3)), frozenset(criteria), guarded)


def _asks_for_deeds(rubric: Rubric, wanted: frozenset[str]) -> bool:
    """Whether the points say what a candidate does ("Names …", "Explains …") and not which facts are to be stated: each
    begins with such a word, and the example answer shows that it can be done without reciting them.
    """
    example = Answer.of(rubric.example_answer or "")
    deeds = [words_of(point.text)[0].endswith("s") for point in rubric.points if words_of(point.text)]
    return bool(example.words and deeds) and all(deeds) and not any(_recites(s, wanted) for s in example.sentences)


def _wording(rubric: Rubric) -> list[str]:
    texts = [text for point in rubric.points for text in (point.text, point.met_when, point.partial_when)]
    texts += [text for fault in rubric.pitfalls for text in (fault.text, fault.expected, fault.committed_when)]
    return [text for text in texts if text]


def _runs(words: tuple[str, ...], length: int) -> Iterator[Run]:
    return zip(*(words[start:] for start in range(length)), strict=False)


def _repeats(words: tuple[str, ...]) -> bool:
    new: set[Run] = set()
    for run in _runs(words, 5):
        new.add(run)
        if len(new) > _REPEATED * len(words):
            return False
    return True
