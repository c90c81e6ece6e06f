# SPDX-License-Identifier: MIT
"""`system.schemas`, the registry of bodies' schemas, and `system.validator`, what this program declares of them."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ._encode import encode_json
from ._operations import AsyncAsk, SyncAsk, document_of, given
from ._reading import Casts, Upcaster, check_version
from .schema import Schema, SchemaProblem, SchemaSource, is_model, schema_text

_FIRST_VERSION = "1.0.0"


class Verdict(NamedTuple):
    """What a registry says of a body."""

    valid: bool
    errors: List[SchemaProblem]
    version: str  #: that it was held against


class _Registry:
    """What both faces share: parameters, answers and up-casters."""

    def __init__(self, casts: Casts) -> None:
        self._casts = casts

    def upcast(self, type: str, from_: str, to: str, function: Upcaster) -> None:
        """Says how the body of one version becomes that of another one: a function without side effects.

        A subscription with `version=…` receives what was published with another version through these, by the
        shortest way. What fails in one, or has no way, is a dead letter at once.
        """
        self._casts.add(type, from_, to, function)

    def _registration(self, type: str, schema: SchemaSource, **params: Any) -> Dict[str, Any]:
        if is_model(schema):
            self._casts.name(schema, type)  # type: ignore[arg-type]
        return given(type=type, schemaText=schema_text(schema).decode(), **params)


def _verdict(answer: str) -> Verdict:
    document = document_of(answer)
    problems = [SchemaProblem.of(problem) for problem in document.get("errors") or ()]
    return Verdict(document["valid"], problems, document["version"])


def _with_schema(answer: str) -> Dict[str, Any]:
    item = document_of(answer)
    return {**item, "schema": json.loads(item["schemaText"])}


def _body_params(type: str, body: Any, version: Optional[str], fill: Optional[bool]) -> Dict[str, Any]:
    return given(type=type, bodyText=encode_json(body, "body").decode(), version=version, fill=fill)


def _items(answer: str) -> List[Dict[str, Any]]:
    items: List[Dict[str, Any]] = document_of(answer)["items"]
    return items


class Schemas(_Registry):
    """`system.schemas` of the asyncio face."""

    def __init__(self, ask: AsyncAsk, casts: Casts) -> None:
        super().__init__(casts)
        self._ask = ask

    async def register(
        self,
        type: str,
        schema: SchemaSource,
        *,
        version: Optional[str] = None,
        compatibility: Optional[str] = None,
        policy: Optional[str] = None,
        dry_run: Optional[bool] = None,
        actor: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Registers a schema (a document, JSON text or a Pydantic model) as a version of a type.

        ValidationError when it is none, Conflict when it is not compatible with earlier ones: `problems` has the
        reason for each path. `dry_run` only says what would be.
        """
        params = self._registration(
            type, schema, version=version, compatibility=compatibility, policy=policy, dryRun=dry_run, actor=actor
        )
        return document_of(await self._ask("schemas.register", params, timeout))

    async def list(self, type: Optional[str] = None, *, timeout: Optional[float] = None) -> List[Dict[str, Any]]:
        """The registered versions, of one type or of all."""
        return _items(await self._ask("schemas.list", given(type=type), timeout))

    async def get(
        self, type: str, version: Optional[str] = None, *, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """One version with its `schema`, the newest where none is named. NotFound when it is not there."""
        return _with_schema(await self._ask("schemas.get", {"type": type, "version": version or "latest"}, timeout))

    async def remove(
        self, type: str, version: str, *, actor: Optional[str] = None, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """Takes a version away; its number is not given again."""
        return document_of(await self._ask("schemas.remove", given(type=type, version=version, actor=actor), timeout))

    async def configure(
        self,
        type: str,
        *,
        compatibility: Optional[str] = None,
        policy: Optional[str] = None,
        actor: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Says what new versions of a type have to be compatible with."""
        params = given(type=type, compatibility=compatibility, policy=policy, actor=actor)
        return document_of(await self._ask("schemas.set", params, timeout))

    async def validate(
        self,
        type: str,
        body: Any,
        *,
        version: Optional[str] = None,
        fill: Optional[bool] = None,
        timeout: Optional[float] = None,
    ) -> Verdict:
        """Is this a body of the type? With `fill` as consumers do it: what is left out and has a default is there.
        NotFound where the type has no schema."""
        params = _body_params(type, body, version, fill)
        return _verdict(await self._ask("schemas.validate", params, timeout))

    async def compat(
        self, type: str, schema: SchemaSource, *, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """Could this be registered as the next version? {verdict, reasons}."""
        params = {"type": type, "schemaText": schema_text(schema).decode()}
        return document_of(await self._ask("schemas.compat", params, timeout))

    async def diff(self, type: str, from_: str, to: str, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """What changed between two versions."""
        return document_of(await self._ask("schemas.diff", {"type": type, "from": from_, "to": to}, timeout))

    async def asyncapi(self, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """An AsyncAPI 3 document of the system's routes, subscriptions and schemas."""
        return document_of(await self._ask("asyncapi", {}, timeout))


class SyncSchemas(_Registry):
    """`system.schemas` of the synchronous face."""

    def __init__(self, ask: SyncAsk, casts: Casts) -> None:
        super().__init__(casts)
        self._ask = ask

    def register(
        self,
        type: str,
        schema: SchemaSource,
        *,
        version: Optional[str] = None,
        compatibility: Optional[str] = None,
        policy: Optional[str] = None,
        dry_run: Optional[bool] = None,
        actor: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Registers a schema (a document, JSON text or a Pydantic model) as a version of a type.

        ValidationError when it is none, Conflict when it is not compatible with earlier ones: `problems` has the
        reason for each path. `dry_run` only says what would be.
        """
        params = self._registration(
            type, schema, version=version, compatibility=compatibility, policy=policy, dryRun=dry_run, actor=actor
        )
        return document_of(self._ask("schemas.register", params, timeout))

    def list(self, type: Optional[str] = None, *, timeout: Optional[float] = None) -> List[Dict[str, Any]]:
        """The registered versions, of one type or of all."""
        return _items(self._ask("schemas.list", given(type=type), timeout))

    def get(self, type: str, version: Optional[str] = None, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """One version with its `schema`, the newest where none is named. NotFound when it is not there."""
        return _with_schema(self._ask("schemas.get", {"type": type, "version": version or "latest"}, timeout))

    def remove(
        self, type: str, version: str, *, actor: Optional[str] = None, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """Takes a version away; its number is not given again."""
        return document_of(self._ask("schemas.remove", given(type=type, version=version, actor=actor), timeout))

    def configure(
        self,
        type: str,
        *,
        compatibility: Optional[str] = None,
        policy: Optional[str] = None,
        actor: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Says what new versions of a type have to be compatible with."""
        params = given(type=type, compatibility=compatibility, policy=policy, actor=actor)
        return document_of(self._ask("schemas.set", params, timeout))

    def validate(
        self,
        type: str,
        body: Any,
        *,
        version: Optional[str] = None,
        fill: Optional[bool] = None,
        timeout: Optional[float] = None,
    ) -> Verdict:
        """Is this a body of the type? With `fill` as consumers do it: what is left out and has a default is there.
        NotFound where the type has no schema."""
        params = _body_params(type, body, version, fill)
        return _verdict(self._ask("schemas.validate", params, timeout))

    def compat(self, type: str, schema: SchemaSource, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """Could this be registered as the next version? {verdict, reasons}."""
        params = {"type": type, "schemaText": schema_text(schema).decode()}
        return document_of(self._ask("schemas.compat", params, timeout))

    def diff(self, type: str, from_: str, to: str, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """What changed between two versions."""
        return document_of(self._ask("schemas.diff", {"type": type, "from": from_, "to": to}, timeout))

    def asyncapi(self, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """An AsyncAPI 3 document of the system's routes, subscriptions and schemas."""
        return document_of(self._ask("asyncapi", {}, timeout))


class Validator:
    """`system.validator` of both faces: schemas that this program declares. They are registered by
    `connect`, and before the next event is published; a refusal is raised there."""

    def __init__(self, casts: Casts) -> None:
        self._casts = casts
        self._schemas: Dict[str, Tuple[Schema, Any]] = {}
        #: parameters of the registrations that are still to be made; one that is refused stays, so that nothing is
        #: published unchecked
        self.waiting: List[Dict[str, Any]] = []

    def register(self, type: str, schema: SchemaSource, *, version: str = _FIRST_VERSION) -> None:
        """Declares the schema (a document, JSON text or a Pydantic model) of a type's bodies."""
        text = schema_text(schema)
        self._schemas[type.lower()] = (Schema(text), schema)
        if is_model(schema):
            self._casts.name(schema, type)  # type: ignore[arg-type]
        self.waiting.append({"type": type, "schemaText": text.decode(), "version": check_version(version, "version")})

    def validate(self, type: str, body: Any) -> List[SchemaProblem]:
        """What is wrong with a body by the schema declared here; nothing where the type has none."""
        declared = self._schemas.get(type.lower())
        return declared[0].validate(body) if declared else []

    def schema_of(self, type: str) -> Optional[Any]:
        """What was declared for a type: the document or the model."""
        declared = self._schemas.get(type.lower())
        return declared[1] if declared else None

    def registered(self, params: Dict[str, Any]) -> None:
        """One of `waiting` is done; several calls may have waited for it."""
        if self.waiting and self.waiting[0] is params:
            del self.waiting[0]
