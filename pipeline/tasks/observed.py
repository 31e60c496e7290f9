"""How a worker's log lines look, and when its traces are sent."""

import logging

from celery.signals import after_setup_logger, after_setup_task_logger, worker_process_shutdown, worker_shutdown

from pipeline.observing import flush, formatter
from pipeline.settings import load_settings


def as_asked(logger: logging.Logger, **_: object) -> None:
    """LOG_FORMAT=json; otherwise Celery's own format stays."""
    if load_settings().log_format == "json":
        for handler in logger.handlers:
            handler.setFormatter(formatter("json"))


def at_the_end(**_: object) -> None:
    """Nothing is kept back by a process that ends."""
    flush()


after_setup_logger.connect(as_asked)
after_setup_task_logger.connect(as_asked)
worker_process_shutdown.connect(at_the_end)
worker_shutdown.connect(at_the_end)
