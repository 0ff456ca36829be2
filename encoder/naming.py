"""The name of an encoder with options: "Qwen/Qwen3-Embedding-0.6B@dim=256,dtype=float16".

What makes other vectors is part of the name, so that an index records it and `search` loads the
same: dim and tokens. dtype, weights and products are not: with them the vectors are nearly the
same, and the index's probes tell whether they are near enough.
"""

from dataclasses import dataclass, replace

from encoder.errors import UsageError
from encoder.spec import DtypeName, EncoderSpec, ProductsName

OPTIONS = (
    "dim=256 (shorter vectors), tokens=8192, dtype=float16, weights=int8 (torchao), "
    "products=int8 or float (matrix products on a processor)"
)
_DTYPES: tuple[DtypeName, ...] = ("float32", "bfloat16", "float16")
_PRODUCTS: tuple[ProductsName, ...] = ("int8", "float")


@dataclass(frozen=True, slots=True)
class EncoderName:
    """A name taken apart: the encoder, and what was asked of it; 0 and None leave it as it is."""

    base: str
    dim: int = 0
    tokens: int = 0
    dtype: DtypeName | None = None
    int8: bool = False
    products: ProductsName | None = None


def parse_name(name: str) -> EncoderName:
    """Take the options off an encoder's name.

    Raises:
        UsageError: An option is unknown or its value makes no sense.
    """
    base, mark, tail = name.rpartition("@")
    if not mark or "=" not in tail:
        return EncoderName(name)
    asked = EncoderName(base)
    for part in tail.split(","):
        key, _, value = part.partition("=")
        if key == "dim" and value.isdecimal() and int(value):
            asked = replace(asked, dim=int(value))
        elif key == "tokens" and value.isdecimal() and int(value):
            asked = replace(asked, tokens=int(value))
        elif key == "dtype" and value in _DTYPES:
            asked = replace(asked, dtype=value)
        elif key == "weights" and value == "int8":
            asked = replace(asked, int8=True)
        elif key == "products" and value in _PRODUCTS:
            asked = replace(asked, products=value)
        else:
            raise UsageError(
                f"{part!r} in the encoder's name {name!r} makes no sense.",
                f"It may hold {OPTIONS}.",
            )
    return asked


def apply_options(spec: EncoderSpec, asked: EncoderName) -> EncoderSpec:
    """Return the spec with the options applied, under a name that says so.

    Raises:
        UsageError: The model was not trained for them or computes something else with them.
    """
    _check_dtype(spec, asked)
    suffix = []
    if asked.dim and asked.dim != spec.dim:
        _check_dim(spec, asked.dim)
        suffix.append(f"dim={asked.dim}")
        spec = replace(spec, dim=asked.dim, full_dim=spec.model_dim)
    if asked.tokens and asked.tokens != spec.max_tokens:
        _check_tokens(spec, asked.tokens)
        suffix.append(f"tokens={asked.tokens}")
        spec = replace(spec, max_tokens=asked.tokens)
    spec = replace(spec, int8_weights=asked.int8)
    return replace(spec, name=f"{spec.name}@{','.join(suffix)}") if suffix else spec


def _check_dtype(spec: EncoderSpec, asked: EncoderName) -> None:
    if asked.dtype in spec.forbidden_dtypes:
        raise UsageError(
            f"{spec.name} computes something else in {asked.dtype}.",
            "Leave dtype= out of its name.",
        )


def _check_dim(spec: EncoderSpec, dim: int) -> None:
    if dim in spec.shorter_dims or (spec.any_dim_from and spec.any_dim_from <= dim < spec.dim):
        return
    if spec.any_dim_from:
        trained = f"{spec.any_dim_from} to {spec.dim}"
    else:
        trained = ", ".join(map(str, (*spec.shorter_dims, spec.dim)))
    raise UsageError(
        f"{spec.name} cannot give vectors of {dim} dimensions; it was trained for {trained}.",
        "Choose one of these, or leave dim= out of its name.",
    )


def _check_tokens(spec: EncoderSpec, tokens: int) -> None:
    most = spec.most_tokens or spec.max_tokens
    if not 16 <= tokens <= most:
        raise UsageError(
            f"{spec.name} cannot read {tokens} tokens at once; it takes 16 to {most}.",
            "Choose a value in this range, or leave tokens= out of its name.",
        )
