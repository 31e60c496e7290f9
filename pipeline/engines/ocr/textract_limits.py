"""What Textract takes, known beforehand so that nothing is sent in vain. The figures are the service's set quotas."""

import io

from PIL import Image

from pipeline.errors import BadDocument

MEGABYTE = 1024 * 1024
MOST_BYTES = {
    "application/pdf": 500 * MEGABYTE,
    "image/tiff": 500 * MEGABYTE,
    "image/png": 10 * MEGABYTE,
    "image/jpeg": 10 * MEGABYTE,
}
"""Of a file in S3 that is read as a job, by media type; nothing else is read."""
MOST_PAGES = 3000
MOST_BYTES_AT_ONCE = 5 * MEGABYTE
LONGEST_SIDE = 10_000  # pixels
QUALITY = 90


def admit(media_type: str, size: int, pages: int = 0) -> None:
    """Refuse a file that Textract would refuse.

    Raises:
        BadDocument: with code ``unsupported_format``, ``too_large`` or ``too_many_pages``.
    """
    if media_type not in MOST_BYTES:
        raise BadDocument(f"Textract reads PDF, TIFF, PNG and JPEG, not {media_type or 'this'}.", "unsupported_format")
    if size > (most := MOST_BYTES[media_type]):
        found = -(-size // MEGABYTE)
        raise BadDocument(f"The file has {found} MB; Textract takes {most // MEGABYTE} MB of this format.", "too_large")
    if pages > MOST_PAGES:
        raise BadDocument(f"The file has {pages} pages; Textract takes {MOST_PAGES:,}.", "too_many_pages")


def fitting(picture: Image.Image) -> bytes:
    """The picture as PNG; as JPEG, and then ever smaller, if it would be more than Textract takes at once."""
    picture = _shrunk(picture, min(1.0, LONGEST_SIDE / max(picture.size)))
    content = _encoded(picture, "PNG")
    while len(content) > MOST_BYTES_AT_ONCE:
        content = _encoded(picture, "JPEG")
        picture = _shrunk(picture, 0.75)
    return content


def _shrunk(picture: Image.Image, scale: float) -> Image.Image:
    if scale >= 1:
        return picture
    width, height = picture.size
    return picture.resize((max(1, int(width * scale)), max(1, int(height * scale))), Image.Resampling.LANCZOS)


def _encoded(picture: Image.Image, form: str) -> bytes:
    content = io.BytesIO()
    picture.save(content, form, quality=QUALITY)
    return content.getvalue()
