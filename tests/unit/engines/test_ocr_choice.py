"""What is peculiar to one OCR engine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.engines.ocr.auto import AutoOcr
from pipeline.engines.ocr.tesseract import TesseractOcr
from pipeline.errors import Misconfigured
from pipeline.model import PageImage


def test_a_missing_language_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"xyz\.traineddata"):
        TesseractOcr(tmp_path, "eng+xyz")


def test_a_broken_language_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "eng.traineddata").write_bytes(b"no weights")
    with pytest.raises(Misconfigured, match="cannot load"):
        TesseractOcr(tmp_path, tessdata=tmp_path)


def test_small_print_is_enlarged(models: Path) -> None:
    picture = Image.new("L", (500, 120), 255)
    ImageDraw.Draw(picture).text((20, 40), "Small print of a receipt from Lisbon", font=ImageFont.load_default(13), fill=0)
    page = TesseractOcr(models).recognize(PageImage(1, 500, 120, 1, picture.tobytes(), 72))
    assert page.text == "Small print of a receipt from Lisbon"


def test_auto_loads_the_strong_engine_only_for_a_doubtful_page(models: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from PIL import Image, ImageDraw, ImageFont
from pipeline.engines.ocr.auto import AutoOcr
from pipeline.model import PageImage
picture = Image.new("L", (1200, 300), 255)
ImageDraw.Draw(picture).text((60, 100), "A clean line of print on white paper", font=ImageFont.load_default(40), fill=0)
page = AutoOcr(Path({str(models)!r})).recognize(PageImage(1, 1200, 300, 1, picture.tobytes(), 200))
assert page.text == "A clean line of print on white paper", page.text
assert "rapidocr" not in sys.modules and "cv2" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_auto_takes_the_better_of_two_results(models: Path) -> None:
    picture = Image.new("L", (700, 300), 205)
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(("TOTAL 12.40 EUR", "CASH 20.00 CHANGE 7.60", "THANK YOU")):
        draw.text((60, 50 + 60 * number), line, font=ImageFont.load_default(24), fill=100)
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.4)), np.float32)
    pixels = blurred + np.random.default_rng(3).normal(0, 20, blurred.shape)
    image = PageImage(1, 700, 300, 1, np.clip(pixels, 0, 255).astype(np.uint8).tobytes(), 100)
    words = {"TOTAL", "12.40", "CASH", "20.00", "CHANGE", "7.60", "THANK", "YOU"}
    fast = words & set(TesseractOcr(models).recognize(image).text.split())
    both = words & set(AutoOcr(models).recognize(image).text.split())
    assert len(fast) < 3
    assert both == words
