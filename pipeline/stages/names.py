"""Names made comparable: the key of a name, its parts, and the blocking keys under which similar names are found.

A key is ``class/text``. Names of persons (``person/…``) are read differently from all other names (``name/…``: a tagger that
takes a country for an organisation does not make it two things); dates, sums and patterns keep a class each and are compared
exactly. Whatever is decided about two names is decided by their keys alone, so it never depends on who came first.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from pipeline.model import EntityType
from pipeline.stages import vocabulary as words

PERSON = "person"
NAME = "name"
EMAIL = "email"

_EXACT = frozenset({EntityType.DATE, EntityType.MONEY, EntityType.EMAIL, EntityType.PHONE, EntityType.URL})
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"})
_MARKS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = "'\u2019\u2018\u02bc`\u00b4"
_POSSESSIVE = re.compile(rf"(?:(?<=[\w.])[{_APOSTROPHES}]s|(?<=s)[{_APOSTROPHES}])(?=$|[^\w])")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.\s?)+[^\W\d_]\b\.?|\b[^\W\d_]\.(?=\s|$)")
_ARTICLE = re.compile(r"\b[ae]l-(?=\w)|^(?:the|an?)\s+(?=\w)")
_ASIDE = re.compile(r"(?<=\w)\s*\([^)]*\)?\s*$")
_SIGNS = "".join(chr(code) for code in range(0x300, 0x1B00) if unicodedata.category(chr(code)).startswith("M"))
_TOKENS = re.compile(rf"(?:[^\W_]|[{_SIGNS}])+")


def fold(text: str) -> str:
    """Lower case without accents; marks of scripts that need them to be read (Devanagari, Arabic, Thai …) stay."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))


def normalize(name: str, type: EntityType) -> str:  # noqa: A002 (the model's word)
    """The key of a name; two spellings with one key are one entity.

    Titles, legal forms, leading articles, possessives and punctuation go; "Surname, Given" is turned; initials and
    generations (Jr.) stay. A name of nothing but such words keeps them all.
    """
    if type in _EXACT:
        return f"{type.lower()}/{_exact(name, type)}"
    folded = _ARTICLE.sub("", _ASIDE.sub("", _POSSESSIVE.sub("", fold(name).strip())))
    for apostrophe in _APOSTROPHES:
        folded = folded.replace(apostrophe, "")
    if type is EntityType.PERSON:
        return f"{PERSON}/{' '.join(_person(folded)) or folded}"
    return f"{NAME}/{_other(folded) or folded}"


def _exact(name: str, type: EntityType) -> str:  # noqa: A002 (the model's word)
    folded = " ".join(fold(name).split())
    if type is EntityType.PHONE:
        return ("+" if folded.startswith(("+", "00")) else "") + re.sub(r"\(0\)|\D", "", folded).removeprefix("00")
    if type is EntityType.URL:
        return re.sub(r"^(?:[a-z][a-z+.-]*://)?(?:www\.)?|/+$", "", folded)
    if type is EntityType.EMAIL:
        return re.sub(r"^mailto:|\s", "", folded).replace("©", "@")
    if type is EntityType.MONEY:
        return re.sub(r"[\s,]+", "", folded)
    return re.sub(r"[^\w/:.-]+", " ", folded).removeprefix("the ").strip(" .")


def _person(folded: str) -> list[str]:
    parts = [_TOKENS.findall(part) for part in folded.split(",")]
    parts = [part for part in parts if part and not all(token in words.HONOURS for token in part)]
    generation = [words.GENERATIONS[token] for part in parts[1:] for token in part if token in words.GENERATIONS]
    parts = [part for part in parts if not all(token in words.GENERATIONS for token in part)] or parts
    turned = parts[1] + parts[0] if len(parts) == 2 else [token for part in parts for token in part]
    tokens = [token for token in turned if not (generation and token in words.GENERATIONS)]
    while len(tokens) > 1 and tokens[0] in words.TITLES:
        tokens = tokens[1:]
    while len(tokens) > 1 and tokens[-1] in words.HONOURS:
        tokens = tokens[:-1]
    # A digit in a name is a misreading, or a mark that stands beside it.
    if len(spelled := [token for token in tokens if not any(map(str.isdigit, token))]) > 1:
        tokens = spelled
    if len(tokens) > 2 and tokens[-1] in words.GENERATIONS:
        *tokens, last = tokens
        generation = [words.GENERATIONS[last]]
    inner = [token for token in tokens[1:-1] if token not in words.PARTICLES]
    return [*tokens[:1], *inner, *(tokens[1:][-1:]), *generation[:1]]


def _other(folded: str) -> str:
    folded = _INITIALS.sub(lambda found: re.sub(r"[.\s]", "", found.group()) + " ", folded)
    parts = [_TOKENS.findall(part.replace("&", " and ")) for part in folded.split(",")]
    parts = [kept for part in parts if (kept := [t for t in part if t != "al"] or part)]
    while parts and parts[-1] and parts[-1][-1] in words.LEGAL_FORMS and sum(map(len, parts)) > 1:
        parts[-1].pop()
        parts = [part for part in parts if part]
    text = ", ".join(" ".join(part) for part in parts)
    return words.SAME.get(text, text)


class Parts(NamedTuple):
    """A key taken apart. ``generation`` is "" but for names such as "John Smith Jr."."""

    kind: str
    text: str
    tokens: tuple[str, ...]
    generation: str = ""


@lru_cache(maxsize=65536)
def parts(key: str) -> Parts:
    """The parts of a key."""
    kind, _, text = key.partition("/")
    tokens = tuple(_TOKENS.findall(text)) if kind in (PERSON, NAME) else (text,)
    if kind == PERSON and len(tokens) > 2 and tokens[-1] in words.GENERATIONS:
        return Parts(kind, text, tokens[:-1], tokens[-1])
    return Parts(kind, text, tokens)


_SOUNDS = (
    (r"(.)\1+", r"\1"), ("ph", "f"), ("[ck]h|q", "k"), ("c(?![eiyh])", "k"), ("dh", "d"), ("gh(?=[aeiou])", "g"),
    ("(?<=[aeiou])h(?![aeiou])", ""), ("e|y$", "i"), ("[ow]", "u"), ("^g(?=[au].{4})", "k"), ("^gi(?=daf)", "ki"),
)  # fmt: skip
_SHAPES = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("[l1|!j]", "i"), ("0", "o"), ("5", "s"))


@lru_cache(maxsize=65536)
def sound(token: str) -> str:
    """What transliterations of one word share: doubled letters single, q, c and k one letter, e and i, o and u one."""
    for pattern, letter in _SOUNDS:
        token = re.sub(pattern, letter, token)
    return token


@lru_cache(maxsize=65536)
def shape(token: str) -> str:
    """What a word and its misreading by OCR share: rn and m, l, 1 and i, 0 and o are one."""
    for pattern, letter in _SHAPES:
        token = re.sub(pattern, letter, token)
    return token


_STROKES = {"m": 3, "n": 2, "u": 2, "v": 2, "i": 1, "j": 1, "l": 1, "r": 1, "t": 1, "1": 1, "|": 1}
_STROKED = re.compile(f"[{''.join(_STROKES)}]+")


@lru_cache(maxsize=65536)
def strokes(word: str) -> str:
    """The word with its upright strokes counted: OCR keeps their number where it mistakes m, n, u, i, r, t and l."""
    return _STROKED.sub(lambda run: str(sum(_STROKES[letter] for letter in run.group())), word.replace("d", "cl"))


def mailbox(text: str) -> tuple[str, str]:
    """The part of an address before the @, and what misreadings of its domain share."""
    local, _, domain = text.partition("@")
    return local, strokes(re.sub(r"[\W_]", "", domain))


def deletions(token: str) -> set[str]:
    """The word and all words with one letter less; words one edit apart share one (Garbe's symmetric delete)."""
    return {token} | {token[:i] + token[i + 1 :] for i in range(len(token))}


LONG = 8
"""Letters from which one unexplained edit inside a word counts as a slip."""


LONGEST = 12
"""Words in the longest name that is compared with others."""

ACRONYM = 4
"""Letters from which initials alone are taken for a name; shorter ones are shared by too many."""


def _spellings(token: str) -> set[str]:
    near = deletions(token) if len(token) >= LONG else {token}
    return near | {sound(token), shape(token)}


def core(key_parts: Parts) -> str:
    """A name without what its short form leaves out: company words at the end, "republic of", the part after a comma."""
    tokens = key_parts.text.partition(",")[0].split()
    if "of" in tokens[1:-1] and all(
        t in words.PLACE_HEADS for t in tokens[max(0, tokens.index("of") - 1) : tokens.index("of")]
    ):
        tokens = tokens[tokens.index("of") + 1 :]
    while len(tokens) > 1 and tokens[-1] in words.COMPANY_WORDS:
        tokens = tokens[:-1]
    return " ".join(tokens)


def acronyms(tokens: tuple[str, ...]) -> set[str]:
    """What initials may make of a name: all of them, and those without small words."""
    if len(tokens) < 2:
        return set()
    return {"".join(t[0] for t in tokens), "".join(t[0] for t in tokens if t not in words.SMALL_WORDS)}


def without_nation(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """A name of four words or more without the nationality that it begins with ("Libyan National Transitional Council")."""
    return tokens[1:] if len(tokens) > 3 and tokens[0].endswith(("an", "ese", "ish")) and "of" not in tokens else ()


@lru_cache(maxsize=65536)
def blocking_keys(key: str) -> frozenset[str]:
    """Index keys of a name: about five, one for an address, none in other exact classes.

    Any two names that ``linking.link`` accepts share one.
    """
    name = parts(key)
    if name.kind == EMAIL:
        return frozenset({f"e{'@'.join(mailbox(name.text))}"})
    if name.kind not in (PERSON, NAME) or not name.tokens:
        return frozenset()
    keys = {f"={name.text}"}
    if name.kind == PERSON:
        keys |= {f"p{spelling}" for spelling in _spellings(name.tokens[-1])}
        if len(name.tokens) == 2:
            keys |= {f"o{' '.join(sorted(name.tokens))}"}
        if len(name.tokens) > 1 and len(name.tokens[1]) == 1:
            keys |= {f"g{' '.join(name.tokens[:2])}"}
        return frozenset(keys)
    keys |= {f"c{core(name)}"}
    if len(name.tokens) == 1:
        keys |= {f"w{spelling}" for spelling in _spellings(name.tokens[0])} | {f"a{name.tokens[0]}"}
    elif len(name.tokens) <= LONGEST:
        keys |= {f"r{' '.join((*name.tokens[:i], '*', *name.tokens[i + 1 :]))}" for i in range(len(name.tokens))}
        keys |= {f"a{short}" for short in acronyms(name.tokens) if len(short) >= ACRONYM}
        keys |= {f"o{' '.join(sorted(tokens))}" for tokens in (name.tokens, without_nation(name.tokens)) if tokens}
    return frozenset(keys)
