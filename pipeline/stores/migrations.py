"""Numbered migrations, which run once in order, and functions, which are replaced whenever their file changed.

A numbered file never changes once it was released; a function is changed where it stands. Where its arguments change, a
numbered file drops the old one.
"""

import hashlib
import re
from importlib.resources import files

import psycopg

from pipeline.errors import Misconfigured, ServiceUnavailable

FOLDER = files("pipeline.stores") / "sql"
RECORDS = """\
create table if not exists schema_migrations
    (name text primary key, sha256 text not null, applied_at timestamptz not null default now());
alter table schema_migrations enable row level security;
"""
_MADE = re.compile(r"^create (?:or replace )?(table|view|function) (\w+)", re.MULTILINE)


def migrations() -> list[tuple[str, str]]:
    """Name and text of each migration, in order; the files of functions come last."""
    numbered = sorted(entry.name for entry in FOLDER.iterdir() if entry.name[:4].isdigit())
    functions = sorted(f"functions/{entry.name}" for entry in (FOLDER / "functions").iterdir())
    return [(name, FOLDER.joinpath(name).read_text(encoding="utf-8")) for name in (*numbered, *functions)]


def access() -> str:
    """SQL that leaves our tables and functions to the service role alone."""
    made = [found for _, text in migrations() for found in _MADE.findall(text)]
    tables = sorted({name for kind, name in made if kind != "function"} | {"schema_migrations"})
    functions = sorted({name for kind, name in made if kind == "function"})
    text = FOLDER.joinpath("supabase.sql").read_text(encoding="utf-8")
    return text.replace("TABLES", ",".join(tables)).replace("FUNCTIONS", ",".join(functions))


def recorded() -> str:
    """SQL that notes all migrations as applied, for who applies them by another tool."""
    rows = ",\n".join(f"    ('{name}', '{_digest(text)}')" for name, text in migrations())
    return (
        f"{RECORDS}insert into schema_migrations (name, sha256) values\n{rows}\n"
        "on conflict (name) do update set sha256 = excluded.sha256, applied_at = now();\n"
    )


def migrate(conninfo: str, only: int | None = None) -> list[str]:
    """Bring the database up to date; return the names of the migrations that ran.

    Args:
        conninfo: PostgreSQL URL of a role that may create tables.
        only: stop after so many migrations; None for all.

    Raises:
        ServiceUnavailable: the database cannot be reached.
        Misconfigured: pgvector is missing, rights are missing, or an applied migration was changed afterwards.
    """
    if not conninfo:
        raise Misconfigured("Migrations are run by SQL: set DATABASE_URL.", "no_database_url")
    try:
        with psycopg.connect(conninfo, connect_timeout=10) as db:
            db.execute("select pg_advisory_xact_lock(hashtext('schema_migrations'))")
            db.execute(RECORDS.encode())
            db.execute("set local check_function_bodies = off")  # they may stand in any order
            ran = [name for name, text in migrations()[:only] if _apply(db, name, text)]
            if ran:
                db.execute(access().encode())
            return ran
    except psycopg.OperationalError as fault:
        raise ServiceUnavailable(f"The database cannot be reached: {_first_line(fault)}") from fault
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFile) as fault:
        raise Misconfigured(
            f"The database cannot be set up (pgvector and the right to create tables are needed): {_first_line(fault)}"
        ) from fault


def _apply(db: psycopg.Connection[tuple[str]], name: str, text: str) -> bool:
    digest = _digest(text)
    row = db.execute("select sha256 from schema_migrations where name = %s", (name,)).fetchone()
    if row and row[0] == digest:
        return False
    if row and not name.startswith("functions/"):
        raise Misconfigured(f"Migration {name} was changed after it had been applied to this database.")
    db.execute(text.encode())
    db.execute(
        "insert into schema_migrations (name, sha256) values (%s, %s)"
        " on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()",
        (name, digest),
    )
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _first_line(fault: psycopg.Error) -> str:
    return str(fault).strip().partition("\n")[0]
