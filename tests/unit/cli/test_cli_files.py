import os
from pathlib import Path

import pytest

from pipeline.cli.files import find_files, source_path
from pipeline.cli.intake import checked_project


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def names(folder: Path, *paths: Path) -> list[str]:
    return [file.path.relative_to(folder).as_posix() for file in find_files(paths or [folder]) if not file.fault]


def test_folders_are_searched_to_their_ends_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/b/c.txt", ".hidden", ".git/x", "a/.DS_Store"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["a/b/c.txt", "a/z.txt", "b.txt"]
    assert names(tmp_path, tmp_path / ".hidden") == [".hidden"]


def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    touch(tmp_path / "a/b.txt")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to(tmp_path / "a/self")
    assert names(tmp_path) == ["a/b.txt"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    faults = {file.path.name: file.fault for file in find_files([tmp_path])}
    assert faults["gone"] == "No such file or directory"
    assert "pipe" in faults["pipe"]


def test_our_own_folders_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "home/files/x")
    touch(tmp_path / "y")
    assert [f.path.name for f in find_files([tmp_path], without=[tmp_path / "home"])] == ["y"]


def test_a_file_is_called_as_it_is_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert source_path(Path("docs/../docs/a.pdf"), tmp_path) == "docs/a.pdf"
    assert source_path(tmp_path / "docs/a.pdf", tmp_path) == "docs/a.pdf"
    assert source_path(Path("/data/A/sroie/x.jpg"), tmp_path) == "data/A/sroie/x.jpg"
    assert source_path(tmp_path.with_name("other") / "x", tmp_path) == f"{tmp_path.parent}/other/x"[1:]


def test_any_name_can_be_stored(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff'\"\n\xe2\x82\xac.txt")
    touch(odd)
    (found,) = find_files([tmp_path])
    assert source_path(found.path, tmp_path) == "\\xff'\"\n€.txt"
    assert source_path(found.path, tmp_path).encode()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "x" * 101])
def test_a_project_must_be_a_name_for_files(name: str) -> None:
    with pytest.raises(Exception, match="project"):
        checked_project(name)
    assert checked_project("Fall Nr. 7") == "Fall Nr. 7"
