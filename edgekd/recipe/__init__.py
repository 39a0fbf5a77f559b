"""What goes in: a recipe, read from YAML into typed, frozen models.

A run is a recipe and its seeds. Unknown keys are refused.
"""

from edgekd.recipe.data import (
    AudioAugmentation,
    Augmentation,
    Data,
    FrontEnd,
    Split,
    Text,
    TextAugmentation,
)
from edgekd.recipe.load import load_any_recipe, load_recipe
from edgekd.recipe.recipe import Recipe
from edgekd.recipe.section import Network, Section
from edgekd.recipe.signals import Signal, tap_pairs
from edgekd.recipe.student import Compress, Distill, Fit, Prune, QuantizationAware
from edgekd.recipe.teacher import Head, Teacher, TeacherInputs
from edgekd.recipe.training import Schedule, Training

__all__ = [
    "AudioAugmentation",
    "Augmentation",
    "Compress",
    "Data",
    "Distill",
    "Fit",
    "FrontEnd",
    "Head",
    "Network",
    "Prune",
    "QuantizationAware",
    "Recipe",
    "Schedule",
    "Section",
    "Signal",
    "Split",
    "Teacher",
    "TeacherInputs",
    "Text",
    "TextAugmentation",
    "Training",
    "load_any_recipe",
    "load_recipe",
    "tap_pairs",
]
