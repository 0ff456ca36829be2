"""A folder built and searched with the 8B model on a GPU, by the program's own way from end to end.

    python -m benchmarks.gpu_build FOLDER [--keep FOLDER] [--layers N]

The published weights need a licence and 15 GB of download, and speed does not depend on what they
are: a checkpoint of the same architecture and size is made of random numbers, split into files as
the published one is, with a tokeniser of 32,000 tokens trained on FOLDER's own plain texts, and
laid where the hub's library keeps downloads (a cache of its own). From there on everything is as
for a user: `nemotron-8b` is found there, checked, loaded and proved by its self-test, and the
folder is read, cut, encoded into an index and searched. Prints one JSON object: seconds to load,
the figures of benchmarks/build_overhead.py, tokens/s, milliseconds of a search. What is found
means nothing, of course.

`--layers` makes a smaller model, to try this where there is no GPU.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Read by the hub's library when it is first imported; set before, by `main`.
_CACHE, _OFFLINE = "HF_HUB_CACHE", "HF_HUB_OFFLINE"
PLAIN = (".txt", ".md", ".html")
VOCABULARY = 32_000
QUESTIONS = ("How long is the warranty?", "Wie viel kostet der Versand?", "返品はできますか。") * 10


def lay_checkpoint(cache: Path, texts: list[str], layers: int | None) -> None:
    """Write a random model of nemotron-8b's shape as the hub's library would after a download."""
    from encoder.attention import AttentionChoice
    from encoder.bench import random_model
    from encoder.hardware import choose_device
    from encoder.registry import NEMOTRON_8B

    owner, name = NEMOTRON_8B.hf_id.split("/")
    folder = cache / f"models--{owner}--{name}" / "snapshots" / NEMOTRON_8B.revision
    folder.mkdir(parents=True)
    choice = choose_device()
    made = random_model(NEMOTRON_8B, choice, AttentionChoice("padded", "only saved"), layers)
    made.model.save_pretrained(folder, max_shard_size="5GB")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "llama_bidirec",
        "architectures": ["LlamaBidirectionalModel"],
        "auto_map": {"AutoModel": "llama_bidirectional_model.LlamaBidirectionalModel"},
        "pooling": "avg",
    }
    config.pop("is_causal", None)
    (folder / "config.json").write_text(json.dumps(config))
    lay_tokenizer(folder, texts)
    lay_modules(folder, NEMOTRON_8B.dim)


def lay_tokenizer(folder: Path, texts: list[str]) -> None:
    """A byte-level BPE as Llama 3 has it: texts of any script, a start token, no end token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    start, end = "<|begin_of_text|>", "<|end_of_text|>"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[start, end],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, tokenizer.token_to_id(start))]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": start,
        "eos_token": end,
        "pad_token": end,
        "model_max_length": 131_072,
        "padding_side": "left",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def lay_modules(folder: Path, dim: int) -> None:
    """The files of sentence-transformers that say: mean of the token states, unit length."""
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds.items())
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    pooling = {"word_embedding_dimension": dim, "pooling_mode_mean_tokens": True}
    for path, content in (("1_Pooling", pooling), ("2_Normalize", {})):
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(content))


def plain_texts(folder: Path) -> list[str]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in PLAIN)
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths]


def build_figures(folder: Path) -> dict[str, Any]:
    """Load nemotron-8b from the cache, build an index of the folder, search it."""
    from benchmarks.build_overhead import overhead_figures
    from encoder.load import load_encoder
    from retriever.retriever import Retriever

    started = time.perf_counter()
    encoder = load_encoder("nemotron-8b", offline=True, accept_licence=True)
    load_s = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as temporary:
        index_dir = Path(temporary) / "index"
        figures = overhead_figures(folder, index_dir, encoder)
        size_gb = sum(f.stat().st_size for f in index_dir.rglob("*") if f.is_file()) / 1e9
        retriever = Retriever.open(index_dir, encoder=encoder)
        times = []
        for question in QUESTIONS:
            started = time.perf_counter()
            hits = retriever.search(question)
            times.append((time.perf_counter() - started) * 1000)
            if not hits:
                raise RuntimeError(f"nothing was found for {question!r}")
    return {
        "load_s": round(load_s, 1),
        **figures,
        "tokens_per_s_of_build": round(figures["tokens"] / figures["build_s"]),
        "index_gb": round(size_gb, 3),
        "search_ms_median": round(statistics.median(times), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=Path, help="Keep the checkpoint in this folder.")
    parser.add_argument("--layers", type=int, help="Fewer layers than 32.")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"there is no folder {arguments.folder}")
    with tempfile.TemporaryDirectory() as temporary:
        cache = arguments.keep or Path(temporary)
        os.environ |= {_CACHE: str(cache), _OFFLINE: "1"}
        import torch

        if arguments.layers is None and not torch.cuda.is_available():
            print("There is no CUDA GPU here: nothing is measured.", file=sys.stderr)
            return 1
        started = time.perf_counter()
        if not any(cache.iterdir()):  # in a process of its own, whose memory is not counted
            texts = plain_texts(arguments.folder)
            spawn = multiprocessing.get_context("spawn")
            maker = spawn.Process(target=lay_checkpoint, args=(cache, texts, arguments.layers))
            maker.start()
            maker.join()
            if maker.exitcode:
                return 1
        made_s = time.perf_counter() - started
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "processor"
        figures = {"device": device, "made_s": round(made_s, 1)} | build_figures(arguments.folder)
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
