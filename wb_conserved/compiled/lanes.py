"""Vectors of one number for each of several k points, as a Numba type: arithmetic on them is one machine instruction.

In compiled functions, an array of floats is a row of such vectors, `load(a, i)` the i-th one, elements a[i LANES : (i + 1)
LANES].  Sums, products, quotients and comparisons act lane by lane, with one rounding each and in the order written; a
comparison gives a mask.  Lanes know nothing of each other, so that what a k point gets does not depend on its neighbours.
"""

from __future__ import annotations

import functools
import logging
import math
import operator
import platform
import time

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils, config, event
from numba.extending import intrinsic, models, overload, register_model

logger = logging.getLogger(__name__)


def _features():
    """What the processor can do that Numba compiles for; nothing where that is not known or the user's own choice.

    With a choice of the user's, Numba's cache may be shared by processors of several kinds, and knows no vector lengths.
    """
    if config.CPU_NAME or config.CPU_FEATURES:
        return {}
    try:
        return dict(binding.get_host_cpu_features())
    except RuntimeError:
        return {}


_FEATURES = _features()
LANES = 8 if _FEATURES.get("avx512f") else 4
"""Doubles of a vector register, at least four: independent operations hide their latency."""

FUSED = bool(_FEATURES.get("fma", platform.machine() not in ("x86_64", "AMD64")))
"""Whether the processor multiplies and adds with one rounding."""

_ALIGNMENT = 64  # bytes of a cache line; vectors that lie across two are slower to load
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)


class _Lanes(types.Type):
    def __init__(self):
        super().__init__(name=f"lanes{LANES}")


class _Mask(types.Type):
    def __init__(self):
        super().__init__(name=f"mask{LANES}")


lanes, mask = _Lanes(), _Mask()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, _VECTOR)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, _BITS)


def kernel(function):
    """Compile a function, and keep the machine code in Numba's cache where a folder for it can be written to.

    The cache notices changes of the file of the function, not of others in this folder that it calls: after such a
    change, touch it.  (The tests have a cache for each state of the folder.)
    """
    try:
        return njit(error_model="numpy", cache=True)(function)
    except RuntimeError:
        _say_once(logging.WARNING, "no folder for machine code, each run compiles anew: let NUMBA_CACHE_DIR name one")
        return njit(error_model="numpy")(function)


@functools.cache
def _say_once(level, text):
    logger.log(level, text)


class _Listener(event.Listener):
    """Says that a run compiles, which takes a while and is seldom; and how long that took."""

    def __init__(self):
        self.seconds, self._depth, self._start = 0.0, 0, 0.0

    def on_start(self, started):
        if started.data["dispatcher"].py_func.__module__.startswith(__package__):
            _say_once(logging.INFO, "compiling for this processor, ten seconds; later runs find the result")
        if self._depth == 0:
            self._start = time.perf_counter()
        self._depth += 1

    def on_end(self, ended):
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._start


LISTENER = _Listener()
event.register("numba:compile", LISTENER)

lane_function = njit(error_model="numpy")
"""Compile a function that kernels call."""


def aligned(shape) -> np.ndarray:
    """New array of floats that begins at a cache line; its elements are not set."""
    size = math.prod(shape)
    buffer = np.empty(size + _ALIGNMENT // 8)
    first = -buffer.__array_interface__["data"][0] % _ALIGNMENT // 8
    return buffer[first : first + size].reshape(shape)


@lane_function
def row(number):
    """New array of so many vectors for a workspace, all 0."""
    buffer = np.zeros(number * LANES + _ALIGNMENT // 8)
    first = (_ALIGNMENT - buffer.ctypes.data % _ALIGNMENT) % _ALIGNMENT // 8
    return buffer[first : first + number * LANES]


def _address(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _VECTOR.as_pointer()), [index])


@intrinsic
def load(typing, array, index):
    """Vector number `index` of a contiguous array of floats."""

    def generate(context, builder, signature, arguments):
        loaded = builder.load(_address(context, builder, signature.args[0], *arguments))
        loaded.align = 8
        return loaded

    return lanes(array, types.intp), generate


@intrinsic
def store(typing, array, index, value):
    """Set vector number `index` of a contiguous array of floats."""

    def generate(context, builder, signature, arguments):
        *place, value = arguments
        builder.store(value, _address(context, builder, signature.args[0], *place)).align = 8
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def splat(typing, number):
    """The same number in every lane."""

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        one = builder.insert_element(undefined, arguments[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))

    return lanes(types.float64), generate


@intrinsic
def any_true(typing, condition):
    """Whether a mask is true in any lane."""

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(mask), generate


@intrinsic
def select(typing, condition, if_true, if_false):
    """Lane by lane, one of two vectors."""

    def generate(context, builder, signature, arguments):
        return builder.select(*arguments)

    return lanes(mask, lanes, lanes), generate


def _of_llvm(name, parameters, result=lanes, doc=""):
    """One of LLVM's own functions of vectors."""
    returned = ir.DoubleType() if result == types.float64 else _VECTOR

    def generate(context, builder, signature, arguments):
        function = ir.FunctionType(returned, [_VECTOR] * parameters)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, f"{name}.v{LANES}f64"), arguments)

    if parameters == 3:

        def typed(typing, a, b, c):
            return result(lanes, lanes, lanes), generate
    else:

        def typed(typing, a):
            return result(lanes), generate

    typed.__doc__ = doc
    return intrinsic(typed)


multiply_add = _of_llvm("llvm.fmuladd", 3, doc="a b + c, in one instruction where there is one.")
square_root = _of_llvm("llvm.sqrt", 1, doc="√a.")
absolute = _of_llvm("llvm.fabs", 1, doc="|a|.")
largest = _of_llvm("llvm.vector.reduce.fmax", 1, types.float64, "The largest lane, a number.")


def _overload(python_operator, kind, result, instruction):
    """An operator on two vectors or masks as one instruction."""

    @intrinsic
    def typed(typing, a, b):
        def generate(context, builder, signature, arguments):
            return instruction(builder, *arguments)

        return result(kind, kind), generate

    @overload(python_operator)
    def of_operator(a, b):
        if a == kind and b == kind:
            return lambda a, b: typed(a, b)


for _operator, _name in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _overload(_operator, lanes, lanes, getattr(ir.IRBuilder, _name))
for _operator, _sign in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _overload(_operator, lanes, mask, lambda builder, a, b, sign=_sign: builder.fcmp_ordered(sign, a, b))
_overload(operator.and_, mask, mask, ir.IRBuilder.and_)
_overload(operator.or_, mask, mask, ir.IRBuilder.or_)


@intrinsic
def _negative(typing, a):
    def generate(context, builder, signature, arguments):
        return builder.fneg(arguments[0])

    return lanes(lanes), generate


@overload(operator.neg)
def _neg(a):
    if a == lanes:
        return lambda a: _negative(a)
