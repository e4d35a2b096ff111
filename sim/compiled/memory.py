"""Memory as compiled code sees it: records and numbers at an address, as in C.

A record of the site, of a cell or of a group holds the addresses of what belongs to it, so that a function is handed
one or two records and can be compiled apart from those that call it.  The usual way in Numba is arrays handed from
function to function: an array is seven values and each index is first asked whether it counts from the end, so the
whole loop had to be one function of 163 kB, which took twice as long to compile and left no room for what made it
faster since (docs/results/engines.md).  The price is that nobody checks an index; ``sim.compiled.run`` keeps what is
pointed to alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

Record = Any
"""One record, compiled: its fields are attributes, which NumPy's own type does not know."""
Floats = npt.NDArray[np.float64]
LINE_BYTES = 64
"""A line of the processor's cache."""
_make_array: Any = arrayobj.make_array
_populate_array: Any = arrayobj.populate_array
_raw_memcpy: Any = cgutils.raw_memcpy
_get_or_insert_function: Any = cgutils.get_or_insert_function
_FLOAT, _BYTE, _WORD = ir.DoubleType(), ir.IntType(8), ir.IntType(64)


def record_type(dtype: np.dtype[np.void]) -> Any:
    """Numba's type of a record."""
    return numba.from_dtype(dtype)


def _place(builder: ir.IRBuilder, owner: ir.Value, offset: int, index: ir.Value, size: int) -> ir.Value:
    """Address of the ``index``-th thing of ``size`` bytes in the array whose address an owner's field holds."""
    field = builder.gep(builder.bitcast(owner, _BYTE.as_pointer()), [_WORD(offset)])
    first = builder.load(builder.bitcast(field, _WORD.as_pointer()))
    return builder.add(first, builder.mul(index, _WORD(size)))


def records(owner: np.dtype[np.void], field: str, dtype: np.dtype[np.void]) -> Callable[[Record, int], Record]:
    """A compiled function of (owner, i): the i-th record of the array whose address the owner's field holds."""
    whole, part, offset, size = record_type(owner), record_type(dtype), _offset(owner, field), dtype.itemsize

    @intrinsic
    def record(typing: Any, owner: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(_place(builder, args[0], offset, args[1], size), context.get_value_type(part))

        return part(whole, types.int64), code

    return cast(Callable[[Record, int], Record], record)


def _scalars(owner: np.dtype[np.void], field: str, kind: Any, form: ir.Type) -> Any:
    whole, offset = record_type(owner), _offset(owner, field)

    @intrinsic
    def scalar(typing: Any, owner: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(builder.inttoptr(_place(builder, args[0], offset, args[1], 8), form.as_pointer()))

        return kind(whole, types.int64), code

    return scalar


def numbers(owner: np.dtype[np.void], field: str) -> Callable[[Record, int], float]:
    """A compiled function of (owner, i): the i-th float of the array whose address the owner's field holds."""
    return cast(Callable[[Record, int], float], _scalars(owner, field, types.float64, _FLOAT))


def integers(owner: np.dtype[np.void], field: str) -> Callable[[Record, int], int]:
    """As ``numbers``, of 64-bit integers."""
    return cast(Callable[[Record, int], int], _scalars(owner, field, types.int64, _WORD))


def arrays(owner: np.dtype[np.void], field: str, of: Any = types.float64) -> Callable[[Record, int, int], Any]:
    """A compiled function of (owner, first, n): so many from the first on as an array, for a formula that takes one."""
    whole, offset = record_type(owner), _offset(owner, field)
    kind = types.Array(of, 1, "C", aligned=False)

    @intrinsic
    def array(typing: Any, owner: Any, first: Any, count: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            size = context.get_abi_sizeof(context.get_data_type(of))
            place = _place(builder, args[0], offset, args[1], size)
            made = _make_array(kind)(context, builder)
            data = builder.inttoptr(place, context.get_data_type(of).as_pointer())
            _populate_array(made, data=data, shape=[args[2]], strides=[_WORD(size)], itemsize=_WORD(size), meminfo=None)
            return made._getvalue()

        return kind(whole, types.int64, types.int64), code

    return cast(Callable[[Record, int, int], Any], array)


def copier(source: np.dtype[np.void], target: np.dtype[np.void]) -> Callable[[Record, Record], None]:
    """A compiled function of (source, target) that copies the source's first bytes, which are a target."""
    for name in target.names or ():
        assert source[name] == target[name] and _offset(source, name) == _offset(target, name), name
    kinds, size = (record_type(source), record_type(target)), target.itemsize

    @intrinsic
    def copy(typing: Any, source: Any, target: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _raw_memcpy(builder, args[1], args[0], _WORD(size), 1)
            return context.get_dummy_value()

        return types.void(*kinds), code

    return cast(Callable[[Record, Record], None], copy)


def prefetcher(dtype: np.dtype[np.void]) -> Callable[[Record], None]:
    """A compiled function that has a record fetched into the cache, for what is about to look at it."""
    kind = record_type(dtype)

    @intrinsic
    def prefetch(typing: Any, record: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            address, word = builder.bitcast(args[0], _BYTE.as_pointer()), ir.IntType(32)
            form = ir.FunctionType(ir.VoidType(), [address.type, word, word, word])
            to_write, keep, data = word(1), word(3), word(1)
            called = _get_or_insert_function(builder.module, form, "llvm.prefetch.p0")
            builder.call(called, [address, to_write, keep, data])
            return context.get_dummy_value()

        return types.void(kind), code

    return cast(Callable[[Record], None], prefetch)


def _offset(owner: np.dtype[np.void], field: str) -> int:
    assert owner.fields is not None
    return int(owner.fields[field][1])


def address(array: npt.NDArray[Any]) -> int:
    """Where an array's first element lies; its elements must follow one another."""
    assert array.flags.c_contiguous
    return int(array.ctypes.data)


def in_lines(count: int, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """Zeros of which the first begins a line of the cache: records of a line's size then never lie in two."""
    raw = np.zeros(count * dtype.itemsize + LINE_BYTES, np.uint8)
    skip = -address(raw) % LINE_BYTES
    return raw[skip : skip + count * dtype.itemsize].view(dtype)
