"""Settings of place, servers and stores: where everything is, and with which keys.

A service whose URL is not set is started by the embedded supervisor, which hands its address on by the same variables.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import AliasChoices, Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.setting_types import BrokerUrl, Seconds, with_certificates


class ServiceSettings(BaseSettings):
    """The name of the variable is the field's in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True,
        populate_by_name=True, env_ignore_empty=True,
    )  # fmt: skip

    nlp_pipeline_home: Path = Path(".nlp-pipeline")
    """Folder of all embedded state: servers' data, files, logs, generated passwords."""
    nlp_pipeline_project: str = "default"
    """Project (matter) that commands work on unless told otherwise."""

    celery_broker_url: BrokerUrl | None = Field(
        None, validation_alias=AliasChoices("CELERY_BROKER_URL", "CELERY_REDIS_URL", "REDIS_URL")
    )
    """Broker, e.g. redis://:password@host:6379/0 (rediss:// for TLS). Not set: embedded Valkey.

    Also read: CELERY_REDIS_URL, REDIS_URL.
    """
    celery_result_backend: BrokerUrl | None = None
    """Where Celery keeps results; the broker unless set."""
    redis_host: str = ""
    """Host of the broker, if no URL is set."""
    redis_port: int = 6379
    """Port of the broker, used with REDIS_HOST."""
    redis_password: SecretStr | None = None
    """Password of the broker, used with REDIS_HOST."""
    redis_ca_certs: FilePath | None = None
    """Certificates (PEM) of the authority that a rediss:// server is checked by; those of this machine unless set."""
    celery_worker_concurrency: int | None = Field(None, ge=1, le=1000)
    """Tasks that one worker runs at once; the table of queues decides unless set."""
    celery_worker_prefetch_multiplier: int = Field(1, ge=1)
    """Messages that a worker reserves for each running task."""
    celery_worker_max_tasks_per_child: int = Field(5000, ge=1)
    """Tasks after which a pool process is replaced; lower means more often."""
    celery_task_soft_time_limit: Seconds = timedelta(seconds=3300)
    """Time after which a task is asked to stop, in seconds."""
    celery_task_time_limit: Seconds = timedelta(seconds=3600)
    """Time after which a task is ended by force, in seconds; below the visibility timeout."""
    celery_task_ignore_result: bool = True
    """Whether Celery keeps no results of tasks; else for seven days. What became of a document is in the database."""
    celery_visibility_timeout: Seconds = timedelta(seconds=7200)
    """Time after which the broker delivers an unacknowledged task again, in seconds."""
    celery_worker_soft_shutdown_timeout: Seconds = timedelta(seconds=30)
    """Time that running tasks have to finish when a worker is stopped, in seconds; then they are handed back."""

    database_url: SecretStr | None = None
    """PostgreSQL with pgvector, e.g. postgresql://user:password@host/db. Not set: embedded PostgreSQL."""
    database_store: Literal["postgres", "supabase"] = "postgres"
    """How tasks and queue processor reach the database: by DATABASE_URL, or by SUPABASE_URL and SUPABASE_KEY (HTTPS alone).

    Commands that read a project need DATABASE_URL either way.
    """

    legacy_database_url: SecretStr | None = None
    """PostgreSQL of an earlier system, whose documents `nlp-pipeline migrate documents` moves."""

    neo4j_uri: str = ""
    """Graph server, e.g. neo4j://host:7687 or bolt://host:7687. Not set: embedded Bolt server."""
    neo4j_user: str = "neo4j"
    """User of the graph server."""
    neo4j_password: SecretStr | None = None
    """Password of the graph server."""
    neo4j_database: str = "neo4j"
    """Database on the graph server."""

    blob_store: Literal["folder", "s3", "supabase"] = "folder"
    """Where submitted files are kept: a folder, a bucket of S3, a bucket of Supabase Storage."""
    blob_folder: Path | None = None
    """Folder that keeps submitted files, shared by all workers; `files` under NLP_PIPELINE_HOME unless set."""
    s3_bucket: str = ""
    """Bucket of S3 that files are kept in."""
    s3_prefix: str = ""
    """Put before the names of all files in the bucket, with a slash between."""
    s3_endpoint_url: str = ""
    """Address of another service that speaks S3; Amazon's own unless set."""
    supabase_url: str = ""
    """Supabase project, e.g. https://abc.supabase.co."""
    supabase_key: SecretStr | None = None
    """Key of the project's service role, or one of its secret keys."""
    supabase_bucket: str = "documents"
    """Private bucket of Supabase Storage that files are kept in."""

    aws_region: str = Field("", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    """Region of S3 and Textract; as AWS's own tools find it unless set. Also read: AWS_DEFAULT_REGION."""
    aws_access_key_id: str = ""
    """Name of the AWS key; as AWS's own tools find it (profile, role of the machine) unless set."""
    aws_secret_access_key: SecretStr | None = None
    """The AWS key itself."""
    aws_session_token: SecretStr | None = None
    """Belongs to AWS keys that expire."""

    @model_validator(mode="after")
    def _check_services(self) -> Self:
        if self.blob_store == "s3" and not self.s3_bucket:
            raise ValueError("BLOB_STORE=s3 needs a bucket: set S3_BUCKET.")
        if self.blob_store == "supabase" and not (self.supabase_url and self.supabase_key and self.supabase_bucket):
            raise ValueError("BLOB_STORE=supabase needs SUPABASE_URL, SUPABASE_KEY and SUPABASE_BUCKET.")
        if self.database_store == "supabase" and not (self.supabase_url and self.supabase_key):
            raise ValueError("DATABASE_STORE=supabase needs SUPABASE_URL and SUPABASE_KEY.")
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key):
            raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: set both or neither.")
        return self

    @property
    def home(self) -> Path:
        """NLP_PIPELINE_HOME as an absolute path."""
        return self.nlp_pipeline_home.expanduser().absolute()

    @property
    def files(self) -> Path:
        """Where submitted files are kept."""
        return (self.blob_folder or self.home / "files").absolute()

    @property
    def broker(self) -> str:
        """The broker's URL, with its password; "" if it is to be embedded."""
        if self.celery_broker_url is not None:
            return with_certificates(self.celery_broker_url.get_secret_value(), self.redis_ca_certs)
        if not self.redis_host:
            return ""
        password = f":{quote(self.redis_password.get_secret_value(), safe='')}@" if self.redis_password else ""
        return f"redis://{password}{self.redis_host}:{self.redis_port}/0"

    @property
    def results(self) -> str:
        """Where Celery keeps results."""
        backend = self.celery_result_backend
        return with_certificates(backend.get_secret_value(), self.redis_ca_certs) if backend else self.broker

    @property
    def database(self) -> str:
        """The database's URL, with its password; "" if it is to be embedded."""
        return self.database_url.get_secret_value() if self.database_url else ""
