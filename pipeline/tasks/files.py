"""Stored files that no document uses any more."""

from contextlib import suppress

from celery import Task

from pipeline.celery_app import app
from pipeline.errors import BadDocument
from pipeline.wiring import services


def _remove() -> None:
    """Remove the files of deleted documents. What fails is asked for again."""
    use = services()
    while True:
        with use.documents.removing_files() as keys:
            for key in keys:
                with suppress(BadDocument):  # a key by which nothing can be stored
                    use.blobs.delete(key)
        if not keys:
            return


remove_files: Task = app.task(_remove, name="remove_files", ignore_result=True)
