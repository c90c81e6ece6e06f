# SPDX-License-Identifier: MIT
"""Delivers an event twice and compares what the handler left behind after each time."""

import copy
from typing import Any, Callable, List, Mapping, Optional, Tuple

from ._notes import Notes, Published

Snapshot = Callable[[], Any]

_DIFFERENCES_SHOWN = 10


class Twice:
    """Looks at the world after each of two deliveries."""

    def __init__(self, notes: Notes, snapshot: Optional[Snapshot]) -> None:
        self._notes = notes
        self._snapshot = snapshot
        self._before = len(notes.published())
        #: after each delivery: the snapshot, and what was published since the one before
        self.looks: List[Tuple[Any, List[Published]]] = []

    def look(self) -> None:
        """Once a delivery was handled."""
        published = self._notes.published()
        seen = copy.deepcopy(self._snapshot()) if self._snapshot is not None else None
        self.looks.append((seen, published[self._before :]))
        self._before = len(published)

    def judge(self, type: str) -> None:
        """AssertionError says what the second delivery changed."""
        if len(self.looks) < 2:
            raise AssertionError(
                f"{type} was handled {len(self.looks)} times, not twice: does the handler's pattern match it?"
            )
        (first, events), (second, again) = self.looks[0], self.looks[1]
        found = differences(first, second)
        known = {event.id for event in events}
        found += [
            f"published {event.type} {event.body!r} as a new event {event.id}: give it an id that follows from "
            "the event that is handled"
            for event in again
            if event.id not in known
        ]
        if found:
            rows = "\n  ".join(found[:_DIFFERENCES_SHOWN])
            raise AssertionError(f"the handler of {type} is not idempotent; its second delivery\n  {rows}")


def differences(first: Any, second: Any, path: str = "") -> List[str]:
    """What changed, each with its place."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        keys = [*first, *(key for key in second if key not in first)]
        return [each for key in keys for each in _member(first, second, key, path)]
    if _is_list(first) and _is_list(second) and len(first) == len(second):
        pairs = enumerate(zip(first, second))
        return [each for index, (a, b) in pairs for each in differences(a, b, f"{path}[{index}]")]
    if first == second:
        return []
    return [f"changed {path or 'the snapshot'} from {first!r} to {second!r}"]


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _member(first: Mapping[Any, Any], second: Mapping[Any, Any], key: Any, path: str) -> List[str]:
    place = f"{path}[{key!r}]"
    if key not in second:
        return [f"removed {place}, which was {first[key]!r}"]
    if key not in first:
        return [f"added {place} = {second[key]!r}"]
    return differences(first[key], second[key], place)
