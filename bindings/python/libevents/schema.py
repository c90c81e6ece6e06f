# SPDX-License-Identifier: MIT
"""`Schema`: a JSON Schema, compiled once, and what is wrong with a value. Needs no system, and any thread may use it.

A schema is given as JSON text, as a dict, or as a Pydantic model (version 2), which is then asked for its form.
"""

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Union

from ._encode import encode_json
from ._native import ffi, lend, lib, new_error, raise_error, take_text
from ._options import given
from ._pure import json_text, utf8

#: JSON text, a document, or a class with `model_json_schema()`
SchemaSource = Union[str, bytes, bool, Mapping[str, Any], type]

_LIMIT = 100


class SchemaProblem(NamedTuple):
    """One thing that is wrong with a value."""

    instance_path: str  #: JSON pointer to the value
    schema_path: str  #: JSON pointer to the keyword that it breaks
    keyword: str
    expected: Any
    actual: Any
    message: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "SchemaProblem":
        """From the form that the core gives: also the `errors` of a dead letter."""
        return cls(
            document.get("instancePath", ""),
            document.get("schemaPath", ""),
            document.get("keyword", ""),
            document.get("expected"),
            document.get("actual"),
            document.get("message", ""),
        )


def is_model(source: Any) -> bool:
    """Is it a Pydantic model? (Looked at by what it can do: the package is not needed otherwise.)"""
    return isinstance(source, type) and hasattr(source, "model_json_schema") and hasattr(source, "model_validate_json")


def schema_text(source: SchemaSource) -> bytes:
    """Its text: what a registry keeps."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str):
        return utf8(source, "the schema")
    document = source.model_json_schema(mode="validation") if is_model(source) else source  # type: ignore[union-attr]
    return encode_json(document, "schema")


class Schema:
    """A compiled JSON Schema, 2020-12 or draft-07. ValidationError names every fault of the schema itself."""

    def __init__(
        self,
        source: SchemaSource,
        *,
        draft: Optional[str] = None,
        format: Optional[str] = None,
        uri: Optional[str] = None,
        documents: Optional[Mapping[str, Any]] = None,
    ) -> None:
        """`draft` ("2020-12", "draft-07") is that of schemas without `$schema`; `format` is "annotation" or
        "assertion"; `uri` is where the schema comes from, and `documents` what a `$ref` to a URI means."""
        text = schema_text(source)
        options = json_text(given(draft=draft, format=format, uri=uri, documents=documents), "the options")
        holder, problem = ffi.new("evs_schema **"), new_error()
        status = lib.evs_schema_compile(lend(text), lend(options), holder, problem)
        if status != lib.EVS_OK:
            raise_error(status, problem)
        self._schema = ffi.gc(holder[0], lib.evs_schema_free)

    def is_valid(self, value: Any) -> bool:
        """Is the value valid?"""
        return self.is_valid_text(encode_json(value, "value"))

    def is_valid_text(self, text: Union[str, bytes]) -> bool:
        """The same for JSON text, whose numbers are judged by all their digits."""
        valid, problem = ffi.new("int32_t *"), new_error()
        source = _bytes_of(text)
        status = lib.evs_schema_validate(self._schema, lend(source), valid, problem)
        if status != lib.EVS_OK:
            raise_error(status, problem)
        return bool(valid[0])

    def validate(self, value: Any, *, limit: int = _LIMIT) -> List[SchemaProblem]:
        """What is wrong with a value, at most `limit` of it; an empty list: it is valid."""
        return self.validate_text(encode_json(value, "value"), limit=limit)

    def validate_text(self, text: Union[str, bytes], *, limit: int = _LIMIT) -> List[SchemaProblem]:
        """The same for JSON text."""
        if self.is_valid_text(text):
            return []
        return [SchemaProblem.of(found) for found in self._report(text, "own", limit)["errors"]]

    def basic(self, value: Any, *, limit: int = _LIMIT) -> Dict[str, Any]:
        """The standard's `basic` output: {valid, errors} or {valid, annotations}."""
        return self.basic_text(encode_json(value, "value"), limit=limit)

    def basic_text(self, text: Union[str, bytes], *, limit: int = _LIMIT) -> Dict[str, Any]:
        """The same for JSON text."""
        return self._report(text, "basic", limit)

    def fill_text(self, text: Union[str, bytes]) -> bytes:
        """The text with the required members that are left out and have a default; all other bytes stay."""
        filled, problem = ffi.new("char **"), new_error()
        source = _bytes_of(text)
        status = lib.evs_schema_fill(self._schema, lend(source), filled, problem)
        if status != lib.EVS_OK:
            raise_error(status, problem)
        return take_text(filled).encode() if filled[0] else source

    def compat(
        self, newer: "Union[Schema, SchemaSource]", *, mode: Optional[str] = None, policy: Optional[str] = None
    ) -> Dict[str, Any]:
        """May `newer` take the place of this one? {verdict: "compatible", "incompatible" or "unknown", reasons, …}.

        `mode` is "backward", "forward" or "full", `policy` "pragmatic" or "strict".
        """
        candidate = newer if isinstance(newer, Schema) else Schema(newer)
        options = json_text(given(mode=mode, policy=policy), "the options")
        answer, problem = ffi.new("char **"), new_error()
        status = lib.evs_schema_compat(self._schema, candidate._schema, lend(options), answer, problem)
        if status != lib.EVS_OK:
            raise_error(status, problem)
        verdict: Dict[str, Any] = json.loads(take_text(answer))
        return verdict

    def _report(self, text: Union[str, bytes], form: str, limit: int) -> Dict[str, Any]:
        options = json_text({"form": form, "limit": limit}, "the options")
        answer, problem = ffi.new("char **"), new_error()
        source = _bytes_of(text)
        status = lib.evs_schema_report(self._schema, lend(source), lend(options), answer, problem)
        if status != lib.EVS_OK:
            raise_error(status, problem)
        report: Dict[str, Any] = json.loads(take_text(answer))
        return report


def _bytes_of(text: Union[str, bytes]) -> bytes:
    return utf8(text, "the text") if isinstance(text, str) else bytes(text)
