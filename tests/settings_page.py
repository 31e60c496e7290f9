"""docs/settings.md as it follows from the settings: ``python -m tests.settings_page > docs/settings.md``."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from pipeline.settings import Settings

HEAD = """# Settings

From the environment, or from a file `.env` in the folder where a command or worker is started; the environment wins. All of
them are read once, when a process starts: start workers anew after a change. A value that is empty is not set. Times are
seconds, or durations like `PT2M`. Passwords and keys (secret) are never printed.

What is wrong or contradicts something else is refused at the start, with a sentence that says what to set. `nlp-pipeline
doctor` tries every service that is set. All workers, queue processors and machines of an installation have the same
settings, but for places like `NLP_PIPELINE_HOME`.
"""

# The first setting of each group: the others follow in the order of the class.
GROUPS = {
    "nlp_pipeline_home": "Place and project",
    "celery_broker_url": "Broker and workers",
    "database_url": "Database",
    "neo4j_uri": "Graph",
    "blob_store": "Files",
    "supabase_url": "Supabase",
    "aws_region": "Amazon",
    "openai_api_key": "Hosted models",
    "ocr_engine": "Reading: OCR and recordings",
    "embedding_engine": "Vectors",
    "ner_engine": "Names",
    "torch_device": "Weights",
    "prices": "Costs",
    "large_document_pages": "Large documents and passages",
    "reader_memory": "Limits of one document",
    "api_max_upload": "HTTP API",
    "documents_in_flight": "Pace and repair",
    "log_format": "Logs",
}


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"\n## {group}\n\n{table(names)}" for group, names in groups())


def groups() -> Iterator[tuple[str, list[str]]]:
    """Each group's name and settings, in order."""
    names = list(Settings.model_fields)
    starts = [*(names.index(first) for first in GROUPS), len(names)]
    for group, start, end in zip(GROUPS.values(), starts, starts[1:], strict=False):
        yield group, names[start:end]


def table(names: Iterable[str]) -> str:
    """A line for each setting."""
    lines = ["| setting | default | may be | what it is |", "|---|---|---|---|"]
    for name in names:
        field = Settings.model_fields[name]
        about = " ".join((field.description or "").split())
        lines.append(f"| `{name.upper()}` | {default(field)} | {allowed(field)} | {about} |")
    return "\n".join(lines) + "\n"


def default(field: FieldInfo) -> str:
    """The default as it would be written."""
    value = field.default
    if isinstance(value, timedelta):
        value = int(value.total_seconds())
    elif isinstance(value, bool):
        value = str(value).lower()
    return "" if value in (None, "") or value == {} else f"`{value}`"


def allowed(field: FieldInfo) -> str:
    """What a value may be, where there is something to say."""
    kinds = set(flat(field.annotation))
    limits = [limit for part in (field, *flat(field.annotation)) for limit in getattr(part, "metadata", ())]
    if choices := [f"`{choice}`" for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]:
        return ", ".join(choices)
    if SecretStr in kinds:
        return "secret"
    if bool in kinds:
        return "`true`, `false`"
    least = next((f"{limit.ge:,}" for limit in limits if isinstance(limit, Ge)), "")
    most = next((f"{limit.le:,}" for limit in limits if isinstance(limit, Le)), "")
    return f"{least} to {most}" if least and most else f"{least} or more" if least else f"up to {most}" if most else ""


def flat(annotation: object) -> Iterator[object]:
    """The types of an annotation: of a union each, of an annotated one what is annotated."""
    if get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from flat(part)
    elif get_origin(annotation) is Annotated:
        yield from flat(get_args(annotation)[0])
    else:
        yield annotation


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
