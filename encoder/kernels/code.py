"""Functions in machine code, over vectors of float32: written as loops, compiled by llvmlite.

torch's operations read and write whole tensors. What stands between two matrix products is little
arithmetic on many numbers, so most of its time goes into moving them; a function that is compiled
here keeps them in registers. llvmlite compiles in memory, without a C compiler.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import binding, ir

# Numbers of one vector: a register of AVX-512.
LANES = 16

POINTER, INT, FLOAT, BYTE = ir.PointerType(), ir.IntType(64), ir.FloatType(), ir.IntType(8)
INT32 = ir.IntType(32)
VECTOR, WHOLES, BYTES = (ir.VectorType(kind, LANES) for kind in (FLOAT, INT32, BYTE))
_SIZES = {INT: 8, FLOAT: 4, INT32: 4, BYTE: 1}
_C_TYPES = {POINTER: ctypes.c_void_p, INT: ctypes.c_int64, FLOAT: ctypes.c_float}


class Code:
    """One function that is being written; `arguments` are what it is called with.

    Addresses count in elements. Loops run at least once.
    """

    def __init__(self, name: str, arguments: Sequence[Any]) -> None:
        self.name, self._types = name, tuple(arguments)
        self._module = ir.Module(name)
        function = ir.Function(self._module, ir.FunctionType(ir.VoidType(), self._types), name)
        self.arguments = function.args
        # Places stand in a block of their own, before everything else.
        self._places = ir.IRBuilder(function.append_basic_block("places"))
        self.builder = ir.IRBuilder(function.append_basic_block("start"))
        self._first = self.builder.block
        self._constants: dict[float, Any] = {}

    @contextmanager
    def loop(self, stop: Any, step: int = 1) -> Iterator[Any]:
        """Repeat what is written inside, with 0, step, 2 * step ... below `stop`."""
        b = self.builder
        before, body = b.block, b.append_basic_block("loop")
        b.branch(body)
        b.position_at_end(body)
        at = b.phi(INT)
        at.add_incoming(INT(0), before)
        yield at
        following = b.add(at, INT(step))
        at.add_incoming(following, b.block)
        after = b.append_basic_block("after")
        b.cbranch(b.icmp_signed("<", following, whole(stop)), body, after)
        b.position_at_end(after)

    def variables(self, values: Sequence[Any]) -> list[Any]:
        """Places for values that change in loops; the compiler makes registers of them."""
        places = [self._places.alloca(value.type) for value in values]
        for place, value in zip(places, values, strict=True):
            self.builder.store(value, place)
        return places

    def array(self, count: int) -> Any:
        """Room for so many float32 while the function runs."""
        place = self._places.alloca(ir.ArrayType(FLOAT, count))
        place.align, place.type = 4 * LANES, POINTER  # llvmlite would check it as one to an array
        return place

    def get(self, place: Any, kind: Any = VECTOR) -> Any:
        return self.builder.load(place, typ=kind)

    def put(self, place: Any, value: Any) -> None:
        self.builder.store(value, place)

    def at(self, base: Any, index: Any, kind: Any = FLOAT) -> Any:
        """The address of an element of a kind."""
        return self.builder.gep(base, [whole(index)], source_etype=kind)

    def load(self, base: Any, index: Any = 0, kind: Any = VECTOR) -> Any:
        """What stands from an element on."""
        element = _element(kind)
        place = self.at(base, index, element)
        return self.builder.load(place, typ=kind, align=_SIZES[element])

    def store(self, value: Any, base: Any, index: Any = 0) -> None:
        element = _element(value.type)
        self.builder.store(value, self.at(base, index, element), align=_SIZES[element])

    def fetch(self, place: Any) -> None:
        """Have the line of the cache that holds an address fetched, which may lie anywhere."""
        name, kinds = "llvm.prefetch.p0", [POINTER, INT32, INT32, INT32]
        function = self._module.globals.get(name)
        if function is None:
            function = ir.Function(self._module, ir.FunctionType(ir.VoidType(), kinds), name)
        to_read, keep, data = INT32(0), INT32(3), INT32(1)
        self.builder.call(function, [place, to_read, keep, data])

    def times(self, a: Any, b: Any) -> Any:
        """Product of whole numbers."""
        return self.builder.mul(whole(a), whole(b))

    def plus(self, a: Any, b: Any) -> Any:
        return self.builder.add(whole(a), whole(b))

    def least(self, a: Any, b: Any) -> Any:
        """The smaller of two whole numbers."""
        a, b = whole(a), whole(b)
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def spread(self, value: Any, builder: Any = None) -> Any:
        """A vector of one value, again and again."""
        builder = builder or self.builder
        none = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
        one = builder.insert_element(none, value, INT32(0))
        zeros = ir.Constant(ir.VectorType(INT32, LANES), None)
        return builder.shuffle_vector(one, none, zeros)

    def shuffled(self, a: Any, b: Any, which: Sequence[int]) -> Any:
        """Chosen numbers of two vectors: those of `b` count on where those of `a` end."""
        chosen = ir.Constant(ir.VectorType(INT32, len(which)), list(which))
        return self.builder.shuffle_vector(a, b, chosen)

    def call(self, name: str, *values: Any, gives: Any = None) -> Any:
        """One of LLVM's functions; without `gives` the result is of the first argument's kind."""
        function = self._module.globals.get(name)
        if function is None:
            kinds = [value.type for value in values]
            function = ir.Function(self._module, ir.FunctionType(gives or kinds[0], kinds), name)
        return self.builder.call(function, values)

    def floats(self, value: float) -> Any:
        """A vector of one number."""
        if value not in self._constants:
            self._constants[value] = self.spread(FLOAT(value), self._places)
        return self._constants[value]

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Sum of a product and c, rounded once."""
        return self.call("llvm.fma.v16f32", a, b, c)

    def smaller(self, a: Any, b: Any) -> Any:
        """The smaller number of each two; the other one where one is not a number."""
        return self.call("llvm.minnum.v16f32", a, b)

    def larger(self, a: Any, b: Any) -> Any:
        """The larger number of each two; the other one where one is not a number."""
        return self.call("llvm.maxnum.v16f32", a, b)

    def as_bytes(self, vector: Any) -> Any:
        """The whole parts of numbers, cut to 0 ... 255."""
        cut = self.smaller(self.larger(vector, self.floats(0.0)), self.floats(255.0))
        return self.builder.trunc(self.builder.fptosi(cut, WHOLES), BYTES)

    def rounded(self, vector: Any) -> Any:
        """The nearest whole numbers, of 32 bits."""
        none, every_lane = ir.Constant(WHOLES, None), ir.IntType(16)(-1)
        name, as_set = "llvm.x86.avx512.mask.cvtps2dq.512", INT32(4)
        return self.call(name, vector, none, every_lane, as_set, gives=WHOLES)

    def paired(self, low: Any, high: Any) -> Any:
        """Whole numbers of 16 bits two by two: one in the lower half of 32 bits, one above."""
        half = self.spread(INT32(0xFFFF))
        return self.paired_positive(self.builder.and_(low, half), high)

    def paired_positive(self, low: Any, high: Any) -> Any:
        """The same where the lower ones are not negative."""
        return self.builder.or_(self.builder.shl(high, self.spread(INT32(16))), low)

    def add_products(self, total: Any, a: Any, b: Any) -> Any:
        """Add products of whole numbers in pairs to a total, both of each pair to one number."""
        return self.call("llvm.x86.avx512.vpdpwssd.512", total, a, b)

    def add_fours(self, total: Any, a: Any, b: Any) -> Any:
        """Add products of bytes in fours, those of `a` without a sign, to a place's total."""
        return self.call("llvm.x86.avx512.vpdpbusd.512", self.get(total, WHOLES), a, b)

    def compiled(self) -> "Compiled":
        """End the function, and make machine code of it for this processor."""
        self.builder.ret_void()
        self._places.branch(self._first)
        return Compiled(str(self._module), self.name, [_C_TYPES[kind] for kind in self._types])


class Compiled:
    """A function in machine code. Other threads go on while it runs."""

    def __init__(self, module: str, name: str, kinds: Sequence[Any]) -> None:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(),
            # Else LLVM halves the vectors where it does not know that they stay wide for long.
            features=f"{binding.get_host_cpu_features().flatten()},-prefer-256-bit",
            opt=2,
            jit=True,
        )
        parsed = binding.parse_assembly(module)
        # These are all that the code needs; LLVM's usual list takes six times as long.
        passes = binding.create_new_function_pass_manager()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        options = binding.create_pipeline_tuning_options()
        passes.run(parsed.get_function(name), binding.create_pass_builder(machine, options))
        self._engine = binding.create_mcjit_compiler(parsed, machine)  # the code lives with it
        self._engine.finalize_object()
        address = self._engine.get_function_address(name)
        self._function = ctypes.CFUNCTYPE(None, *kinds)(address)

    def __call__(self, *values: Any) -> None:
        """Run it; pointers are addresses as whole numbers."""
        self._function(*values)


def _element(kind: Any) -> Any:
    return kind.element if isinstance(kind, ir.VectorType) else kind


def whole(value: Any) -> Any:
    """A whole number as the code counts with it."""
    return INT(value) if isinstance(value, int) else value


def execution_fault() -> str | None:
    """Say why this system does not let code run that was made in memory, if it does not."""
    try:
        binding.check_jit_execution()
    except OSError as error:
        return f"this system forbids code that is made in memory ({error.strerror})"
    return None
