"""A folder that the Supabase tool takes: a config, and our migrations under the names that it wants."""

from datetime import UTC, datetime
from pathlib import Path

from pipeline.stores.migrations import access, migrations, recorded

CONFIG = """\
project_id = "nlp-pipeline"

[api]
enabled = true
schemas = ["public"]
extra_search_path = ["public", "extensions"]
max_rows = 1000

[db]
major_version = 17

[db.migrations]
enabled = true

[db.seed]
enabled = false

[storage]
enabled = true
file_size_limit = "512MiB"

[storage.buckets.documents]
public = false
file_size_limit = "512MiB"
"""
ANY_ORDER = "set check_function_bodies = off;\n\n"


def supabase_migrations() -> dict[str, str]:
    """Title and text of each migration for the Supabase tool, in order; the functions are one, the last."""
    numbered = {name.removesuffix(".sql"): ANY_ORDER + text for name, text in migrations() if name[:4].isdigit()}
    functions = [text for name, text in migrations() if name.startswith("functions/")]
    return numbered | {"functions": "\n".join([ANY_ORDER, *functions, recorded(), access()])}


def write_supabase(folder: Path) -> list[Path]:
    """Write that folder, or add what is new; returns what was written.

    The tool knows a migration by the time in its name and runs it once. So a file that is there stays, and functions that
    have changed come as another.
    """
    place = folder / "migrations"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    config = folder / "config.toml"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
        written.append(config)
    for title, text in supabase_migrations().items():
        newest = max(place.glob(f"*_{title}.sql"), default=None)
        if newest is None or newest.read_text(encoding="utf-8") != text:
            path = place / f"{_next_version(place)}_{title}.sql"
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _next_version(place: Path) -> int:
    """The time as the tool writes it, later than all that is there."""
    known = [int(path.name.partition("_")[0]) for path in place.glob("*.sql")]
    return max([int(f"{datetime.now(UTC):%Y%m%d%H%M%S}"), *(version + 1 for version in known)])
