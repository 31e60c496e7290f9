"""Keys of the HTTP API. A key is known by its SHA-256 alone: 256 random bits need neither salt nor a slow hash."""

import hashlib
import secrets
from enum import StrEnum
from typing import NamedTuple

from pipeline.stores.calls import Calls

PREFIX = "nlp_"


class Scope(StrEnum):
    """What a key may do; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Whether this is enough where ``other`` is needed."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class Caller(NamedTuple):
    """Whose key it is; ``project`` is the only one that it sees, "" for all."""

    id: str
    name: str
    scope: Scope
    project: str


class KeyInfo(NamedTuple):
    """What is known of a key; times in ISO 8601, None where it never happened."""

    id: str
    name: str
    scope: str
    project: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class MadeKey(NamedTuple):
    """A key that was made now."""

    id: str
    key: str


class ApiKeys:
    """The keys, in the database. Every method raises ``ServiceUnavailable`` while that is away."""

    def __init__(self, database: Calls) -> None:
        self._db = database

    def create(self, name: str, scope: Scope, project: str = "") -> MadeKey:
        """A new key, which cannot be had a second time. ``project``: the only one that it sees."""
        key = PREFIX + secrets.token_urlsafe(32)
        return MadeKey(self._db.value("create_api_key", name=name, hash=digest(key), scope=scope, project=project), key)

    def first(self, name: str) -> str | None:
        """Make a key that may do everything, and that nobody knows: people act with it by links. Returns its id.

        None: there is a valid key already.
        """
        made: str | None = self._db.value("first_api_key", name=name, hash=digest(secrets.token_urlsafe(32)))
        return made

    def caller(self, key: str) -> Caller | None:
        """Whose key it is; None: it is none, or was revoked."""
        for key_id, name, scope, project in self._db.rows("use_api_key", hash=digest(key)):
            return Caller(key_id, name, Scope(scope), project)
        return None

    def is_valid(self, key_id: str) -> bool:
        """Whether there is a key with this id that was not revoked."""
        return bool(self._db.value("api_key_is_valid", id=key_id))

    def all(self) -> list[KeyInfo]:
        """All keys, the oldest first."""
        return [KeyInfo(*row) for row in self._db.rows("list_api_keys")]

    def end(self, key_id: str, within: str) -> bool:
        """Revoke the key with this id; False: it is not valid, or not one of the project ``within`` ("": any)."""
        return bool(self._db.value("revoke_api_key", id=key_id, project=within))

    def revoke(self, word: str) -> int:
        """Revoke the key with this id, or all of this name; how many were valid until now."""
        return len(self._db.value("revoke_api_keys", word=word))


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
