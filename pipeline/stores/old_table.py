"""A table of an earlier system, read as it stands. A mapping names it, so the statements are put together here."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.stores.mapping import Mapping

ADVICE = "Correct LEGACY_DATABASE_URL (or --from-url), or the mapping."
NAME = "nlp-pipeline migrate"
OURS = "permitted_moves"  # stands beside our own table of documents, and nowhere else


class OldTableFault(Misconfigured):
    """The old table cannot be used as it is named."""

    code = "old_table"
    advice = ADVICE


class OldRow(NamedTuple):
    """A document of an earlier system; ``text_size`` in bytes, 0 if the row holds no text itself."""

    id: str
    status: str
    file: str
    text_size: int
    name: str
    project: str


class Wanted(NamedTuple):
    """Which rows are to be moved: in ``statuses``; in ``stalled`` if unchanged for ``idle``, unless that is None."""

    statuses: tuple[str, ...]
    stalled: tuple[str, ...] = ()
    idle: timedelta | None = None


class Surveyed(NamedTuple):
    """Rows in one state, and how many of them are wanted."""

    status: str
    rows: int
    wanted: int


class OldTable:
    """Reads an old table in transactions that cannot write; ``mark`` alone writes, and one column alone.

    Thread-safe. Every method raises ``OldTableFault`` where table or column are not there, ``ServiceUnavailable`` while
    the database is away.

    Args:
        url: PostgreSQL URL.
        mapping: what table and columns are called.
    """

    def __init__(self, url: str, mapping: Mapping) -> None:
        self._mapping = mapping
        self._lock = Lock()
        self._connection = _connected(url)
        self._table = sql.SQL(".").join(map(sql.Identifier, mapping.table.split(".")))
        try:
            own_name = self._checked()
        except BaseException:
            self._connection.close()
            raise
        self.source = mapping.source or own_name

    def survey(self, wanted: Wanted) -> list[Surveyed]:
        """Rows by state.

        Raises:
            OldTableFault: ids are missing or stand twice.
        """
        ids = sql.SQL("select count(*) - count(distinct {id}) from {table}")
        ((twice,),) = self._rows(ids)
        if twice:
            column = self._mapping.columns.id
            raise OldTableFault(
                f"The column {column} of {self._mapping.table} has {twice:,} values that are empty or stand twice."
            )
        statement = "select {status}, count(*), count(*) filter (where {wanted}) from {table} group by 1 order by 2 desc, 1"
        return [Surveyed(*row) for row in self._rows(sql.SQL(statement), wanted)]

    def rows(self, wanted: Wanted, after: str | None, most: int) -> list[OldRow]:
        """The next rows that are wanted, in the order of their ids."""
        # The text has a name of its own: `order by` would otherwise sort by it, and 10 stand before 9.
        beyond = "" if after is None else " and {id} > %(after)s"
        statement = (
            "select {id}::text as row_id, {status}, {file}, {size}, {name}, {project} from {table}"
            " where {wanted}" + beyond + " order by {id} limit %(most)s"
        )
        found = [OldRow(*row) for row in self._rows(sql.SQL(statement), wanted, after=after, most=most)]
        return [row._replace(file=self._mapping.place(row.file)) for row in found]

    def text(self, row: OldRow) -> str:
        """The text that the row holds."""
        found = self._rows(sql.SQL("select {text} from {table} where {id} = %(row)s"), row=row.id)
        return str(found[0][0]) if found else ""

    def mark(self, ids: Sequence[str]) -> int:
        """Write the agreed value into the agreed column of these rows; returns how many were not marked already."""
        written = self._mapping.written
        if written is None:
            raise OldTableFault("The mapping names nothing that may be written: add [written] with column and value.")
        names = {
            "table": self._table,
            "id": sql.Identifier(self._mapping.columns.id),
            "column": sql.Identifier(written.column),
        }
        statement = sql.SQL(
            "update {table} set {column} = %(value)s"
            " where {id}::text = any (%(ids)s) and {column}::text is distinct from %(value)s"
        )
        with self._transaction(read_only=False) as connection:
            return connection.execute(statement.format(**names), {"value": written.value, "ids": list(ids)}).rowcount

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _checked(self) -> str:
        """What rows are remembered under.

        Raises:
            OldTableFault: the table is our own.
        """
        statement = (
            "select current_database() || '/' || n.nspname || '.' || c.relname,"
            " c.relname = 'documents' and to_regclass(format('%%I.%%I', n.nspname, %(ours)s::text)) is not null"
            " from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = %(table)s::regclass"
        )
        ((source, own),) = self._rows(sql.SQL(statement), ours=OURS, table=self._table.as_string(self._connection))
        if own:
            raise OldTableFault(
                f"{self._mapping.table} is this program's own table of documents: name that of the earlier system."
            )
        return str(source)

    def _rows(self, statement: sql.SQL, wanted: Wanted | None = None, **values: object) -> list[tuple[Any, ...]]:
        condition, more = self._condition(wanted) if wanted else (sql.SQL("true"), {})
        with self._transaction(read_only=True) as connection:
            return connection.execute(statement.format(wanted=condition, **self._names()), more | values).fetchall()

    def _names(self) -> dict[str, sql.Composable]:
        columns = self._mapping.columns

        def words(column: str) -> sql.Composable:
            return sql.SQL("coalesce({}::text, '')").format(sql.Identifier(column)) if column else sql.SQL("''")

        return {
            "table": self._table,
            "id": sql.Identifier(columns.id),
            "size": sql.SQL("octet_length({})").format(words(columns.text)),
            **{field: words(getattr(columns, field)) for field in ("status", "file", "name", "project", "text")},
        }

    def _condition(self, wanted: Wanted) -> tuple[sql.Composable, dict[str, object]]:
        if not self._mapping.columns.status:
            return sql.SQL("true"), {}
        status = self._names()["status"]
        condition: sql.Composable = sql.SQL("{} = any (%(statuses)s)").format(status)
        values: dict[str, object] = {"statuses": list(wanted.statuses)}
        if wanted.idle is not None:
            stalled = sql.SQL("({} or {} = any (%(stalled)s) and {}::timestamptz < now() - %(idle)s)")
            condition = stalled.format(condition, status, sql.Identifier(self._mapping.columns.changed))
            values |= {"stalled": list(wanted.stalled), "idle": wanted.idle}
        return condition, values

    @contextmanager
    def _transaction(self, *, read_only: bool) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with self._lock, _told(self._mapping.table):
            self._connection.read_only = read_only
            with self._connection.transaction():
                yield self._connection


def reach(url: str, what: str, advice: str) -> None:
    """Try whether a database can be had, so that a fault is named at once.

    Raises:
        Misconfigured: it refuses us, or the URL is none.
        ServiceUnavailable: no answer.
    """
    _connected(url, what, advice).close()


def _connected(url: str, what: str = "The old database", advice: str = ADVICE) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        # A pooler before the database may give each transaction another session: nothing is prepared in one.
        return psycopg.connect(url, connect_timeout=10, keepalives_idle=30, application_name=NAME, prepare_threshold=None)
    except psycopg.OperationalError as fault:
        reason = _first_line(fault).rpartition("failed: ")[2]
        if "FATAL" in reason:
            refused: Misconfigured | ServiceUnavailable = Misconfigured(
                f"{what} refuses us: {reason.removeprefix('FATAL:').strip()}."
            )
        else:
            refused = ServiceUnavailable(f"{what} cannot be reached at {_place(url)}: {reason.rstrip('.')}.")
        refused.advice = advice
        raise refused from None
    except psycopg.ProgrammingError:
        wrong = Misconfigured(
            f"The address of {what[0].lower()}{what[1:]} is none: it looks like postgresql://user:password@host/name."
        )
        wrong.advice = advice
        raise wrong from None


@contextmanager
def _told(table: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as fault:
        raise OldTableFault(f"The old database does not let us: {_first_line(fault)}.") from fault
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError) as fault:
        raise OldTableFault(f"The old table {table} is not as the mapping says: {_first_line(fault)}.") from fault
    except psycopg.OperationalError as fault:
        raise ServiceUnavailable(f"The old database went away: {_first_line(fault)}.") from fault


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its address"
    return f"{parts.hostname or 'this machine'}:{parts.port or 5432}"


def _first_line(fault: psycopg.Error) -> str:
    return str(fault).strip().partition("\n")[0].rstrip(".")


def known_statuses(mapping: Mapping, surveyed: Collection[Surveyed]) -> set[str]:
    """States that can be asked for: of the mapping, and of the table."""
    s = mapping.statuses
    return {*s.pending, *s.running, *s.done, *s.failed, *(each.status for each in surveyed)}
