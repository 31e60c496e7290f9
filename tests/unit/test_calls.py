"""Every named statement of the store is one call, so that it can be made over REST too."""

import pytest

from pipeline.stores.calls import SQL, call

BY_SQL = {"set_budget"}
"""Of commands that have the database by SQL anyway."""


@pytest.mark.parametrize("statement", sorted(SQL.keys() - BY_SQL))
def test_every_statement_is_one_call_of_one_function(statement: str) -> None:
    called = call(statement)
    assert all(parameter.startswith("p_") for parameter in called.arguments)


def test_what_a_statement_calls() -> None:
    called = call("part")
    assert called == ("range_of", ("first_page", "last_page"), {"p_document": "document", "p_number": "part"})
    assert call("next_due") == ("next_due", (), {})
    assert call("stale_graphs").columns == ("ask_for_graphs",)
