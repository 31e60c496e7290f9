"""Weights: found without importing, checked by hash, put together once."""

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.engines import weights
from pipeline.engines.weights import State, WeightFile, Weights, installed_weights, weight_files, write_whole
from pipeline.errors import Misconfigured

PACKAGE = "folio-weights"
FIRST, SECOND = b"first half, ", b"second half"


def _catalogued(name: str, content: bytes, sources: tuple[str, ...], *, joined: bool = False) -> Weights:
    digest = hashlib.sha256(content).hexdigest()
    file = WeightFile("model.bin", digest, tuple((PACKAGE, f"folio_weights/{source}") for source in sources))
    return Weights(name, "test", "MIT", "made here", (file,), joined)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of two files of weights, and a catalogue that names them."""
    site = tmp_path / "site"
    data = site / "folio_weights"
    info = site / "folio_weights-1.0.dist-info"
    data.mkdir(parents=True)
    info.mkdir()
    (data / "__init__.py").write_text("raise AssertionError('imported')")
    (data / "part1").write_bytes(FIRST)
    (data / "part2").write_bytes(SECOND)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    (info / "RECORD").write_text("folio_weights/__init__.py,,\nfolio_weights/part1,,\nfolio_weights/part2,,\n")
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    catalogue = (
        _catalogued("whole", FIRST, ("part1",)),
        _catalogued("parts", FIRST + SECOND, ("part1", "part2"), joined=True),
        _catalogued("absent", FIRST, ("part3",)),
    )
    monkeypatch.setattr(weights, "CATALOGUE", catalogue)
    return data


def test_a_file_is_used_where_it_is_installed(package: Path, tmp_path: Path) -> None:
    assert weight_files("whole", tmp_path / "models") == {"model.bin": package / "part1"}


def test_parts_are_put_together(package: Path, tmp_path: Path) -> None:
    path = weight_files("parts", tmp_path / "models")["model.bin"]
    assert path.read_bytes() == FIRST + SECOND
    assert sorted(p.name for p in path.parent.iterdir()) == ["model.bin"]


def test_many_at_once_put_the_parts_together(package: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: weight_files("parts", tmp_path / "models")["model.bin"], range(24)))
    assert {path.read_bytes() for path in found} == {FIRST + SECOND}
    assert [p.name for p in found[0].parent.iterdir()] == ["model.bin"]


@pytest.mark.parametrize("name", ["whole", "parts"])
def test_a_changed_file_is_refused(package: Path, tmp_path: Path, name: str) -> None:
    (package / "part1").write_bytes(b"something else")
    with pytest.raises(Misconfigured, match="not the official file") as fault:
        weight_files(name, tmp_path / "models")
    assert fault.value.code == "weights_wrong"


def test_a_file_that_changes_after_its_check_is_refused(package: Path, tmp_path: Path) -> None:
    weight_files("whole", tmp_path / "models")
    (package / "part1").write_bytes(b"something else")
    with pytest.raises(Misconfigured):
        weight_files("whole", tmp_path / "models")


def test_a_damaged_joined_file_is_made_again(package: Path, tmp_path: Path) -> None:
    path = weight_files("parts", tmp_path / "models")["model.bin"]
    path.write_bytes(b"cut sh")
    assert weight_files("parts", tmp_path / "models")["model.bin"].read_bytes() == FIRST + SECOND


def test_a_checked_file_is_not_read_again(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight_files("parts", tmp_path / "models")
    monkeypatch.setattr(weights, "sha256_of", lambda _: pytest.fail("hashed again"))
    weight_files("parts", tmp_path / "models")


def test_what_is_not_installed_is_named(package: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=PACKAGE) as fault:
        weight_files("absent", tmp_path / "models")
    assert fault.value.code == "weights_missing"
    with pytest.raises(Misconfigured, match="whole, parts, absent"):
        weight_files("unheard of", tmp_path / "models")


def test_the_list_shows_what_is_there_missing_and_wrong(package: Path, tmp_path: Path) -> None:
    (package / "part2").write_bytes(b"else")
    states = {line.name: line.state for line in installed_weights(tmp_path / "models")}
    assert states == {"whole": State.OK, "parts": State.WRONG, "absent": State.MISSING}


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def broken(_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(Misconfigured, match="No space left"):
        write_whole(tmp_path / "models" / "model.bin", broken)
    assert list((tmp_path / "models").iterdir()) == []


def test_requirements_pin_every_package_of_the_catalogue() -> None:
    pinned = (Path(__file__).parents[3] / "requirements" / "weights.txt").read_text().replace("-", ".")
    packages = {package for w in weights.CATALOGUE for file in w.files for package, _ in file.sources}
    assert {p for p in packages if p.replace("-", ".") + "==" not in pinned} == {"rapidocr"}, (
        "rapidocr is a library, in the lock"
    )


def test_the_packaged_weights_are_the_official_ones(tmp_path: Path) -> None:
    assert {(line.file, line.state) for line in installed_weights(tmp_path) if line.state != State.OK} == set()
