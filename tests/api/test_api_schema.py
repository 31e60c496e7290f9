"""What the description promises holds for whatever is sent: schemathesis asks each route."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from pipeline.stores.api_keys import Scope
from tests.api_server import Served
from tests.matter import fill

CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # the API does, in its thread
def test_each_route_keeps_to_its_description(api: Served) -> None:
    letter = fill(api.store).letter
    headers = {"Authorization": f"Bearer {api.key(Scope.ADMIN)}"}
    answers: Counter[int] = Counter()
    asked = 0
    for found in schemathesis.openapi.from_url(f"{api.url}/openapi.json").get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @examples(max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            if case.method == "GET" and "document_id" in (case.path_parameters or {}):
                case.path_parameters["document_id"] = letter
            if case.path == "/api/events":
                case.query = {**(case.query or {}), "limit": 1}  # it would go on
            answers[case.call_and_validate(headers=headers, checks=CHECKS).status_code] += 1

        ask()
        asked += 1
    assert asked >= 15
    assert {200, 404, 422} <= answers.keys()
