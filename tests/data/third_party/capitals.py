"""Engines as another package would offer them."""

import re

from pipeline.model import Engine, EntityType, Extraction, Mention
from pipeline.settings import Settings

NAME = re.compile(r"\b[A-Z]{3,}\b")


class Capitals:
    """Implements ``ports.RelationFinder``: words in capitals are names."""

    engine = Engine("capitals", "1")

    def find(self, text: str) -> list[Mention]:
        return [Mention(*found.span(), EntityType.OTHER) for found in NAME.finditer(text)]

    def extract(self, text: str) -> Extraction:
        return Extraction(tuple(self.find(text)))


def finder(settings: Settings) -> Capitals:
    return Capitals()


def broken(settings: Settings) -> Capitals:
    raise RuntimeError("no licence file")
