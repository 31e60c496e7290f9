"""Servers on demand: started for one command, ended by their last user."""

import pytest

from pipeline.cli.session import DATABASE_ALONE, Servers
from pipeline.stores.migrations import migrate
from pipeline.supervisor import Supervisor
from tests.servers import embedded_settings, temporary_home


def running(supervisor: Supervisor) -> list[str]:
    return [server.name for server in supervisor.status() if server.running]


@pytest.mark.servers
def test_the_last_user_ends_what_was_started_unless_it_is_to_be_kept() -> None:
    with temporary_home() as home:
        settings = embedded_settings(home)
        supervisor = Supervisor(settings)
        try:
            with Servers(settings) as one:
                assert migrate(one.up(DATABASE_ALONE).database)
                assert running(supervisor) == ["postgres"]
                with Servers(settings) as other:
                    assert migrate(other.up(DATABASE_ALONE).database) == []
                assert running(supervisor) == ["postgres"]
            assert running(supervisor) == []
            with Servers(settings) as one:
                one.up(DATABASE_ALONE)
                supervisor.up(keep=True, only=DATABASE_ALONE)
            assert running(supervisor) == ["postgres"]
        finally:
            supervisor.down()
        assert running(supervisor) == []
