"""Tokens counted without the model's own vocabulary, which its service does not hand out.

A rule: Latin letters in pieces of at most five, other letters in threes, figures in threes, every other sign alone. Chunks
and limits are measured with it; what is paid is the service's own count. Against OpenAI's two vocabularies it counts .95 to
1.3 of English, .8 to 1.0 of German and French, .7 to 1.1 of Russian, .9 to 1.2 of Chinese.
"""

import re

_NO_SPACES = r"\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Scripts whose signs are a token each, about: of India, south-east and east Asia."""
_TOKEN = re.compile(rf"[A-Za-z]{{1,5}}|[^\W\d_{_NO_SPACES}]{{1,3}}|\d{{1,3}}|\S")


def token_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each token; linear in the text's length."""
    return [found.span() for found in _TOKEN.finditer(text)]


def count(text: str) -> int:
    """Number of tokens, about."""
    return sum(1 for _ in _TOKEN.finditer(text))


def cut(text: str, most: int) -> str:
    """The text up to its token number ``most``."""
    if len(text) <= most:
        return text
    for number, found in enumerate(_TOKEN.finditer(text), 1):
        if number == most:
            return text[: found.end()]
    return text
