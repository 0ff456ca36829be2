"""Function calling: the search as a tool that a model may call."""

import json
from typing import Any

from encoder.errors import RagError
from retriever.context import format_context
from retriever.retriever import Retriever

# In the format of the OpenAI chat API, which most servers speak.
SEARCH_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "search_documents",
        "description": (
            "Search the user's own documents, which are in many languages. Ask in any language; "
            "passages in every language are found. Cite them by their numbers, like [1]."
        ),
        "parameters": {
            "type": "object",
            "properties": {
                "question": {"type": "string", "description": "What to look for."},
                "k": {"type": "integer", "minimum": 1, "maximum": 50, "default": 5},
                "languages": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Only passages in these languages (BCP 47); leave out for all.",
                },
                "path": {
                    "type": "string",
                    "description": "Only files that match this pattern (gitignore): manuals/",
                },
                "formats": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Only documents of these formats (pdf, md); leave out for all.",
                },
                "per_document": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Most passages of one document; leave out for any number.",
                },
            },
            "required": ["question"],
            "additionalProperties": False,
        },
    },
}


def call_search_tool(retriever: Retriever, arguments: str) -> str:
    """Answer a model's tool call.

    Args:
        retriever: The index.
        arguments: JSON as the model wrote it; whatever is wrong with it goes back as an
            explanation that the model can act on.

    Returns:
        Numbered passages, or a sentence that says why there are none.
    """
    try:
        asked = json.loads(arguments)
        question, k = asked["question"], int(asked.get("k", 5))
        languages, formats = _texts(asked.get("languages")), _texts(asked.get("formats"))
        path = None if asked.get("path") is None else str(asked["path"])
        most = None if asked.get("per_document") is None else int(asked["per_document"])
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError):
        question = None
    if not isinstance(question, str):
        return 'The arguments are not valid. Example: {"question": "opening hours", "k": 5}'
    try:
        hits = retriever.search(
            question, min(k, 50), languages=languages, path=path, formats=formats, per_document=most
        )
    except RagError as error:
        return str(error)
    return format_context(hits) or "Nothing was found."


def _texts(value: Any) -> list[str]:
    """A list of texts, also where the model wrote a single one."""
    return [value] if isinstance(value, str) else [*map(str, value or ())]
