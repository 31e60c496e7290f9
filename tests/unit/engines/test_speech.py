"""Whisper's weights, windows and what it must not load."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines.speech.hearing import WINDOW
from pipeline.engines.speech.whisper import WhisperSpeech
from pipeline.engines.speech.windows import RATE, windows
from pipeline.errors import Misconfigured


def test_pyav_is_never_loaded() -> None:
    """PyAV's wheels bundle libraries under the GPL; any attempt to import it fails this test."""
    code = (
        "import sys\n"
        "class Guard:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        assert name.partition('.')[0] != 'av', 'PyAV is imported'\n"
        "sys.meta_path.insert(0, Guard())\n"
        "from pipeline.engines.speech import hearing\n"
        "library, _ = hearing.faster_whisper()\n"
        "assert library.WhisperModel and 'av' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("model", ["small", "no/such/folder", "./nowhere"])
def test_weights_that_are_not_there_are_named(tmp_path: Path, model: str) -> None:
    with pytest.raises(Misconfigured, match="SPEECH_MODEL"):
        WhisperSpeech(tmp_path, model)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"model\.bin"):
        WhisperSpeech(tmp_path, str(tmp_path))


def test_a_folder_with_broken_weights_is_refused(tmp_path: Path) -> None:
    for name in ("model.bin", "tokenizer.json", "config.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(Misconfigured, match="cannot be loaded"):
        WhisperSpeech(tmp_path, str(tmp_path))


def test_a_long_recording_is_cut_where_it_is_quiet() -> None:
    samples = np.full(WINDOW + 60 * RATE, 1000, np.int16)
    quiet = WINDOW - 12 * RATE
    samples[quiet : quiet + RATE] = 0
    (first, window), (second, rest) = windows(samples, WINDOW)
    assert (first, second, len(window) + len(rest)) == (0, len(window), len(samples))
    assert quiet < second < quiet + RATE


def test_a_short_recording_is_one_window() -> None:
    assert [(start, len(window)) for start, window in windows(np.zeros(5, np.int16), 10)] == [(0, 5)]
    assert list(windows(np.zeros(0, np.int16), 10)) == []
