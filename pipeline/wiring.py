"""What a process needs, built once from the settings and only when it is first used."""

import os
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.aws import AwsAccess
from pipeline.embeddings import Embeddings
from pipeline.endpoints import located
from pipeline.graph_rows import GraphRows
from pipeline.heartbeat import Heartbeat
from pipeline.model import Engine
from pipeline.plugins import Group, engine
from pipeline.ports import (
    AnswerCache,
    BlobStore,
    DocumentStore,
    Embedder,
    GraphStore,
    MentionFinder,
    Meter,
    ObjectBlobs,
    OcrEngine,
    PageDrawer,
    Reader,
    RelationFinder,
    SpeechEngine,
)
from pipeline.settings import MEGABYTE, Settings, load_settings

if TYPE_CHECKING:
    from pipeline.engines.ocr.textract import TextractOcr
    from pipeline.engines.ocr.textract_jobs import TextractJobs
    from pipeline.engines.ocr.textract_notices import TextractNotices
    from pipeline.hosted import Hosted
    from pipeline.stores.batches import PaidBatches
    from pipeline.stores.calls import Calls

PAGE_SECONDS = 20.0  # in which a picture of a page is drawn
PAGE_PIXELS = 8_000_000  # that it has at most
HANDED_ON = timedelta(minutes=15)  # for how long the broker knows an answer that is kept in the database


class Services:
    """Stores and engines behind their ports, and the options of the tasks.

    Args:
        settings: with the addresses of all servers that are used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def database(self) -> "Calls":
        """The way to the database, shared by all that is kept there."""
        s = self.settings
        if s.database_store == "supabase":
            from pipeline.stores.supabase_calls import SupabaseCalls

            return SupabaseCalls(s.supabase_url, s.supabase_key.get_secret_value() if s.supabase_key else "")
        from pipeline.stores.database import Database

        return Database(s.database)

    @cached_property
    def documents(self) -> DocumentStore:
        """The database of record."""
        from pipeline.stores.postgres import PostgresStore

        return PostgresStore(self.database, self.settings.lease_duration)

    @cached_property
    def meter(self) -> Meter:
        """What paid services use, and the budgets."""
        from pipeline.stores.usage import DatabaseMeter

        return DatabaseMeter(self.database, self.settings.prices)

    @cached_property
    def answers(self) -> AnswerCache:
        """Answers that were paid for."""
        from pipeline.stores.answers import MemoryAnswers, RedisAnswers
        from pipeline.stores.kept_answers import KeptAnswers

        s = self.settings
        near = RedisAnswers(s.broker, HANDED_ON) if s.broker else MemoryAnswers()
        return KeptAnswers(self.database, near, timedelta(days=s.paid_answers_days))

    @cached_property
    def batches(self) -> "PaidBatches":
        """Questions to the language model that are asked in batches."""
        from pipeline.hosted import NAME
        from pipeline.stores.batches import Gathering, PaidBatches

        s = self.settings
        model = s.ner_remote_model if s.openai_batch else ""
        gathering = Gathering(NAME, model, s.openai_batch_questions, s.openai_batch_size * MEGABYTE, s.openai_batch_age)
        return PaidBatches(self.database, gathering, s.prices, timedelta(days=s.paid_answers_days))

    @cached_property
    def graph(self) -> GraphStore:
        """The graph."""
        from pipeline.stores.neo4j_graph import Neo4jGraph

        s = self.settings
        password = s.neo4j_password.get_secret_value() if s.neo4j_password else ""
        return Neo4jGraph(s.neo4j_uri, s.neo4j_user, password, s.neo4j_database)

    @cached_property
    def graph_rows(self) -> GraphRows:
        """The graph in rows, for comparing it with the database."""
        from pipeline.stores.neo4j_rows import Neo4jRows

        s = self.settings
        password = s.neo4j_password.get_secret_value() if s.neo4j_password else ""
        return Neo4jRows(s.neo4j_uri, s.neo4j_user, password, s.neo4j_database)

    @cached_property
    def blobs(self) -> BlobStore:
        """Submitted files."""
        s = self.settings
        if s.blob_store == "s3":
            return self.bucket
        if s.blob_store == "supabase":
            return self.supabase_bucket(s.supabase_bucket)
        from pipeline.stores.files import FolderBlobs

        return FolderBlobs(s.files)

    @cached_property
    def bucket(self) -> ObjectBlobs:
        """Files in S3."""
        return self.s3_bucket(self.settings.s3_bucket, self.settings.s3_prefix)

    def s3_bucket(self, bucket: str, prefix: str = "") -> ObjectBlobs:
        """Files in any bucket of S3; whoever asks closes it."""
        from pipeline.stores.s3 import S3Blobs

        return S3Blobs(bucket, prefix, self._amazon(self.settings.s3_endpoint_url))

    def supabase_bucket(self, bucket: str) -> BlobStore:
        """Files in any bucket of Supabase Storage; whoever asks closes it."""
        from pipeline.stores.supabase_files import SupabaseBlobs

        s = self.settings
        return SupabaseBlobs(s.supabase_url, s.supabase_key.get_secret_value() if s.supabase_key else "", bucket)

    @cached_property
    def reader(self) -> Reader:
        """Files to pages, in a child process."""
        from pipeline.readers.limits import Limits
        from pipeline.readers.sandbox import SandboxReader

        s = self.settings
        return SandboxReader(
            Limits(
                dpi=s.ocr_dpi,
                memory=s.reader_memory,
                seconds=s.reader_seconds.total_seconds(),
                file_size=s.max_file_size,
                image_pixels=s.max_image_pixels,
                attachments=s.max_attachments,
            )
        )

    @cached_property
    def drawer(self) -> PageDrawer:
        """Pages to pictures for people, in child processes."""
        from pipeline.readers.limits import Limits
        from pipeline.readers.sandbox import SandboxReader

        s = self.settings
        limits = Limits(
            memory=s.reader_memory,
            seconds=PAGE_SECONDS,
            step_seconds=PAGE_SECONDS,
            file_size=s.max_file_size,
            image_pixels=s.max_image_pixels,
            page_pixels=PAGE_PIXELS,
        )
        return SandboxReader(limits, resting=s.api_pages_at_once)

    @cached_property
    def ocr(self) -> OcrEngine:
        """Images to text."""
        s = self.settings
        if s.ocr_engine in {"textract", "textract-pages"}:
            return self.textract_pages
        if s.ocr_engine == "remote":
            return self.hosted.ocr()
        if s.ocr_engine == "rapidocr":
            from pipeline.engines.ocr.rapid import RapidOcr

            return RapidOcr(s.models)
        if s.ocr_engine == "tesseract":
            from pipeline.engines.ocr.tesseract import TesseractOcr

            return TesseractOcr(s.models, s.ocr_languages, s.ocr_tessdata)
        if s.ocr_engine != "auto":
            made: OcrEngine = engine(Group.OCR, s.ocr_engine, s)
            return made
        from pipeline.engines.ocr.auto import AutoOcr

        return AutoOcr(s.models, s.ocr_languages, s.ocr_tessdata)

    @cached_property
    def textract_pages(self) -> "TextractOcr":
        """Textract, page by page."""
        from pipeline.engines.ocr.textract import TextractOcr

        s = self.settings
        return TextractOcr(s.features, self._amazon(s.textract_endpoint_url), self.meter, self.answers)

    @cached_property
    def document_ocr(self) -> "TextractJobs | None":
        """Textract, file by file, if it is to be used so."""
        s = self.settings
        if s.ocr_engine != "textract":
            return None
        from pipeline.engines.ocr.textract_jobs import Notices, TextractJobs

        notices = Notices(s.textract_topic_arn, s.textract_role_arn) if s.textract_topic_arn else None
        return TextractJobs(s.features, self._amazon(s.textract_endpoint_url), notices)

    @cached_property
    def notices(self) -> "TextractNotices | None":
        """Where Textract says that it has read a file, if it does."""
        s = self.settings
        if not s.textract_queue_url:
            return None
        from pipeline.engines.ocr.textract_notices import TextractNotices

        return TextractNotices(s.textract_queue_url, self._amazon(s.sqs_endpoint_url))

    @property
    def read_by(self) -> tuple[Engine, ...]:
        """All that files are read with."""
        whole = (self.document_ocr.engine,) if self.document_ocr else ()
        return self.reader.engine, self.ocr.engine, self.speech_engine, *whole

    @cached_property
    def speech(self) -> SpeechEngine:
        """Recordings to text."""
        s = self.settings
        if s.speech_engine == "remote":
            return self.hosted.speech()
        if s.speech_engine == "openai-whisper":
            from pipeline.engines.speech.openai_whisper import OpenAIWhisperSpeech

            return OpenAIWhisperSpeech(s.models, s.speech_model, s.torch_device)
        if s.speech_engine != "faster-whisper":
            made: SpeechEngine = engine(Group.SPEECH, s.speech_engine, s)
            return made
        from pipeline.engines.speech.whisper import WhisperSpeech

        return WhisperSpeech(s.models, s.speech_model)

    @property
    def speech_engine(self) -> Engine:
        """What recordings are read with, said without loading it."""
        if self.settings.speech_engine == "openai-whisper":
            from pipeline.engines.speech.openai_whisper import OpenAIWhisperSpeech

            return OpenAIWhisperSpeech.description(self.settings.speech_model)
        if self.settings.speech_engine != "faster-whisper":
            return self.speech.engine
        from pipeline.engines.speech.whisper import WhisperSpeech

        return WhisperSpeech.description(self.settings.speech_model)

    @cached_property
    def embeddings(self) -> Embeddings:
        """Text to the vectors that the database holds."""
        return Embeddings(
            self.documents, self.settings, lambda s: self.embedder if s is self.settings else Services(s).embedder
        )

    @cached_property
    def embedder(self) -> Embedder:
        """Text to vectors, by the model that the settings ask for."""
        s = self.settings
        if s.embedding_engine == "remote":
            return self.hosted.embedder()
        if s.embedding_engine == "sentence-transformers":
            from pipeline.engines.embeddings.sentence_transformer import SentenceTransformerEmbedder

            return SentenceTransformerEmbedder(s.embedding_model, s.models, s.torch_device)
        if s.embedding_engine != "onnx":
            made: Embedder = engine(Group.EMBEDDING, s.embedding_engine, s)
            return made
        from pipeline.engines.embeddings.onnx_embedder import OnnxEmbedder

        return OnnxEmbedder(s.embedding_model, s.models)

    @cached_property
    def mention_finder(self) -> RelationFinder:
        """Text to names, and with a language model to what it says of them."""
        s = self.settings
        if s.ner_engine == "remote":
            return self.hosted.finder(self._local_finder() if s.ner_fallback else None)
        if s.ner_engine != "local":
            made: RelationFinder = engine(Group.NER, s.ner_engine, s)
            return made
        return self._local_finder()

    def _local_finder(self) -> RelationFinder:
        from pipeline.engines.entities.spacy_finder import SpacyFinder

        return SpacyFinder(self.settings.ner_model, self.settings.models)

    @cached_property
    def hosted(self) -> "Hosted":
        """Engines behind an OpenAI-compatible endpoint."""
        from pipeline.hosted import Hosted

        return Hosted(self.settings, self.meter, self.answers, self.batches if self.settings.openai_batch else None)

    @cached_property
    def pattern_finder(self) -> MentionFinder:
        """Text to e-mail addresses, telephone numbers and the like."""
        from pipeline.engines.entities.patterns import PatternFinder

        return PatternFinder()

    @cached_property
    def heartbeat(self) -> Heartbeat:
        """Keeps the leases of running steps alive."""
        return Heartbeat(self.documents.renew, self.settings.lease_duration)

    def close(self) -> None:
        """Give back connections and child processes."""
        for name in ("documents", "database", "graph", "graph_rows", "reader", "drawer", "blobs", "bucket"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def _amazon(self, endpoint_url: str) -> AwsAccess:
        s = self.settings
        secret = s.aws_secret_access_key.get_secret_value() if s.aws_secret_access_key else ""
        token = s.aws_session_token.get_secret_value() if s.aws_session_token else ""
        return AwsAccess(s.aws_region, endpoint_url, s.aws_access_key_id, secret, token)


_services: dict[int, Services] = {}


def services() -> Services:
    """This process's services; a forked process gets its own."""
    process = os.getpid()
    if process not in _services:
        _services.clear()
        _services[process] = Services(located(load_settings()))
    return _services[process]
