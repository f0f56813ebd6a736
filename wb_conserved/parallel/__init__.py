"""Ranks of a run: communicators, and the memory that the ranks of a node share."""

from .communicators import (
    LauncherError,
    SerialCommunicator,
    abort_on_error,
    agree,
    agree_or_abort,
    print_error,
    world,
)
from .launchers import Launch, launched
from .node_memory import NodeMemory
from .threads import number_given, one_thread

__all__ = [
    "Launch",
    "LauncherError",
    "NodeMemory",
    "SerialCommunicator",
    "abort_on_error",
    "agree",
    "agree_or_abort",
    "launched",
    "number_given",
    "one_thread",
    "print_error",
    "world",
]
