"""What people decide of entities: that two are one, or that names of one are another.

``within`` is the only project that may be seen, "" for any.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Self

from psycopg.types.json import Jsonb

from pipeline.errors import PipelineError
from pipeline.stores.calls import Calls
from pipeline.stores.catalog import Facts
from pipeline.stores.control import patiently

FAULTS = {
    "no_such_entity": ("There is no such entity.", "Find entities: nlp-pipeline entity NAME."),
    "one_already": ("These are one entity already.", "Nothing is to be done."),
    "no_such_name": ("The entity has no such name of its own: {names}.", "Take names from its list of spellings."),
    "nothing_left": ("These are all names of the entity; nothing would be left of it.", "Name some of them."),
}


class Undecided(PipelineError):
    """What was decided cannot be: code ``no_such_entity``, ``one_already``, ``no_such_name`` or ``nothing_left``."""

    exit_code = 2

    def __init__(self, code: str, names: Collection[str] = ()) -> None:
        message, self.advice = FAULTS[code]
        super().__init__(message.format(names=", ".join(names)), code)
        self.args = (code, names)


class Decided(NamedTuple):
    """A decision, the older ones that do not hold any more because of it, and the ids of the entities; a split has two."""

    decision: Facts
    overruled: list[Facts]
    entity: str
    new_entity: str = ""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """From what the database says.

        Raises:
            Undecided: it says what is in the way.
        """
        if "fault" in answer:
            raise Undecided(answer["fault"], answer.get("names", ()))
        decision = dict(answer["decision"])
        return cls(decision, decision.pop("overruled"), answer["entity"], answer.get("new_entity", ""))


class Decisions:
    """Every method raises ``ServiceUnavailable`` while the database is away."""

    def __init__(self, database: Calls) -> None:
        self._db = database

    def merge(self, one: str, other: str, within: str, reason: str, by: str) -> Decided:
        """Two entities are one from now on, whatever is read anew.

        Raises:
            Undecided: there is no such entity, or they are one already.
        """
        values = {"one": one, "other": other, "within": within, "reason": reason, "by": by}
        return self._decided("merge_entities", values)

    def split(self, entity: str, names: Mapping[str, Collection[str]], within: str, reason: str, by: str) -> Decided:
        """Some names of an entity are one of their own from now on.

        Args:
            entity: its id.
            names: as they are written, each with the keys that it would have as an entity.
            within: see above.
            reason: why, for people.
            by: who says so.

        Raises:
            Undecided: there is no such entity, or name of it, or these are all.
        """
        rows = Jsonb([{"name": name, "keys": sorted(keys)} for name, keys in names.items()])
        return self._decided("split_entity", {"entity": entity, "names": rows, "within": within, "reason": reason, "by": by})

    def take_back(self, decision: str, within: str, by: str) -> bool:
        """A decision holds no more; False: there is none that does."""
        ((done,),) = patiently(self._db, "take_back_decision", decision=decision, within=within, by=by)
        return bool(done)

    def of(self, entity: str) -> list[Facts]:
        """The decisions about an entity, the newest first; ``holds``: no later one says otherwise."""
        return [facts for (facts,) in self._db.rows("decisions_of", entity=entity)]

    def all(self, project: str, before: str | None = None, limit: int = 50) -> list[Facts]:
        """The decisions of a project, also those that were taken back, the newest first; ``before``: older than this one."""
        return [facts for (facts,) in self._db.rows("list_decisions", project=project, before=before, limit=limit)]

    def _decided(self, statement: str, values: Mapping[str, object]) -> Decided:
        ((answer,),) = patiently(self._db, statement, **values)
        return Decided.of(answer)
