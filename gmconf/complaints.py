"""What pydantic finds wrong with one value, as a sentence that says what is wanted instead."""

from __future__ import annotations

from typing import Any

_WANTED = {
    "missing": "is missing; add it",
    "model_type": "a mapping of keys and values is needed here",
    "dict_type": "a mapping of keys and values is needed here",
    "tuple_type": "a list is needed here; write [a, b] or one entry a line after a dash",
    "string_type": "text is needed here; put it in quotes",
    "too_short": "at least one entry is needed",
    "bool_parsing": "true or false is needed",
    "int_parsing": "a whole number is needed",
    "int_parsing_size": "a whole number of fewer digits is needed",
    "int_from_float": "a whole number is needed",
    "float_parsing": "a number is needed",
    "finite_number": "a finite number is needed",
    "string_unicode": "text is needed here; half of a character (a lone surrogate) is none",
}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def sentence(error: Any) -> str:
    """The sentence for an entry of ``ValidationError.errors()``."""
    kind, context, text = error["type"], error.get("ctx", {}), isinstance(error["input"], str)
    if kind in ("too_short", "string_too_short") and text:
        return "text is needed here"
    if kind in ("too_long", "string_too_long"):
        return f"at most {context['max_length']} {'characters' if text else 'entries'}, not {len(error['input'])}"
    if kind in _WANTED and (error["input"] is not None or kind == "missing"):
        return _WANTED[kind]
    if error["input"] is None:
        return "nothing stands here; give a value, or remove the key"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("enum", "literal_error"):
        return f"must be one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"does not look as it must: {context['pattern']}"
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"must be {words} {context[bound]}"
    message = str(error["msg"])
    return message[0].lower() + message[1:]
