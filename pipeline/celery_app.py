"""The Celery application: ``celery -A pipeline.celery_app worker -Q ocr`` works as any Celery user expects.

Settings are read when Celery first asks for its configuration, not on import.
"""

import ssl
from functools import partialmethod
from typing import Any

import click
from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection

from pipeline import condition as condition  # so that `celery inspect` knows it
from pipeline.endpoints import located
from pipeline.queues import task_routes
from pipeline.settings import Settings, load_settings

TLS = "rediss://"
RESULTS_KEPT = 7 * 24 * 3600
PURGE = (
    "The database will fill the queues again: messages of documents on their way come anew within REPAIR_AFTER. "
    "To stop documents: nlp-pipeline cancel."
)
LONGEST_PAUSE = 10  # seconds between two tries to reach the broker


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Celery's configuration: delivery at least once, one message at a time, ids as JSON only."""
    sockets = {"socket_timeout": 30, "socket_connect_timeout": 10, "socket_keepalive": True}
    types = settings.worker_types
    most_tasks = max(settings.celery_worker_concurrency or 0, *(w.concurrency for w in types))
    return {
        "broker_url": settings.broker,
        "result_backend": settings.results,
        "imports": ("pipeline.tasks", "pipeline.tasks.observed", "pipeline.shutdown"),
        "task_routes": task_routes(types),
        "task_queues": {w.name: {"exchange": w.name, "routing_key": w.name} for w in types},
        "task_default_queue": "default",
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_retry_on_worker_lost": True,
        "task_track_started": True,
        "task_soft_time_limit": settings.celery_task_soft_time_limit.total_seconds(),
        "task_time_limit": settings.celery_task_time_limit.total_seconds(),
        "worker_prefetch_multiplier": settings.celery_worker_prefetch_multiplier,
        "worker_max_tasks_per_child": settings.celery_worker_max_tasks_per_child,
        "worker_concurrency": settings.celery_worker_concurrency,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": True,
        "task_ignore_result": settings.celery_task_ignore_result,
        "result_expires": RESULTS_KEPT,
        "result_backend_always_retry": True,
        "result_backend_max_retries": 60,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": settings.celery_visibility_timeout.total_seconds(),
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "polling_interval": 5,
            "queue_order_strategy": "priority",
            "max_connections": most_tasks + 50,  # too few, and greenlets that acknowledge at one time fail to
            **sockets,
        },
        "redis_socket_timeout": sockets["socket_timeout"],
        "redis_socket_connect_timeout": sockets["socket_connect_timeout"],
        "redis_socket_keepalive": True,
        # Celery itself looks at the variables first, where a URL need not say how certificates are checked.
        "broker_use_ssl": _certificates(settings) if settings.broker.startswith(TLS) else None,
        "redis_backend_use_ssl": _certificates(settings) if settings.results.startswith(TLS) else None,
    }


def _certificates(settings: Settings) -> dict[str, Any]:
    authority = settings.redis_ca_certs
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} | ({"ssl_ca_certs": str(authority.absolute())} if authority else {})


class Broker(Connection):
    """A connection that goes on trying while the broker is away, with shorter pauses than kombu's own."""

    ensure_connection = partialmethod(Connection.ensure_connection, interval_max=LONGEST_PAUSE)


def _warn_of_purge() -> None:
    """Say what Celery's own question leaves out, where this is loaded for `celery purge`."""
    context = click.get_current_context(silent=True)
    if context is not None and context.invoked_subcommand == "purge":
        click.echo(PURGE, err=True)


_warn_of_purge()
app = Celery("nlp_pipeline", amqp=type("Messages", (AMQP,), {"Connection": Broker}))
app.add_defaults(lambda: celery_settings(located(load_settings())))
