"""Pictures of pages as browsers take them. Made of checked pixels, here: no byte of a file that was read gets into them."""

import io

from pipeline.model import PageImage

MEDIA_TYPE = "image/jpeg"
QUALITY = 85


def jpeg(image: PageImage) -> bytes:
    """The picture as JPEG."""
    from PIL import Image

    mode = "L" if image.channels == 1 else "RGB"
    out = io.BytesIO()
    Image.frombytes(mode, (image.width, image.height), image.pixels).save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
