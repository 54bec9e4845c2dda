"""What every part of the model has in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen piece of site.yml; unknown keys are refused, attribute docstrings become the reference."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True, strict=False
    )
