"""What deploy/ holds: compared with the table of queues and the settings, checked by the tools that are here."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.worker import served
from pipeline.queues import WORKER_TYPES
from pipeline.settings import Settings, load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
SYSTEMD = DEPLOY / "systemd"
VENV = Path(sys.executable).parents[1]
TYPES = [worker.name for worker in WORKER_TYPES]
UNITS = (
    "nlp-pipeline-worker@ocr.service",
    "nlp-pipeline-queue-processor.service",
    "nlp-pipeline-api.service",
    "nlp-pipeline-flower.service",
    "nlp-pipeline-metrics.service",
    "nlp-pipeline.target",
)
SERVICES = sorted(path.name for path in SYSTEMD.glob("*.service"))
MOST_EXPOSED = 3.0
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


def lines(unit: str, key: str) -> list[str]:
    """All values of a key of a unit file."""
    text = (SYSTEMD / unit).read_text(encoding="utf-8")
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def install(root: Path, *words: str, code: int = 0) -> str:
    command = [str(DEPLOY / "install.sh"), "--root", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_target_starts_a_worker_of_each_type_the_queue_processor_and_the_api() -> None:
    wanted = lines("nlp-pipeline.target", "Wants")
    workers = [f"nlp-pipeline-worker@{name}.service" for name in TYPES]
    assert wanted == ["nlp-pipeline-queue-processor.service", *workers, "nlp-pipeline-api.service"]
    assert {queue for worker in WORKER_TYPES for queue in served(worker)} == set(TYPES)


@pytest.mark.parametrize("unit", SERVICES)
def test_units_stop_in_time_start_again_and_end_with_the_target(unit: str) -> None:
    patience = load_settings(_env_file=None).celery_worker_soft_shutdown_timeout.total_seconds()
    least = patience + 10 if "worker" in unit else 10
    assert float(lines(unit, "TimeoutStopSec")[0]) >= least
    assert (lines(unit, "Restart"), lines(unit, "KillSignal")) == (["always"], ["SIGTERM"])
    assert lines(unit, "PartOf") == ["nlp-pipeline.target"]
    assert "nlp-pipeline.target" in lines(unit, "After")[0].split()  # so that stopping the target waits for all
    assert lines(unit, "User") == ["nlp-pipeline"]
    if "worker" in unit:
        assert lines(unit, "KillMode") == ["mixed"]  # who sent SIGTERM to the pool too would break off what may finish


def test_the_settings_of_the_template_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (SYSTEMD / "nlp-pipeline.env").read_text(encoding="utf-8")
    names = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)
    assert len(names) > 8
    assert set(names) <= {name.upper() for name in Settings.model_fields}
    for name in names:
        monkeypatch.delenv(name, raising=False)
    shutil.copy(SYSTEMD / "nlp-pipeline.env", tmp_path / "env")
    settings = load_settings(_env_file=tmp_path / "env")
    assert settings.database.startswith("postgresql://")
    told = subprocess.run(["sh", "-c", f"set -a; . {tmp_path}/env; env"], capture_output=True, text=True, check=True).stdout
    assert f"DATABASE_URL={settings.database}" in told.splitlines()


@needs_systemd
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    install(tmp_path, "--venv", str(VENV))
    folder = tmp_path / "etc" / "systemd" / "system"
    verified = subprocess.run(
        ["systemd-analyze", "verify", *UNITS],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in verified.stderr.splitlines() if "nlp-pipeline" in line]
    assert (verified.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_units_may_do_little(unit: str) -> None:
    asked = ["systemd-analyze", "security", "--offline=true", str(SYSTEMD / unit)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    if not found:
        pytest.skip("this systemd-analyze does not judge files")
    assert float(found[1]) <= MOST_EXPOSED


def test_installed_twice_is_installed_once_and_settings_stay(tmp_path: Path) -> None:
    would = install(tmp_path, "--venv", str(VENV), "--dry-run")
    assert "nlp-pipeline-worker@.service" in would
    assert files(tmp_path) == {}
    said = install(tmp_path, "--venv", str(VENV))
    assert "/etc/nlp-pipeline/nlp-pipeline.env" in said
    settings = tmp_path / "etc/nlp-pipeline/nlp-pipeline.env"
    assert settings.stat().st_mode & 0o007 == 0
    settings.write_text("LOG_LEVEL=DEBUG\n")
    first = files(tmp_path)
    assert (
        f"ExecStart={VENV}/bin/nlp-pipeline worker %i".encode() in first["etc/systemd/system/nlp-pipeline-worker@.service"]
    )
    assert "Every file is as it should be." in install(tmp_path, "--venv", str(VENV))
    assert files(tmp_path) == first


def test_what_was_installed_is_removed_and_the_rest_only_when_asked(tmp_path: Path) -> None:
    install(tmp_path, "--venv", str(VENV))
    before = files(tmp_path)
    install(tmp_path, "--uninstall", "--dry-run")
    assert files(tmp_path) == before
    assert "Kept: " in install(tmp_path, "--uninstall")
    assert files(tmp_path).keys() == {"etc/nlp-pipeline/nlp-pipeline.env"}
    assert "Nothing of it is here." in install(tmp_path, "--uninstall")
    install(tmp_path, "--uninstall", "--purge")
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--venv", "/no/such/place"], "holds no nlp-pipeline: make venv, or --venv DIR."),
        (["--venv"], "--venv needs a folder."),
        (["--frobnicate"], "what is --frobnicate?"),
        (["--purge"], "--purge belongs to --uninstall."),
        (["--venv", "/a b"], "a unit cannot name /a b"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(words: list[str], sentence: str, tmp_path: Path) -> None:
    assert sentence in install(tmp_path, *words, code=2)
    assert files(tmp_path) == {}


@pytest.mark.skipif(not shutil.which("systemctl"), reason="systemctl is not here")
def test_a_python_that_units_cannot_see_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy("/bin/true", tmp_path / "bin" / "nlp-pipeline")
    (tmp_path / "bin" / "python").symlink_to("/home/somebody/bin/python3.11")
    command = [str(DEPLOY / "install.sh"), "--dry-run", "--venv", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "units cannot see /home/somebody/bin/python3.11" in done.stderr


def supervised() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    parser.read(DEPLOY / "supervisor" / "nlp-pipeline.conf", encoding="utf-8")
    return parser


def test_supervisor_runs_the_same() -> None:
    parser = supervised()
    names = parser["group:nlp-pipeline"]["programs"].split(",")
    assert names == ["queue_processor", *(f"worker_{name}" for name in TYPES), "api"]
    others = ["flower", "metrics"]
    assert {section.partition(":")[2] for section in parser.sections()} == {"nlp-pipeline", *others, *names}
    for name in [*names, *others]:
        program = parser[f"program:{name}"]
        assert (program["user"], program["stopsignal"], program["killasgroup"]) == ("nlp-pipeline", "TERM", "true")
        if name.startswith("worker_"):
            assert shlex.split(program["command"])[2].endswith(f"nlp-pipeline worker {name.removeprefix('worker_')}")
            assert int(program["stopwaitsecs"]) >= 40


def composed() -> dict[str, Any]:
    data = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def test_compose_runs_the_same_without_root_and_looks_after_health() -> None:
    services = composed()["services"]
    workers = {name: service["command"] for name, service in services.items() if name.startswith("worker-")}
    assert list(workers.values()) == [["worker", name] for name in TYPES]
    for name, service in services.items():
        assert service["user"] not in {"", "0", "root"}
        assert service["cap_drop"] == ["ALL"]
        assert "healthcheck" in service
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    needed = {need for service in services.values() for need in service.get("depends_on", {})}
    assert needed <= services.keys()
    volumes = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == composed()["volumes"].keys()


def test_compose_asks_for_settings_that_there_are() -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(composed()["x-program"]["environment"]) <= known
    text = (DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8")
    example = (DEPLOY / "compose" / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    build = (DEPLOY / "compose" / "Dockerfile").read_text(encoding="utf-8")
    assert "\nUSER nlp-pipeline\n" in build
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", build, re.MULTILINE):
        assert all((DEPLOY.parent / name).exists() for name in source.split())
