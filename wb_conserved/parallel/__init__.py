"""Ranks of a run: communicators, and the memory that the ranks of a node share."""

from .communicators import (
    SerialCommunicator,
    abort_on_error,
    agree,
    agree_or_abort,
    print_error,
    world,
)
from .node_memory import NodeMemory
from .threads import number_given, one_thread

__all__ = [
    "NodeMemory",
    "SerialCommunicator",
    "abort_on_error",
    "agree",
    "agree_or_abort",
    "number_given",
    "one_thread",
    "print_error",
    "world",
]
