# SPDX-License-Identifier: MIT
"""What is done for each event and is slow in Python; see evs_border.h."""

from typing import Any, Dict, List, Optional, Tuple, Type, TypeVar

_Kind = TypeVar("_Kind", bound="Record")

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

def encode(events: List[Any], at: int) -> List[bytes]:
    """The lines of events for evspy_publish(), from an index on, up to the first that Python is to write."""

def split(columns: bytearray, texts: bytearray, count: int, kind: Type[_Kind]) -> List[_Kind]:
    """The messages of a batch, as evspy_batch_copy() laid it out."""
