"""Sessions of people at the web page. Like a key, what a cookie or a link holds is known by its SHA-256 alone."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from pipeline.stores.api_keys import Caller, Scope, digest
from pipeline.stores.calls import Calls, Rows

LINK_LIFETIME = timedelta(hours=1)


class Session(NamedTuple):
    """Who is signed in, with whose key; ``ends_at`` if nothing more is asked."""

    caller: Caller
    ends_at: datetime


class Sessions:
    """The sessions, in the database. Every method raises ``ServiceUnavailable`` while that is away.

    Args:
        database: where they are.
        idle: time without a request after which one ends.
        lifetime: time after which one ends in any case.
    """

    def __init__(self, database: Calls, idle: timedelta, lifetime: timedelta) -> None:
        self._db = database
        self._idle = idle
        self._lifetime = lifetime

    def open(self, *, key: str = "", link: str = "") -> tuple[str, Session] | None:
        """A new session for a key, or for a link, which is void then: what the cookie holds, and who it is.

        None: the key or link is none, was revoked, or is over.
        """
        token = secrets.token_urlsafe(32)
        rows = self._db.rows(
            "open_api_session",
            key=digest(key) if key else "",
            link=digest(link) if link else "",
            hash=digest(token),
            idle=self._idle,
            lifetime=self._lifetime,
        )
        session = _session(rows)
        return (token, session) if session else None

    def use(self, token: str) -> Session | None:
        """Whose session it is; None: it is none, or has ended."""
        return _session(self._db.rows("use_api_session", hash=digest(token), idle=self._idle))

    def is_valid(self, token: str) -> bool:
        """Whether it has not ended; asking does not make it last longer."""
        return bool(self._db.value("is_api_session", hash=digest(token), idle=self._idle))

    def end(self, token: str) -> None:
        """End it."""
        self._db.rows("end_api_session", hash=digest(token))


def make_link(database: Calls, word: str) -> str | None:
    """What a link holds that opens one session with the newest valid key of this id or name, once, within an hour.

    None: there is no such key.
    """
    token = secrets.token_urlsafe(32)
    made = database.value("make_api_link", word=word, hash=digest(token), lifetime=LINK_LIFETIME)
    return token if made else None


def _session(rows: Rows) -> Session | None:
    for key_id, name, scope, project, ends_at in rows:
        return Session(Caller(key_id, name, Scope(scope), project), ends_at)
    return None
