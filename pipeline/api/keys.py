"""Keys, for whoever may administer."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from pipeline.api.access import Admin, chosen_project
from pipeline.api.backend import Asked
from pipeline.api.problems import Problem
from pipeline.stores.api_keys import KeyInfo, Scope

router = APIRouter(prefix="/api/keys", tags=["keys"])


def _shown(name: str) -> str:
    if not name.isprintable() or not name.strip():
        raise ValueError("a name consists of signs that can be shown")
    return name.strip()


class WantedKey(BaseModel):
    """What a key is for, and what it may do."""

    name: Annotated[str, Field(max_length=100, examples=["scanner"]), AfterValidator(_shown)]
    scope: Scope = Scope.READ
    project: str | None = Field(None, description="The only project that it sees; null: all that the caller sees.")


class Key(BaseModel):
    """What is known of a key."""

    id: str
    name: str
    scope: Scope
    project: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Keys(BaseModel):
    """Keys, the oldest first."""

    keys: list[Key]


class NewKey(BaseModel):
    """A key, which is shown this once."""

    id: str
    key: str
    name: str
    scope: Scope
    project: str | None


@router.get("")
def list_keys(backend: Asked, caller: Admin) -> Keys:
    """All keys, without the keys themselves; those of its project for a key of one project."""
    return Keys(keys=[_key(info) for info in backend.keys.all() if caller.project in ("", info.project)])


@router.post("", status_code=201)
def make_key(backend: Asked, caller: Admin, wanted: WantedKey) -> NewKey:
    """Make a key. It cannot be shown a second time. A key of one project makes keys of that project alone."""
    named = wanted.project or caller.project
    project = chosen_project(backend, caller, named) if named else ""
    made = backend.keys.create(wanted.name, wanted.scope, project)
    return NewKey(id=made.id, key=made.key, name=wanted.name, scope=wanted.scope, project=project or None)


@router.delete("/{key_id}", status_code=204)
def revoke_key(backend: Asked, caller: Admin, key_id: UUID) -> None:
    """Revoke a key: from now on it is refused, and the sessions that were opened with it have ended."""
    if not backend.keys.end(str(key_id), caller.project):
        advice = "List keys: GET /api/keys."
        raise Problem(404, "There is no such key, or it was revoked before.", "no_such_key", advice)


def _key(info: KeyInfo) -> Key:
    return Key(
        id=info.id,
        name=info.name,
        scope=Scope(info.scope),
        project=info.project or None,
        created_at=datetime.fromisoformat(info.created_at),
        last_used_at=_moment(info.last_used_at),
        revoked_at=_moment(info.revoked_at),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
