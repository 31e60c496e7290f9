"""What a process needs, built once from the settings and only when it is first used."""

import os
from datetime import timedelta
from functools import cache, cached_property

from pipeline.endpoints import located
from pipeline.heartbeat import Heartbeat
from pipeline.model import Engine
from pipeline.ports import BlobStore, DocumentStore, Embedder, GraphStore, MentionFinder, OcrEngine, Reader, SpeechEngine
from pipeline.settings import Settings, load_settings
