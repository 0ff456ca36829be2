"""A model's own sentence-transformers files -> its spec; what they leave open is refused.

    modules.json                     which steps there are, in order
    config.json                      the architecture and whether attention is bidirectional
    1_Pooling/config.json            how token vectors become one
    config_sentence_transformers.json  what stands before a query and before a passage
    sentence_bert_config.json, tokenizer_config.json  the longest input

A wrong guess would give vectors that look right and find less, so there is none: a file that is
missing, a step that is unknown or a prompt that is not stated ends in an error that says which.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encoder.architectures import ARCHITECTURES
from encoder.bert_config import shown
from encoder.errors import EncoderRefused
from encoder.spec import EncoderSpec, Pooling, WeightsFrom

_POOLINGS: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "last_token"}
_OLD_POOLINGS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last_token",
}
# A prompt of this form holds the model's default task; another task may take its place.
_INSTRUCTION = re.compile(r"(Instruct: )([^{}\n]*[^{}\s])( ?\n ?Query: ?)\Z")
_PLAIN_FOLDER = re.compile(r"\w[\w.-]*")
_LEAST_TOKENS = 16
_MOST_DIM = 65_536
_NO_LIMIT = 1_000_000  # tokenisers without a limit say 10 ** 30


def read_spec(folder: Path, name: str, weights: WeightsFrom, revision: str = "") -> EncoderSpec:
    """Read everything that decides about a vector from a model's folder.

    Args:
        folder: Holds the files above.
        name: What the user calls it, and what an index records.
        weights: "folder" or "hub".
        revision: The commit that was downloaded.

    Raises:
        EncoderRefused: Something is missing, unknown or contradictory.
    """
    steps = _steps(folder)
    config = _read(folder, "config.json")
    model_class, is_causal = _architecture(folder, config)
    pooling, pooled_dim = _pooling(folder, steps["Pooling"][0])
    dim, dense = pooled_dim, steps.get("Dense", ())
    if dense:
        dim = _read(folder, f"{dense[-1]}/config.json")["out_features"]
    prompts = _read(folder, "config_sentence_transformers.json")
    query_template, passage_template, task = _templates(folder, prompts)
    _check_similarity(folder, prompts, normalised="Normalize" in steps)
    return EncoderSpec(
        name=name,
        hf_id=name,
        revision=revision,
        weights=weights,
        model_class=model_class,
        is_causal=is_causal,
        pooling=pooling,
        add_bos=None,
        add_eos=None,
        query_template=query_template,
        passage_template=passage_template,
        default_task=task,
        max_tokens=_max_tokens(folder, config),
        dim=dim,
        row_dtype="float16" if dim >= 4096 else "float32",
        languages="see its model card",
        licence="see its model card",
        commercial_use=True,
        download_mb=0,
        dense_head=bool(dense),
        forbidden_dtypes=("float16",) if model_class == "Gemma3TextModel" else (),
    )


def check_row(spec: EncoderSpec, folder: Path) -> None:
    """Compare a registry row with what the model's own files say, where it has them.

    Raises:
        EncoderRefused: They contradict each other.
    """
    if not (folder / "modules.json").is_file():
        return
    steps = _steps(folder)
    found, _ = _pooling(folder, steps["Pooling"][0])
    if (found, "Dense" in steps) != (spec.pooling, spec.dense_head):
        raise _refused(
            folder, f"it pools by {found}, and the registry says {spec.pooling} for {spec.name}"
        )


def _refused(folder: Path, reason: str, next_step: str = "") -> EncoderRefused:
    return EncoderRefused(
        f"The model in {folder} cannot be read with certainty: {reason}.",
        next_step
        or "Use another encoder (python -m encoder list); docs/models.md says what is read.",
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    data = _json(folder, name)
    if not isinstance(data, dict):
        raise _refused(folder, f"{name} is not an object")
    return data


def _json(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text("utf-8"))
    except FileNotFoundError:
        raise _refused(folder, f"{name} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _refused(folder, f"{name} is damaged ({error})") from error


def _steps(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """The steps of the model by kind, each with the folders of its files."""
    try:
        listed = [(m["type"].rpartition(".")[2], m["path"]) for m in _json(folder, "modules.json")]
    except (KeyError, TypeError, AttributeError) as error:
        raise _refused(folder, f"modules.json is damaged ({error!r})") from error
    kinds = [kind for kind, _ in listed]
    shape = r"Transformer Pooling( Dense)*( Normalize)?"
    if not re.fullmatch(shape, " ".join(kinds)):
        raise _refused(folder, f"its steps are {', '.join(kinds)}")
    if odd := [path for _, path in listed[1:] if not _PLAIN_FOLDER.fullmatch(str(path))]:
        raise _refused(folder, f"modules.json names the folder {shown(odd[0])}")
    if listed[0][1]:
        raise _refused(folder, f"its weights are in the sub-folder {listed[0][1]}")
    return {kind: tuple(path for other, path in listed if other == kind) for kind in kinds}


def _architecture(folder: Path, config: dict[str, Any]) -> tuple[str, bool]:
    if "AutoModel" in (config.get("auto_map") or {}):
        raise _refused(folder, "it brings its own code along, which decides about its attention")
    for field in ("quantization_config", "is_decoder", "add_cross_attention"):
        if config.get(field):
            raise _refused(folder, f"config.json has {field}")
    if (folder / "adapter_config.json").exists():
        raise _refused(folder, "it is an adapter for another model")
    model_type = config.get("model_type")
    known = [name for name, kind in ARCHITECTURES.items() if model_type in kind.model_types]
    if not known:
        raise _refused(folder, f"the architecture {model_type!r} is not known here")
    model_class, architecture = known[0], ARCHITECTURES[known[0]]
    if architecture.encoder_only:
        return model_class, False
    if architecture.own_direction:
        return model_class, not config.get(architecture.own_direction, False)
    # What transformers 5.2 and newer does with such a file; llama_bidirec is what its name says.
    return model_class, bool(config.get("is_causal", model_type != "llama_bidirec"))


def _pooling(folder: Path, path: str) -> tuple[Pooling, int]:
    config = _read(folder, f"{path}/config.json")
    if "pooling_mode" in config:
        modes = [_POOLINGS.get(str(config["pooling_mode"]))]
    else:
        on = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
        modes = [_OLD_POOLINGS.get(key) for key in on]
    dim = config.get("embedding_dimension", config.get("word_embedding_dimension"))
    if len(modes) != 1 or modes[0] is None or type(dim) is not int or not 1 <= dim <= _MOST_DIM:
        raise _refused(folder, f"{path}/config.json pools in a way that is not known here")
    if config.get("include_prompt", True) is not True:
        raise _refused(folder, f"{path}/config.json leaves prompts out of the pooling")
    return modes[0], dim


def _templates(folder: Path, config: dict[str, Any]) -> tuple[str, str, str]:
    """The query template, the passage template and the default task."""
    prompts = config.get("prompts") or {}
    if not isinstance(prompts, dict):
        raise _refused(folder, f"its prompts are {shown(prompts)}")
    default = str(config.get("default_prompt_name"))
    query = prompts.get("query", prompts.get(default))
    passage = next(
        (prompts[key] for key in ("document", "passage", "corpus", default) if key in prompts),
        "" if query is not None else None,
    )
    if not isinstance(query, str) or not isinstance(passage, str):
        raise _refused(
            folder,
            "config_sentence_transformers.json does not say what stands before a query and before "
            "a passage",
            'Write it there as on its model card, for instance "prompts": {"query": "query: ", '
            '"document": "passage: "}, or "" for both if nothing does.',
        )
    instructed = _INSTRUCTION.fullmatch(query)
    if instructed:
        head, task, tail = instructed.groups()
        return f"{head}{{task}}{tail}{{query}}", f"{passage}{{passage}}", task
    if "{" in query + passage:
        raise _refused(folder, "a prompt holds a placeholder")
    return f"{query}{{query}}", f"{passage}{{passage}}", ""


def _check_similarity(folder: Path, config: dict[str, Any], *, normalised: bool) -> None:
    similarity = config.get("similarity_fn_name") or "cosine"
    if similarity != "cosine" and not (similarity == "dot" and normalised):
        raise _refused(folder, f"its vectors are compared by {similarity}, not by cosine")


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    limits = []
    if (folder / "sentence_bert_config.json").is_file():
        stated = _read(folder, "sentence_bert_config.json")
        if stated.get("do_lower_case"):
            raise _refused(folder, "sentence_bert_config.json lower-cases every text")
        limits.append(stated.get("max_seq_length"))
    if (folder / "tokenizer_config.json").is_file():
        limits.append(_read(folder, "tokenizer_config.json").get("model_max_length"))
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and "roberta" in str(config.get("model_type")):
        positions -= int(config.get("pad_token_id") or 0) + 1  # they count from there
    known = [
        int(limit) for limit in (*limits, positions)
        if isinstance(limit, int | float) and 0 < limit < _NO_LIMIT
    ]  # fmt: skip
    if not known:
        raise _refused(folder, "no file says how long a text may be")
    if min(known) < _LEAST_TOKENS:
        raise _refused(folder, f"a text may have {min(known)} tokens at most")
    return min(known)
