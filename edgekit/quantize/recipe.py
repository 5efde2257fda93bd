"""What to quantize and how: named recipes and their options."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgekit.errors import QuantizationError


@dataclass(frozen=True)
class Recipe:
    """How to make a model smaller.

    Attributes:
        name: ``"int8"``, ``"float16"`` or ``"int8-weight-only"``.
        observer: range setting for int8 activations: ``"min-max"``, ``"mse"``, ``"percentile[:NUMBER]"``.
        per_channel: one weight scale an output channel (else one a tensor).
        keep_float: operators, or names of nodes, that stay in float.
        io_int8: inputs and outputs are int8 themselves, instead of float32 with a conversion at the border.
    """

    name: str
    observer: str = "mse"
    per_channel: bool = True
    keep_float: tuple[str, ...] = ()
    io_int8: bool = False

    @property
    def needs_calibration(self) -> bool:
        return self.name == "int8"


RECIPES = {
    "int8": Recipe("int8"),
    "float16": Recipe("float16"),
    "int8-weight-only": Recipe("int8-weight-only"),
}


def get_recipe(recipe: str | Recipe) -> Recipe:
    """A recipe by name; ``"int8:min-max"`` names the observer too.

    Raises:
        QuantizationError: no such recipe.
    """
    if isinstance(recipe, Recipe):
        if recipe.name not in RECIPES:
            raise QuantizationError(f"no recipe called {recipe.name!r}; choose one of {', '.join(RECIPES)}")
        return recipe
    name, _, observer = recipe.partition(":")
    if name not in RECIPES:
        raise QuantizationError(f"no recipe called {recipe!r}; choose one of {', '.join(RECIPES)}")
    return replace(RECIPES[name], observer=observer) if observer else RECIPES[name]
