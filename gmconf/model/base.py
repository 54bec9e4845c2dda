"""What every part of the model has in common."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler


class Part(BaseModel):
    """A frozen piece of site.yml; unknown keys are refused, attribute docstrings become the reference."""

    # defer_build: one validator for the whole site, made when it is needed, in place of one for each class at import.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=False, defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema, each field described by its docstring. Sources are read for this only: it takes time."""
        found = handler(core)
        fields = handler.resolve_ref_schema(found)["properties"]
        for name, text in docstrings(cls):
            fields[name]["description"] = text
        return found


def docstrings(part: type[Part]) -> Iterator[tuple[str, str]]:
    """(field, docstring) of the fields of a part that have one."""
    import ast
    import inspect

    (definition,) = ast.parse(inspect.getsource(part)).body
    assert isinstance(definition, ast.ClassDef)
    for field, text in pairwise(definition.body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            yield field.target.id, inspect.cleandoc(str(text.value.value))
