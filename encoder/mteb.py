"""Judge any encoder by mteb's tasks, with the instructions that its makers judged it with.

mteb's own entry for llama-embed-nemotron-8b runs the model's remote code on transformers 4.51; this
one runs ours, so that the published figures can be checked against it. docs/uses.md says how.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.errors import EncoderNotAvailable, UsageError
from encoder.registry import NEMOTRON_8B
from encoder.spec import Encoder, EncoderSpec, Vectors

if TYPE_CHECKING:
    from mteb import AbsTask, TaskMetadata
    from mteb.models.model_meta import ModelMeta
    from mteb.types import PromptType

BENCHMARK = "MTEB(Multilingual, v2)"
# What the model card's evaluation puts before texts of these types of task, on both sides.
SAME_FOR_TYPE = {
    "STS": "Retrieve semantically similar text",
    "PairClassification": "Retrieve semantically similar text",
    "BitextMining": "Retrieve parallel sentences",
}


@dataclass(frozen=True, slots=True)
class TaskScore:
    """The main score of a task, in [0, 1], and the type of the task."""

    task: str
    type: str
    score: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """The scores of the tasks that ran, and what went wrong with the others."""

    scores: tuple[TaskScore, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def mean(self) -> float:
        """Mean over tasks; the leaderboard's Mean(Task) once all tasks have run."""
        return sum(score.score for score in self.scores) / max(1, len(self.scores))

    @property
    def means(self) -> dict[str, float]:
        """Mean over the tasks of each type."""
        types = sorted({score.type for score in self.scores})
        return {
            name: sum(s.score for s in self.scores if s.type == name)
            / sum(s.type == name for s in self.scores)
            for name in types
        }


class MtebEncoder:
    """An encoder as mteb 2 wants it: its `EncoderProtocol`."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    @property
    def mteb_model_meta(self) -> "ModelMeta":
        """What mteb writes into its results; never taken for the makers' own run."""
        from mteb.models.model_meta import ModelMeta, ScoringFunction

        spec = self.encoder.spec
        return ModelMeta.create_empty(
            overwrites={
                "name": f"crosstongue/{spec.name.replace('/', '__')}",
                "revision": spec.revision or "bundled",
                "max_tokens": spec.max_tokens,
                "embed_dim": spec.dim,
                "similarity_fn_name": ScoringFunction.COSINE,
                "framework": ["PyTorch"],
                "use_instructions": spec.takes_instructions,
            }
        )

    def encode(
        self,
        inputs: Iterable[Any],
        *,
        task_metadata: "TaskMetadata",
        hf_split: str,
        hf_subset: str,
        prompt_type: "PromptType | None" = None,
        **kwargs: Any,
    ) -> Vectors:
        """Encode the texts of a task: shape (texts, dim), unit rows."""
        texts = [text for batch in inputs for text in batch["text"]]
        if not self.encoder.spec.takes_instructions:
            # Without instructions a text that is not a document is a query: E5's card says so.
            is_document = prompt_type is not None and prompt_type.value == "document"
            encode = self.encoder.encode_passages if is_document else self.encoder.encode_queries
            return encode(texts)
        instruction = instruction_for(self.encoder.spec, task_metadata, prompt_type)
        if not instruction:
            return self.encoder.encode_passages(texts)
        return self.encoder.encode_queries(texts, instruction)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of each row of one with each of the other."""
        from mteb.similarity_functions import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of rows at the same place."""
        from mteb.similarity_functions import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)


def instruction_for(
    spec: EncoderSpec, task: "TaskMetadata", prompt_type: "PromptType | None"
) -> str:
    """The instruction of a task; empty where a text is read without one.

    For nemotron-8b it is that of the model's own evaluation, for others that of mteb's task.
    """
    own: dict[str, Any] = {}
    if spec.hf_id == NEMOTRON_8B.hf_id:
        from mteb.models.model_implementations.nvidia_models import TASK_PROMPTS

        own = dict(TASK_PROMPTS)
        if task.type in SAME_FOR_TYPE:
            return SAME_FOR_TYPE[task.type]
    prompt = own.get(task.name)
    is_document = prompt_type is not None and prompt_type.value == "document"
    searches = "Retrieval" in task.type or "Reranking" in task.type
    # Documents are bare, but where both sides are the same kind of text (ArguAna).
    if is_document and searches and not isinstance(prompt, dict):
        return ""
    return _of_side(prompt or task.prompt, is_document=is_document) or _of_type(task.name)


def _of_side(prompt: Any, *, is_document: bool) -> str:
    if isinstance(prompt, dict):
        return str(prompt.get("document" if is_document else "query", ""))
    return str(prompt or "")


def _of_type(task_name: str) -> str:
    from mteb.abstasks.abstask import get_abstask_prompt

    return str(get_abstask_prompt(task_name))


def find_tasks(benchmark: str, names: Sequence[str]) -> list["AbsTask"]:
    """The tasks of these names, or all of a benchmark if there are none.

    Raises:
        UsageError: mteb has none of this name.
        EncoderNotAvailable: mteb is not installed.
    """
    try:
        import mteb
    except ImportError as error:
        raise EncoderNotAvailable(
            "mteb is not installed.", "Install it: pip install -c constraints.txt -e '.[mteb]'"
        ) from error
    try:
        if names:
            return [mteb.get_task(name) for name in names]
        return list(mteb.get_benchmark(benchmark).tasks)
    except KeyError as error:
        raise UsageError(
            f"mteb has no such task or benchmark: {error.args[0]}",
            "See: mteb available-tasks, mteb available-benchmarks",
        ) from error


def judge(encoder: Encoder, tasks: Sequence["AbsTask"], results_dir: Path) -> Judgement:
    """Run tasks and keep their results in a folder; tasks that are there already are not run again.

    A task that fails, for one because its data cannot be downloaded, does not stop the others.
    """
    import mteb

    result = mteb.evaluate(
        MtebEncoder(encoder),  # type: ignore[arg-type,unused-ignore]
        tasks,
        cache=mteb.ResultCache(results_dir),
        raise_error=False,
        co2_tracker=False,
    )
    types = {task.metadata.name: task.metadata.type for task in tasks}
    return Judgement(
        tuple(
            TaskScore(done.task_name, types[done.task_name], float(done.get_score()))
            for done in result.task_results
        ),
        tuple((item.task_name, item.exception) for item in result.exceptions or ()),
    )
