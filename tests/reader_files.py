"""Small files of every format that the readers know, made here; none is anyone's document."""

import base64
import io
import wave
import zipfile
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from typing import Any

import numpy as np
from docx import Document
from PIL import Image, ImageDraw

Reading = Callable[..., list[Any]]
"""``reading(content, name, only, **limits)`` gives the events of a file."""

SENTENCE = "The quiet harbour opens at seven."


def pdf(
    contents: Sequence[str], *, box: str = "0 0 612 792", rotate: int = 0, trailer: str = "", image: bytes = b""
) -> bytes:
    """A PDF with a page for each content stream; ``/F1`` is Helvetica, ``/Im`` a grey picture of 100 by 100."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    picture = "<< /Type /XObject /Subtype /Image /Width 100 /Height 100 /ColorSpace /DeviceGray /BitsPerComponent 8"
    objects.append(_stream(picture, image or bytes(10_000)))
    kids = []
    for content in contents:
        objects.append(_stream("<<", content.encode("latin-1")))
        resources = "<< /Font << /F1 3 0 R >> /XObject << /Im 4 0 R >> >>"
        kids.append(f"{len(objects) + 1} 0 R")
        place = f"/MediaBox [{box}] /Rotate {rotate} /Contents {len(objects)} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R {place} /Resources {resources} >>")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    return joined(objects, trailer)


def _stream(head: str, content: bytes) -> str:
    return f"{head} /Length {len(content)} >>\nstream\n{content.decode('latin-1')}\nendstream"


def joined(objects: Sequence[str], trailer: str = "") -> bytes:
    """A PDF of these objects, the first its catalogue."""
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n"
    end += f"<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{len(out)}\n%%EOF"
    return bytes(out) + end.encode()


def lines(*texts: str, x: int = 72, y: int = 700) -> str:
    """A content stream that shows lines of text, 20 points apart."""
    shown = " ".join(f"({text}) Tj 0 -20 Td" for text in texts)
    return f"BT /F1 12 Tf {x} {y} Td {shown} ET"


def locked_pdf() -> bytes:
    """A PDF whose password is not the empty one."""
    noise = "A5" * 32
    return pdf(
        [lines(SENTENCE)],
        trailer=f"/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{noise}> /U <{noise}> >>",
    )


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 120), mode: str = "RGB", **options: object) -> bytes:
    """A picture with a word in it."""
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).text((20, 20), "harbour", fill=0 if mode in {"L", "1"} else "black")
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def docx(*paragraphs: str) -> bytes:
    """A Word file with plain paragraphs."""
    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return saved(document)


def saved(document: object) -> bytes:
    """The bytes of a python-docx document."""
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]  # python-docx has no types
    return out.getvalue()


def zipped(members: dict[str, bytes | str]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def odt(body: str) -> bytes:
    """An OpenDocument text with the given content of its body."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table")
    )
    whole = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document-content {spaces}>{whole}</office:document-content>"
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def mail() -> bytes:
    """A mail with a text, a web page saying the same, and two attachments."""
    message = EmailMessage()
    message["From"] = "Anna Berg <anna@example.org>"
    message["To"] = "Bo Lind <bo@example.org>"
    message["Subject"] = "Überfahrt"
    message["Date"] = "Fri, 06 Mar 2020 10:00:00 +0100"
    message.set_content(SENTENCE)
    message.add_alternative(f"<html><body><p>{SENTENCE}</p></body></html>", subtype="html")
    message.add_attachment(b"one,two\n", maintype="text", subtype="csv", filename="../../list.csv")
    message.add_attachment(pdf([lines(SENTENCE)]), maintype="application", subtype="pdf", filename="harbour.pdf")
    return message.as_bytes()


def tone(seconds: float = 0.3, rate: int = 8000, channels: int = 1) -> bytes:
    """A WAV file with a sine of 440 Hz."""
    moments = np.arange(int(seconds * rate)) / rate
    samples = np.repeat(np.sin(2 * np.pi * 440 * moments) * 20_000, channels).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


# 0.3 s of the same tone in AAC, 16,000 samples a second, in MP4; nothing here can encode that.
M4A = base64.b64decode(
    "AAAAHGZ0eXBNNEEgAAACAE00QSBpc29taXNvMgAAAAhmcmVlAAACzW1kYXQBIk8pjDR6pWePmvvqCbiSIiRB1rqvVuq7Vxnj3GexdZ7F8D1b0XrXlPDcp6"
    "F2GerOS0FNdeg7Z/vz+DX+v8ehpp2ejZKlkn1spVKVRldhNhjJjI0jSNJM8zzAwMiBgY2bNyokUsps2bllllllllllllllllllllllllllllllllllllll"
    "lllllllllll4AQSU2gl1BLqyXVlOn/+j/7/jzeprX5//1f/f9euNW45//yf+v89a4l3v//H/5/4861JwEvGe555554JeTJ/Sl1aPKSdKmKnennennenne5"
    "p3p1KeTOc6nnuarP3qOffns/fQnSdkLb3NzvT870PO98vo98vp9GfI7zyfPZV9OfSPt0aiQMDAxIcyDZ8A/u8hJPEzOfHj+P0fv083d6tcu11e+pQSyttj"
    "FSeD/Xue53M1TWV3VKqaKcELKwo/DuihCqmhCN7+5D4+Mwd94Rk+DDP76Bk+Gxn94Rk+Mwz++gZPjMHffQh/4msKfxLB9vC7/w/geTwix/FPgAD0LxjOJi"
    "DJwZ6//v5//301vzyqTfWufHHHjrXYZ2emvEacMcGr6+7Hu6+5nYS/c/Ig68KXprpdnYmdnAkmu5FwSikYGc2JAisRWLqHsUgsRSMLERSOCUWPgAEmLyFJ"
    "QYfp/H/mXKkkkSRFoJkNWWhUBpz4KghOeKhMhqy6GIzwzoRJv4Gc7XpVBCbZ0NpP6QRljAekInxEdIwPgonxEdIwPgonwCOkwPgotiI6TAfBRbAI6TB+Ci"
    "2AR0mD8FFupHSYPwUWzEdJg/BRbMD6TB/gATQvGQVmTm/nbi5epckSSSRJBX2j1zFhJT4J3SHi1favWxOJsleGEg/DvNmzvwaMjs2bO+bRkdmzZ34Icjsz"
    "ed+CHI7M3nfghyOzN534Ifh2Zv3fgh+HZm9D8EOZ2ZvQ/BDmzzN6MkEObPNwAAAC7m1vb3YAAABsbXZoZAAAAAAAAAAAAAAAAAAAPoAAABLAAAEAAAEAAA"
    "AAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIAAAI9dHJhawAAAFx0a2hk"
    "AAAAAwAAAAAAAAAAAAAAAQAAAAAAABLAAAAAAAAAAAAAAAABAQAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAJG"
    "VkdHMAAAAcZWxzdAAAAAAAAAABAAASwAAABAAAAQAAAAABtW1kaWEAAAAgbWRoZAAAAAAAAAAAAAAAAAAAPoAAABbAVcQAAAAAAC1oZGxyAAAAAAAAAABz"
    "b3VuAAAAAAAAAAAAAAAAU291bmRIYW5kbGVyAAAAAWBtaW5mAAAAEHNtaGQAAAAAAAAAAAAAACRkaW5mAAAAHGRyZWYAAAAAAAAAAQAAAAx1cmwgAAAAAQ"
    "AAASRzdGJsAAAAanN0c2QAAAAAAAAAAQAAAFptcDRhAAAAAAAAAAEAAAAAAAAAAAABABAAAAAAPoAAAAAAADZlc2RzAAAAAAOAgIAlAAEABICAgBdAFQAA"
    "AAAAPN4AADzeBYCAgAUUCFblAAaAgIABAgAAACBzdHRzAAAAAAAAAAIAAAAFAAAEAAAAAAEAAALAAAAAHHN0c2MAAAAAAAAAAQAAAAEAAAAGAAAAAQAAAC"
    "xzdHN6AAAAAAAAAAAAAAAGAAAAjgAAAIwAAABuAAAAWgAAAHcAAABsAAAAFHN0Y28AAAAAAAAAAQAAACwAAAAac2dwZAEAAAByb2xsAAAAAgAAAAH//wAA"
    "ABxzYmdwAAAAAHJvbGwAAAABAAAABgAAAAEAAAA9dWR0YQAAADVtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABtZGlyYXBwbAAAAAAAAAAAAAAAAAhpbHN0"
)
