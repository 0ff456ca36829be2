"""e5-small's weights in the formats of other engines: made once, kept in a folder.

What is made here needs torch and transformers; who only opens a file needs neither, so that an
engine's start-up and memory are its own.
"""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from encoder.bundled import unpacked_folder


def kept() -> Path:
    """The folder of converted models: $CROSSTONGUE_CONVERTED, or one for temporary files."""
    named = os.environ.get("CROSSTONGUE_CONVERTED")
    folder = Path(named) if named else Path(tempfile.gettempdir()) / "crosstongue-onnx"
    folder.mkdir(exist_ok=True)
    return folder


@cache
def mean_model() -> Any:
    """BERT with mean pooling as a torch module of ids and mask, for what takes a whole graph."""
    import torch
    from transformers import BertModel

    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert: Any = BertModel.from_pretrained(
                unpacked_folder(), add_pooling_layer=False, attn_implementation="eager"
            )

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.bert(
                input_ids=input_ids, attention_mask=attention_mask
            ).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            return (states * mask).sum(1) / mask.sum(1)

    return Mean().train(mode=False)


def _example() -> Any:
    import torch

    return torch.ones(2, 8, dtype=torch.int64)


def _exported(module: Any, file: Path, output: str) -> Path:
    """Export a module of ids and mask to ONNX; the sizes of its input stay open."""
    if not file.is_file():
        import torch

        axes = {0: "texts", 1: "tokens"}
        torch.onnx.export(
            module, (_example(), _example()), str(file), dynamo=False, opset_version=17,
            input_names=["input_ids", "attention_mask"], output_names=[output],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, output: {0: "texts"}},
        )  # fmt: skip
    return file


def _fused(plain: Path, file: Path) -> Path:
    """Let onnxruntime's own tool fuse what it knows."""
    if not file.is_file():
        from onnxruntime.transformers.optimizer import optimize_model

        fused = optimize_model(str(plain), model_type="bert", num_heads=12, hidden_size=384)
        print(f"onnxruntime fused: {fused.get_fused_operator_statistics()}")
        fused.save_model_to_file(str(file))
    return file


def onnx_file() -> Path:
    """The model with mean pooling, fused."""
    file = kept() / "e5-small.onnx"
    return file if file.is_file() else _fused(_plain(), file)


def _plain() -> Path:
    file = kept() / "plain.onnx"
    return file if file.is_file() else _exported(mean_model(), file, "vector")


def onnx_int8_file() -> Path:
    """Weights with one scale for each output, inputs with one for each call."""
    file = kept() / "e5-small-int8.onnx"
    if not file.is_file():
        from onnx import TensorProto
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(
            onnx_file(), file, per_channel=True, weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Attention", "Gemm"],
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )  # fmt: skip
    return file


def onnx_int4_file() -> Path:
    """Weights in blocks of 32 and 4 bits, as they come, multiplied in int8 (accuracy level 4)."""
    file = kept() / "e5-small-int4.onnx"
    if not file.is_file():
        import onnx
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        quantizer = MatMulNBitsQuantizer(
            onnx.load(str(_plain())), block_size=32, is_symmetric=True, accuracy_level=4
        )
        quantizer.process()
        quantizer.model.save_model_to_file(str(file))
    return file


def fastembed_folder() -> Path:
    """What fastembed opens: a model that gives states, fused as its own are, and the tokeniser."""
    folder = kept() / "fastembed"
    if not (folder / "model.onnx").is_file():
        folder.mkdir(exist_ok=True)
        for file in unpacked_folder().glob("*.json"):
            shutil.copy(file, folder)
        plain = folder / "states.onnx"
        if not plain.is_file():
            import torch

            class States(torch.nn.Module):
                def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
                    return (
                        mean_model()
                        .bert(input_ids=input_ids, attention_mask=attention_mask)
                        .last_hidden_state
                    )

            module = States()
            module.bert = mean_model().bert
            _exported(module, plain, "last_hidden_state")
        _fused(plain, folder / "model.onnx")
    return folder


def openvino_file(*, int8: bool) -> Path:
    """The model in OpenVINO's format; with int8, weights rounded by its own tool."""
    file = kept() / f"openvino{'-int8' if int8 else ''}.xml"
    if not file.is_file():
        import openvino

        model = openvino.convert_model(mean_model(), example_input=(_example(), _example()))
        if int8:
            import nncf

            model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
        openvino.save_model(model, file, compress_to_fp16=False)
    return file
