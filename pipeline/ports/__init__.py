"""What the stages need from the world, in the stages' words. One contract suite tests every implementation of a port.

An implementation may be used by one thread at a time unless its port says otherwise. All of them translate their driver's
errors once: ``ServiceUnavailable`` or ``Throttled`` for what may pass, ``BadDocument`` for what never will.
"""

from pipeline.ports.batches import QuestionDesk
from pipeline.ports.documents import Control, DocumentStore, GraphSource, Jobs, Leases, Moves, PageRanges, Queue, Results
from pipeline.ports.files import BlobStore, ObjectBlobs
from pipeline.ports.graph import GraphStore
from pipeline.ports.paid import AnswerCache, Charge, Meter, RateLimit, charged_to, charging, metered, remembered
from pipeline.ports.reading import DocumentOcr, OcrEngine, PageDrawer, Reader, SpeechEngine
from pipeline.ports.understanding import Embedder, MentionFinder, RelationFinder, Tokenizer

__all__ = [
    "AnswerCache",
    "BlobStore",
    "Charge",
    "Control",
    "DocumentOcr",
    "DocumentStore",
    "Embedder",
    "GraphSource",
    "GraphStore",
    "Jobs",
    "Leases",
    "MentionFinder",
    "Meter",
    "Moves",
    "ObjectBlobs",
    "OcrEngine",
    "PageDrawer",
    "PageRanges",
    "QuestionDesk",
    "Queue",
    "RateLimit",
    "Reader",
    "RelationFinder",
    "Results",
    "SpeechEngine",
    "Tokenizer",
    "charged_to",
    "charging",
    "metered",
    "remembered",
]
