import hashlib
from pathlib import Path

import pytest

from pipeline.model import Attachment, StoredFile
from pipeline.stores.files import FolderBlobs
from pipeline.tasks.attachments import Attachments


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path)


def parent(depth: int = 0) -> StoredFile:
    return StoredFile("matter/mail", "mail.eml", "in/mail.eml", depth, "matter")


def test_an_attachment_is_stored_under_its_content_and_named_below_its_parent(blobs: FolderBlobs) -> None:
    expected: list[str] = []
    attachments = Attachments(blobs, expected.extend, parent(), 5)
    attachments.keep(Attachment("plan.pdf", b"the plan"))
    (kept,) = attachments.kept
    assert expected == [kept.storage_key]
    sha256 = hashlib.sha256(b"the plan").hexdigest()
    assert kept == ("in/mail.eml/plan.pdf", "plan.pdf", f"matter/{sha256}", 8, sha256)
    with blobs.local(kept.storage_key) as path:
        assert path.read_bytes() == b"the plan"


def test_names_are_made_safe_and_numbered(blobs: FolderBlobs) -> None:
    attachments = Attachments(blobs, lambda _: None, parent(), 5)
    for name in ("a.txt", "a.txt", "a (2).txt", "a.txt", "../../etc/passwd", "c:\\b.txt", "", "  ", ".profile", ".profile"):
        attachments.keep(Attachment(name, name.encode()))
    names = [kept.file_name for kept in attachments.kept]
    assert names == [
        "a.txt", "a (2).txt", "a (2) (2).txt", "a (3).txt", ".._.._etc_passwd", "c:_b.txt", "attachment", "attachment (2)",
        ".profile", ".profile (2)",
    ]  # fmt: skip
    assert [kept.source_path for kept in attachments.kept] == [f"in/mail.eml/{name}" for name in names]


@pytest.mark.parametrize(("depth", "kept"), [(0, 1), (1, 1), (2, 0), (3, 0)])
def test_attachments_of_attachments_are_followed_so_deep_and_no_deeper(blobs: FolderBlobs, depth: int, kept: int) -> None:
    attachments = Attachments(blobs, lambda _: None, parent(depth), 2)
    attachments.keep(Attachment("a.txt", b"a"))
    assert len(attachments.kept) == kept
