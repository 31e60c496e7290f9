"""Keeps the graph true: compares it with the database, span by span, and puts right what differs.

Both run while documents are worked on. A span that differs is looked at a second time, alone: then nobody else writes the
project's part of the graph, and what is still to be told to it is known.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from pipeline.graph_rows import NODES, ROUNDS, Difference, GraphRows, Kind, Part, Rows, Span, compare, spans
from pipeline.model import GraphTurn
from pipeline.stores.graph_content import GraphContent, Moment, Project

FIGURES = (Part.ENTITY, Part.CO_OCCURS_WITH)
NAMELESS = "?"


class Look(NamedTuple):
    """What was found in one span: ``differences`` are drift; ``on_the_way`` is yet to be told to the graph anyway."""

    project: str
    done: int
    spans: int
    differences: list[Difference]
    on_the_way: list[Difference]


class GraphKeeper:
    """Compares and mends.

    Args:
        content: what the graph must hold.
        graph: what it holds.
    """

    def __init__(self, content: GraphContent, graph: GraphRows) -> None:
        self._content = content
        self._graph = graph

    def projects(self) -> list[Project]:
        """All projects of the graph and of the database."""
        held = self._graph.projects()  # first: the database knows a project before the graph does
        known = self._content.projects()
        return known + [Project(name) for name in sorted(held - {project.name for project in known})]

    def check(self, project: Project) -> Iterator[Look]:
        """Look at every span of a project; change nothing."""
        return self._looks(project, mend=False)

    def rebuild(self, project: Project) -> Iterator[Look]:
        """Look at every span and put right what differs; ``differences`` is what was put right.

        It may be ended at any time: what was put right stays so, and the next call goes on where something differs.
        """
        return self._looks(project, mend=True)

    def clear(self, project: Project) -> None:
        """Remove the project's part of the graph."""
        with self._content.alone(project) as moment:
            self._graph.clear(project.name, moment.turn)

    def _looks(self, project: Project, *, mend: bool) -> Iterator[Look]:
        should, is_ = self._content.sizes(project), self._graph.sizes(project.name)
        work = [(parts, span) for owner, parts in ROUNDS for span in spans(max(should.get(owner, 0), is_.get(owner, 0)))]
        lost = self._nameless(project, mend=mend)
        for done, (parts, span) in enumerate(work, 1):
            found = self._look(project, parts, span, mend=mend)
            yield Look(project.name, done, len(work), lost + found[0], found[1])
            lost = []

    def _look(
        self, project: Project, parts: Sequence[Part], span: Span, *, mend: bool
    ) -> tuple[list[Difference], list[Difference]]:
        seen = ((part, self._content.rows(part, project, span)) for part in parts)
        if not any(self._compared(part, project, span, expected) for part, expected in seen):
            return [], []
        drift: list[Difference] = []
        on_the_way: list[Difference] = []
        with self._content.alone(project) as moment:
            for part in parts:
                expected = moment.rows(part, span)
                found = self._compared(part, project, span, expected)
                moving = _moving(moment, part, found)
                drift += [each for each in found if not each.ids & moving]
                on_the_way += [each for each in found if each.ids & moving]
                if mend:
                    self._mend(part, expected, found, moving, moment.turn)
        return drift, on_the_way

    def _compared(self, part: Part, project: Project, span: Span, expected: Rows) -> list[Difference]:
        graph = self._graph
        held = graph.nodes(part, project.name, span) if part in NODES else graph.relations(part, expected.keys())
        return compare(part, expected, held)

    def _mend(
        self, part: Part, expected: Rows, found: Sequence[Difference], moving: Collection[str], turn: GraphTurn | None
    ) -> None:
        # A node that the database does not know yet, or no longer, is left to the work that is under way.
        ghosts = {each.owner for each in found if part in NODES and each.kind is Kind.SUPERFLUOUS}
        gone = {each.owner for each in found if each.owner in ghosts and not each.ids & set(moving)}
        if gone:
            self._graph.remove(part, gone, turn)
        self._graph.write(part, {each.owner: expected[each.owner] for each in found if each.owner not in ghosts}, turn)

    def _nameless(self, project: Project, *, mend: bool) -> list[Difference]:
        counts = self._graph.nameless(project.name)
        if counts and mend:
            self._graph.clear_nameless(project.name)
        return [Difference(Part(label), NAMELESS, "", (), None) for label, number in counts.items() for _ in range(number)]


def _moving(moment: Moment, part: Part, found: Sequence[Difference]) -> set[str]:
    ids = {i for each in found for i in each.ids}
    return moment.on_the_way(ids, figures=part in FIGURES)
