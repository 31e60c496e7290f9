"""Numbered migrations: each runs once, in one transaction, in order."""

import hashlib
from importlib.resources import files

import psycopg

from pipeline.errors import Misconfigured, ServiceUnavailable

FOLDER = files("pipeline.stores") / "sql"


def migrations() -> list[tuple[str, str]]:
    """Name and text of each migration, in order."""
    names = sorted(entry.name for entry in FOLDER.iterdir() if entry.name[:4].isdigit() and entry.name.endswith(".sql"))
    return [(name, (FOLDER / name).read_text(encoding="utf-8")) for name in names]


def migrate(conninfo: str, only: int | None = None) -> list[str]:
    """Bring the database up to date; return the names of the migrations that ran.

    Args:
        conninfo: PostgreSQL URL of a role that may create tables.
        only: stop after so many migrations; None for all.

    Raises:
        ServiceUnavailable: the database cannot be reached.
        Misconfigured: pgvector is missing, rights are missing, or an applied migration was changed afterwards.
    """
    try:
        with psycopg.connect(conninfo, connect_timeout=10) as db:
            db.execute("select pg_advisory_xact_lock(hashtext('schema_migrations'))")
            db.execute(
                "create table if not exists schema_migrations"
                " (name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
            )
            db.execute("alter table schema_migrations enable row level security")
            return [name for name, text in migrations()[:only] if _apply(db, name, text)]
    except psycopg.OperationalError as fault:
        raise ServiceUnavailable(f"The database cannot be reached: {_first_line(fault)}") from fault
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFile) as fault:
        raise Misconfigured(
            f"The database cannot be set up (pgvector and the right to create tables are needed): {_first_line(fault)}"
        ) from fault


def _apply(db: psycopg.Connection[tuple[str]], name: str, text: str) -> bool:
    digest = hashlib.sha256(text.encode()).hexdigest()
    row = db.execute("select sha256 from schema_migrations where name = %s", (name,)).fetchone()
    if row:
        if row[0] != digest:
            raise Misconfigured(f"Migration {name} was changed after it had been applied to this database.")
        return False
    db.execute(text.encode())
    db.execute("insert into schema_migrations (name, sha256) values (%s, %s)", (name, digest))
    return True


def _first_line(fault: psycopg.Error) -> str:
    return str(fault).strip().partition("\n")[0]
