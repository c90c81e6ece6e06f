# SPDX-License-Identifier: MIT
"""What is done for each event and is slow in Python; see evs_border.h."""

import asyncio
from contextvars import Context
from typing import Any, Callable, Coroutine, Dict, List, Optional, Tuple, Type, TypeVar

_Kind = TypeVar("_Kind", bound="Record")
_StandIn = TypeVar("_StandIn", bound="StandIn")

class Record:
    """The columns and the texts of one delivery; made of another one it is the same, with nothing parsed yet."""

    _subscription: int
    _delivery: int
    _attempt: int
    _deliveries: int
    _handler_timeout: int  #: in milliseconds; 0: none
    _partition: int
    #: (body, version) in place of what was published, for a subscription that asked for it
    _seen: Optional[Tuple[Any, str]]
    _body: Any  #: parsed
    _headers: Optional[Dict[str, str]]  #: parsed

    def __new__(cls: Type[_Kind], record: "Record") -> _Kind: ...
    def _bytes_of(self, column: int) -> bytes: ...
    def _text_of(self, column: int) -> str: ...
    def _json_text(self) -> Optional[str]:
        """The body; None where a content type says what it is."""

class StandIn:
    """The current task of a coroutine's first step."""

    _loop: asyncio.AbstractEventLoop
    _coroutine: Coroutine[Any, Any, Any]
    _context: Context
    _rest: Any  #: None, until _step.py makes it
    _task: Any  #: the same

def split(columns: bytearray, texts: bytearray, count: int, kind: Type[_Kind]) -> List[_Kind]:
    """The messages of a batch, as evspy_batch_copy() laid it out."""

def step(
    kind: Type[_StandIn],
    enter: Callable[..., None],
    leave: Callable[..., None],
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    context: Context,
) -> Optional[Tuple[_StandIn, Any, Optional[BaseException]]]:
    """Sends None to a coroutine. None: it ended, and nobody made a task of its stand-in. Else the stand-in, what the
    coroutine gave, and the error that it ended with."""
