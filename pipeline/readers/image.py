"""Pictures: every page of a TIFF, the first frame of anything else, upright and under a pixel limit."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.model import DocumentInfo, PageImage, ReadEvent
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import Limits

_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, Image.DecompressionBombError)
_DEPTH_16 = {"I", "I;16", "I;16L", "I;16B", "I;16N"}


def read(path: Path, found: Format, limits: Limits, pages: range | None = None) -> Iterator[ReadEvent]:
    """Yield one image a page; with ``pages`` of those alone."""
    with _opened(path) as picture:
        frames = min(getattr(picture, "n_frames", 1), limits.pages) if picture.format == "TIFF" else 1
        yield DocumentInfo(found.media_type, pages=frames)
        for number in range(1, frames + 1) if pages is None else pages:
            picture.seek(number - 1)
            yield _page(number, picture, limits)


def draw(path: Path, number: int, width: int, limits: Limits) -> PageImage:
    """A page as ``read`` sees it, at most so wide."""
    with _opened(path) as picture:
        _turn_to(number, picture)
        _check(picture, limits)
        # Which side is the width shows when it was turned.
        share = min(1.0, width / max(min(picture.size), 1))
        upright = _upright(picture, (ceil(picture.width * share), ceil(picture.height * share)))
        share = min(1.0, width / upright.width, (limits.page_pixels / (upright.width * upright.height)) ** 0.5)
        size = max(1, round(upright.width * share)), max(1, int(upright.height * share))
        return _image(number, upright.resize(size, reducing_gap=3.0) if share < 1 else upright)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    Image.MAX_IMAGE_PIXELS = None  # checked for each frame, before anything is decoded
    try:
        with Image.open(path) as picture:
            yield picture
    except UnidentifiedImageError as fault:
        raise bad(Fault.DAMAGED) from fault
    except _UNREADABLE as fault:
        raise bad(Fault.DAMAGED, "The picture is damaged or incomplete; save it anew and submit that copy.") from fault


def _turn_to(number: int, picture: Image.Image) -> None:
    if number > 1 and picture.format != "TIFF":  # other frames of a moving picture are no pages
        raise bad(Fault.NO_SUCH_PAGE)
    try:
        picture.seek(number - 1)
    except EOFError:
        raise bad(Fault.NO_SUCH_PAGE) from None


def _page(number: int, frame: Image.Image, limits: Limits) -> PageImage:
    _check(frame, limits)
    dpi = _dpi(frame)
    shrink = min(1.0, (limits.page_pixels / max(frame.width * frame.height, 1)) ** 0.5)
    size = (max(1, int(frame.width * shrink)), max(1, int(frame.height * shrink)))
    upright = _upright(frame, size if shrink < 1 else None)
    if upright.width * upright.height > limits.page_pixels:
        upright.thumbnail((max(size), max(size)) if size[0] != upright.width else size)
    return _image(number, upright, max(1, round(dpi * shrink)))


def _check(frame: Image.Image, limits: Limits) -> None:
    if frame.width * frame.height > limits.image_pixels:
        raise bad(
            Fault.TOO_LARGE, f"The picture has {frame.width} by {frame.height} pixels, more than the limit; make it smaller."
        )


def _upright(frame: Image.Image, enough: tuple[int, int] | None) -> Image.Image:
    """8 bits a channel, turned as the camera was held; larger than ``enough`` or as large as it is."""
    if enough:
        frame.draft("RGB", enough)  # a JPEG decodes to a fraction at no cost
    return ImageOps.exif_transpose(_plain(frame))


def _image(number: int, upright: Image.Image, dpi: int = 200) -> PageImage:
    channels = 1 if upright.mode == "L" else 3
    return PageImage(number, upright.width, upright.height, channels, upright.tobytes(), dpi)


def _plain(frame: Image.Image) -> Image.Image:
    """8 bits a channel, grey or RGB, transparency over white."""
    if frame.mode in _DEPTH_16:
        return frame.convert("I").point([value // 257 for value in range(65536)], "L")
    if frame.mode in {"1", "L"}:
        return frame.convert("L")
    if frame.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in frame.info:
        over = frame.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return frame.convert("RGB")


def _dpi(frame: Image.Image) -> float:
    """What the file claims, if that is likely for a scan; otherwise what makes the page's longer side 11 inches."""
    claimed = frame.info.get("dpi", (0, 0))
    value = float(claimed[0]) if isinstance(claimed, tuple) and claimed else 0.0
    return value if 100 <= value <= 1200 else max(72.0, max(frame.size) / 11)
