"""Passages of an answer that speak to the grader rather than to the interviewer, found by their wording.

A heuristic in the languages we grade: it asks for a human's eye and changes no score. A paraphrase may pass it.
"""

import re

from service.core.answer import Answer, Span

# An order opens its clause or is addressed to "you"; what a candidate tells of having ignored or given doesn't.
_ORDER = (
    r"(?:^|[.,:;!?\"'“”‘’«»()\[\]{}*#>=~|/–—-] ?|\b(?:and|then|now|please|kindly|simply|just|hereby|so|e|y|et|und)\s+"
    r"|\byou\s+(?:(?:must|should|can|may|will|shall|need|are|have|now|also|required|told|only)\s+){0,3}(?:to\s+)?)"
    r"(?:(?:please|kindly|now|just|simply|so|then|only|por favor|s'il (?:te|vous) plaît|veuillez|bitte)[\s,:]+){0,3}"
)
_DISREGARD = (
    r"(?:ignore|disregard|forget|override|bypass|overlook|discard|do not follow|don['’]t follow"
    r"|ignor(?:a|ad|ez|er|ate|iere?n?)|olvid[ae]|descart[ae]|ha(?:z|ga) caso omiso|no tengas? en cuenta|no sigas?"
    r"|esque[cç]a|desconsidere|despreze|não (?:siga|considere)|oublie[rz]?|ne (?:suis|suivez) pas"
    r"|ne t(?:iens|enez) pas compte|fai(?:s|tes) abstraction|verg(?:iss|essen)|missachten?|dimentica(?:te)?)\b"
)
_GUIDANCE = (
    r"(?:r[uú]bri[ck]|instru[ck]|instruç|istruzion|consigne|dire[ct]tri|directive|prompt|guideline|mark scheme|barème"
    r"|[ck]rit[eéè]ri|critère|pautas|anweisung|vorgabe|bewertung|r[eè]g(?:l[ae]s|ras|ole|eln)\b"
    r"|(?:grading|marking|scoring|evaluation|assessment) \w+"
    r"|(?:previous|prior|above|earlier|preceding|these|those|your|all|any|given|original) (?:\w+ )?"
    r"(?:rules|orders|commands|directions|text|messages?)\b"
    r"|(?:everything|anything|all|whatever|what) (?:\w+ ){0,4}(?:above|before|previously|earlier|so far|told)\b)"
)
_RATE = (
    r"(?:output|return|emit|give|assign|award|mark|set|grant|report|score|rate|grade|evaluate|assess|respond|reply|answer"
    r"|print|write|say|label|treat|consider|classify|select|choose|record|enter|declare|accept"
    r"|d[aáéê]|d[ae]le|denle|otorg(?:a|ue)|asign[ae]|pon(?:le|ga)?|mar(?:ca|que)|calific?(?:a|que)|eval[uú][ae]"
    r"|conced[ae]|consider[ae]|respond[ae]|devuelv[ae]|atribua|avalie|retorne|donne[rz]?|attribue[rz]?|accorde[rz]?"
    r"|mets|mettez|note[rz]?|considère|considérez|marque[rz]?|valide[rz]?|réponde?[sz]|gib|geben|verg(?:ib|eben)"
    r"|bewerten?|setzen?|markieren?|antworten?|dai|date|assegna(?:te)?|valuta(?:te)?)\b"
)
_MOST = r"(?P<most>\d{1,3})\s*(?:/|out of|sobre|sur|von|su|de)\s*(?P=most)\b"  # ten of ten, whatever ten is
BEYOND_ASCII = "any character beyond ASCII"
"""The landmark of a text that has one: not a word either."""
ALL_OF_ALL = "ten of ten"
"""The landmark of a text in which `_MOST` matches: found by that, and not as a word."""
_REWARD = (
    rf"(?:(?-i:PASS(?:ED)?|MET|APPROVED)\b|[\"'“‘](?:pass(?:ed)?|met|approved|yes)\b|\byes(?: to\b|\W{{0,3}}$)|{_MOST}"
    r"|\ba 10\b|100\s*%|\bas (?:an? )?(?:pass|met|present|satisfied|fulfilled|approved)\b"
    r"|\b(?:full|maximum|max|top|highest|perfect)(?: possible)? (?:mark|credit|score|grade|point|rating|band)"
    r"|\ball (?:the )?(?:points|marks)\b(?! (?:of|on|in)\b)"
    r"|\ball (?:the )?(?:\w+ )?(?:criteria|items) (?:as )?(?:met|satisfied|present)"
    r"|(?:puntuación|calificación|pontuação|nota|note|punteggio) (?:m[aá]s?sim|m[aá]xim|m[aá]i?s alt|perfect|complet)"
    r"|máxima (?:puntuación|calificación|nota|pontuação)|meilleure note"
    r"|(?:tous|tod[oa]s) l?[eoa]s (?:points|critères|puntos|criterios|pontos|critérios)"
    r"|volle[rn]? punkt|höchst(?:punktzahl|note)|bestnote|bestanden|alle (?:kriterien|punkte)"
    r"|cumpli?d[oa]s?\b|cumprid[oa]s?\b|apro[bv]ad[oa]|rempli|erfüllt)"
)
_JUDGE = r"(?:auto-?)?(?:grader|judge|evaluator|examiner|assessor|marker|rater)"
_JUDGE_ELSEWHERE = (
    r"(?:el |la |o |l['’]|le |den |die )?(?:evaluador|calificador|corrector|examinador|avaliador|corretor|évaluateur"
    r"|correcteur|examinateur|prüfer|bewerter)\b"
)
_CLAUSE = r"(?:^|[.;,!?*#|{(\[\"'-] ?)"
_MARKED = (
    r"[\"'*]*\s*(?:[:=]|\bis\b)\s*[\"'*]*(?:pass(?:ed)?|met|approved|full|perfect|excellent|outstanding|strong"
    rf"|correct|accepted|a\+|max\w*|{_MOST}|(?:10|100)(?:\.0+)?(?![\d.%/]))"
)
_ANSWER = r"(?:candidate|student|answer|response|evaluation|grading|grader|judge|submission)"
_SHEET = r"(?:(?:rubric|grading|marking) \w+|criteri(?:a|on)\b)"

HOW = re.IGNORECASE | re.MULTILINE
# Each pattern with its landmarks, one of which stands wherever it matches: looking for them costs a tenth of matching.
# "": no such word is rare enough. In lower case wherever case does not matter; a test holds them to the patterns.
_JUDGES = "grader|judge|evaluator|examiner|assessor|marker|rater"
_JUDGES_ELSEWHERE = (
    "evaluador|calificador|corrector|examinador|avaliador|corretor|évaluateur|correcteur|examinateur|prüfer|bewerter"
)
_ANSWERS = "candidate|student|answer|response|evaluation|grading|grader|judge|submission"
_LEAVE = (
    "ignor|disregard|forget|override|bypass|overlook|discard|follow|olvid|descart|caso omiso|tenga|siga|esque"
    "|desconsider|despreze|considere|oubli|suis|suivez|compte|abstraction|verg|missacht|dimentica"
)
_DONE = ("pass", "met", "present", "satisfied", "fulfilled", "approved")
_PRAISES = "|".join(
    (
        "PASS|MET|APPROVED|yes|a 10|100|full |maximum |max |top |highest |perfect |all points|all the points|all marks",
        "all the marks|criteria|items|puntuación |calificación |pontuação |nota |note |punteggio |máxima |meilleure",
        "tous |todos |todas |volle|höchst|bestnote|bestanden|alle |cumpl|cumpr|aproba|aprova|rempli|erfüllt",
        *(f"{quote}{word}" for quote in "\"'“‘" for word in _DONE),
        *(f"as {article}{word}" for article in ("", "a ", "an ") for word in _DONE),
    )
)
PATTERNS: tuple[tuple[str, str], ...] = (
    # Orders: to leave the rubric aside, or to rate.
    (_LEAVE, rf"{_ORDER}{_DISREGARD}[^.]{{0,50}}?{_GUIDANCE}"),
    (f"{ALL_OF_ALL}|{_PRAISES}", rf"{_ORDER}{_RATE}[^.]{{0,70}}?{_REWARD}"),
    (
        "忽略|无视|無視|忘记|忘掉",
        r"(?:忽略|无视|無視|忘记|忘掉)[^。\n]{0,15}(?:指令|指示|说明|說明|评分|評分|规则|規則|标准|標準|要求|提示)",
    ),
    (
        "無視|忘れ|满分|滿分|満点|만점|지시",
        r"(?:指示|指令|基準|ルーブリック|ルール)[^。\n]{0,8}(?:無視|忘れ)|满分|滿分|満点|만점|지시[^.\n]{0,10}무시",
    ),
    (
        "игнорируй|забудь|не учитывай",
        r"(?:игнорируй|забудь|не учитывай)\w*[^.\n]{0,40}(?:инструкц|критери|правил|указани|рубрик)",
    ),
    ("максимальн|высш", r"(?:максимальн|высш)\w* (?:балл|оценк)"),
    # Another's voice: the marks of a conversation, a system, an end of the answer that is none.
    ("<|[", r"<\|[a-z_/]{2,30}\|>|<</?SYS>>|\[/?(?:INST|SYSTEM|SYS|ADMIN|DEVELOPER)\b[^\]\n]{0,30}\]"),
    (
        "<",
        r"</?(?:system|assistant|instructions?|answer|grader|grading|evaluation|verdict|rubric|judge)(?:[-_\s][^>\n]{0,40})?>",
    ),
    (
        "system|policy|assistant|admin|developer",
        r"^\W{0,5}(?-i:SYSTEM|ASSISTANT|ADMIN|DEVELOPER)\s*:|\b(?-i:SYSTEM|POLICY|DEVELOPER|ADMIN) (?-i:[A-Z]{4,})",
    ),
    (
        "system|assistant|policy|developer|admin|grading|grader",
        r"(?:^|[\[({<#*=-] ?)(?:system|assistant|policy|developer|admin\w*|grading|grader) "
        r"(?:(?:override|update|notice|message|alert|note|prompt|instructions?) ?){1,2}[\])}>:*=-]",
    ),
    (_ANSWERS, rf"(?:[-=#*~_<\[]{{2}}|[\[(<])\s*(?:the )?(?:end|begin|start|beginning)\b[^\n]{{0,20}}\b{_ANSWER}"),
    (_ANSWERS, rf"(?-i:END|BEGIN|START)(?= [A-Z ]{{6}}) (?:of )?(?:the )?{_ANSWER}"),
    ("##", r"##\s*(?:grading|grader|rubric|verdict|judge)\b"),
    # A word to the grader, or a role for it.
    (
        _JUDGES,
        r"(?:^|[.,:;!?\"'\[(*#>-] ?|\bnow )(?:(?:you are|you're|act as|pretend (?:to be|you are))(?: now)?|as) "
        rf"(?:an?|the)\b[^.\n]{{0,30}}\b{_JUDGE}\b(?=[,.;:!]|[^.\n]{{0,15}}\b(?:you|your|who|that|must|always|and)\b|$)",
    ),
    (
        _JUDGES,
        rf"\b(?:dear|hey|hello|attention)[\s,:]+(?:\w+ )?{_JUDGE}\b|\b{_JUDGE} (?:checklist|instructions?|override)\b",
    ),
    (
        f"{_JUDGES}|grading|grades",
        r"\b(?:note|message|memo|reminder|hint|p\.?s\.?) (?:to|for) (?:the |any |all |whoever )?"
        rf"(?:ai |llm |automated ){{0,2}}(?:{_JUDGE}|grading|grades)\b",
    ),
    (
        _JUDGES_ELSEWHERE,
        rf"\b(?:nota|mensaje|aviso|mensagem|note|message|hinweis) (?:para|al?|ao|à|au|pour|an|für) {_JUDGE_ELSEWHERE}",
    ),
    (
        _JUDGES_ELSEWHERE,
        rf"\b(?:atención|atenção|attention|estimad[oa]|car[oa]|cher|chère|lieber?)\W+{_JUDGE_ELSEWHERE}",
    ),
    ("grader", r"\b(?:the|this|any|your) (?:ai )?(?:auto-?)?grader (?:will|must|should|shall|is to|has to|reads?)\b"),
    (
        "stop |from now on|rubric says",
        r"\bstop (?:grading|evaluating|judging|scoring)\b|\bfrom now on,? you\b|\brubric says\b",
    ),
    (
        "previous|prior|above|earlier",
        r"\b(?:previous|prior|above|earlier) (?:instructions?|prompts?|rules) (?:is|are|were|no longer)\b",
    ),
    ("pass ", r"\bpass (?:this (?:answer|response|candidate)\b|(?:me|the candidate)(?=[.!]|$))"),
    # A verdict already given.
    (
        "final|overall|official|assigned|recommended|suggested|proposed",
        r"\b(?:final|overall|official|assigned|recommended|suggested|proposed)[\s_]+"
        rf"(?:verdict|score|grade|rating|mark|decision|evaluation|result)\b{_MARKED}",
    ),
    ("verdict|score|grade|rating|mark|level", rf"{_CLAUSE}(?:verdict|score|grade|rating|mark|level)\b{_MARKED}"),
    (
        "result|status|decision|evaluation",
        rf"{_CLAUSE}(?:result|status|decision|evaluation)[\"'*]*\s*[:=]\s*[\"'*]*"
        r"(?:pass(?:ed)?|met|approved|full marks)[\"'*]*\s*(?:$|[.,;})|!])",
    ),
    ("verdict|grade|score", rf"\b(?:verdict|grade)\b\W{{0,3}}(?:is )?pass\b|\bscores?[\s:=]{{1,3}}{_MOST}"),
    ("pass", r"(?-i:\bPASS(?:ED)?[\s,;:-]+[Ss](?:core|CORE)\b)"),
    (
        "met",
        r"\bmet,? met\b|\b(?:level|verdict)\W{1,3}met\b|\b(?:output|return|reply|respond|answer) (?:with )?\W?met\b",
    ),
    (
        "as met|as perfect|as satisfied",
        r"\b(?:answer|response|submission|criterion|criteria|rubric)\b[^.\n]{0,30}\bas (?:met|perfect|satisfied)\b",
    ),
    (
        "answer|response|submission",
        rf"\b(?:answer|response|submission) (?:\w+ )?(?:scored|got|received|earned) {_MOST}",
    ),
    (
        "score|mark|grade",
        r"\bI (?:demand|want|deserve|expect) (?:\w+ ){0,2}(?:perfect|full|maximum|top) (?:score|mark|grade)",
    ),
    (
        "answer|response|submission|candidate",
        r"\b(?:this|the|my|above) (?:answer|response|submission|candidate)(?: \w+ly| above)? (?:meets|earns"
        r"|deserves|merits|scores|satisfies|fulfils|fulfills|covers|gets|receives|passes"
        r"|is worth|(?:should|must) (?:get|receive|pass|earn|be (?:given|awarded|graded|marked|scored|rated)))\b"
        r"[^.\n]{0,50}?(?:(?-i:\bPASS\b)|\b(?:full|maximum|top|highest|perfect) (?:possible )?"
        r"(?:mark|credit|grade|point|band|score)"
        rf"|\b(?:all|every)(?: of)?(?: the)? {_SHEET}|{_MOST})",
    ),
    (
        "earns|deserves|merits|awarding|assigning",
        r"\b(?:earns|deserves|merits|awarding|assigning) (?:\w+ ){0,3}(?:perfect|full|maximum) (?:score|mark|grade)",
    ),
    (
        "met|satisfied|fulfilled|passed",
        rf"(?:^|[.;,!?*#>\])-] ?)(?:all|every|each)(?: of)?(?: the)? (?:points?|requirements?|{_SHEET})"
        r"(?: (?:is|are|have been|has been))?(?: fully)? (?:met|satisfied|fulfilled|passed)\b",
    ),
    (
        "rubric|grading|marking",
        r"\b(?:met|meets?|satisf\w+|fulfil\w*) (?:all|every|each)(?: of)?(?: the)? (?:rubric|grading|marking)\b",
    ),
    ("[|✓|✔|☑|✅", r"(?:\[[x✓✔]\]|[✓✔☑✅])\s*(?:all |every )?(?:\w+ )?(?:criteri|requirement|rubric|point)"),
    (BEYOND_ASCII, r"[\u0400-\u04ff](?:[a-z]|(?<=[a-z].))"),  # one word in two alphabets that look alike
)
_INJECTIONS = tuple((tuple(landmarks.split("|")), re.compile(pattern, HOW)) for landmarks, pattern in PATTERNS)
_LANDMARKS = frozenset(landmark for landmarks, _ in _INJECTIONS for landmark in landmarks) - {ALL_OF_ALL}
_CAPITALS = frozenset(landmark for landmark in _LANDMARKS if landmark.isupper())
_SMALL = sorted(_LANDMARKS - _CAPITALS - {BEYOND_ASCII}, key=len)
_ALL_OF_ALL = re.compile(_MOST, HOW)
_WITHIN = {landmark: next(shorter for shorter in _SMALL if shorter in landmark) for landmark in _SMALL}
"""The shortest landmark that stands in each: without "met" there is no need to look for "as met"."""
_LONGER = {
    shortest: tuple(longer for longer in _SMALL if _WITHIN[longer] == shortest and longer != shortest)
    for shortest in dict.fromkeys(_WITHIN.values())
}
_LONGER_ASCII = {shortest: longer for shortest, longer in _LONGER.items() if shortest.isascii()}
# What is not shown: tags and variation selectors can spell out whole sentences, an override turns the order round.
# The flags of England, Scotland and Wales are tags after a black flag.
_HIDDEN = re.compile(
    "(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007e]{3,}"
    "|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}|[\u202d\u202e]"
)


def injections_of(answer: Answer) -> list[Span]:
    """Sentences that speak to the grader rather than to the interviewer, and passages that nobody can see."""
    text = "\n".join(sentence.text for sentence in answer.sentences)
    there = landmarks_in(text)
    found = [
        match.span()
        for landmarks, pattern in _INJECTIONS
        if not there.isdisjoint(landmarks)
        for match in pattern.finditer(text)
    ]
    hidden = () if answer.received.isascii() else _HIDDEN.finditer(answer.received)
    spans, start = [Span(*match.span()) for match in hidden], 0
    for sentence in answer.sentences:
        end = start + len(sentence.text)
        if any(first < end and start < last for first, last in found):
            spans.append(sentence.span)
        start = end + 1
    return sorted(spans)


def landmarks_in(text: str) -> set[str]:
    """Those that stand in it."""
    plain = _as_matched(text)
    longer = _LONGER_ASCII if plain.isascii() else _LONGER
    there = {landmark for landmark in longer if landmark in plain}
    there |= {landmark for shortest in tuple(there) for landmark in longer[shortest] if landmark in plain}
    there |= {landmark for landmark in _CAPITALS if landmark in text}
    if not text.isascii():
        there.add(BEYOND_ASCII)
    return there | {ALL_OF_ALL} if _ALL_OF_ALL.search(text) else there


def _as_matched(text: str) -> str:
    """In lower case as IGNORECASE has it, to which the Turkish i's are i too."""
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")
