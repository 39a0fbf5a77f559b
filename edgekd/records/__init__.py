"""What comes out: the typed records of ``report.json``, schema 1, and of searches.

The names here are a contract. Fields may be added; none is renamed or removed.
"""

from edgekd.records.android import DeviceFacts
from edgekd.records.base import SCHEMA, Format, Kind, Precision, Record
from edgekd.records.comparison import (
    Baseline,
    ComparedFigure,
    Comparison,
    FigureVerdict,
    RungEvidence,
)
from edgekd.records.firmware import Cost, Estimate, Layer, Library, MemoryBlock, MemoryMap, Profile
from edgekd.records.ladder import Loss, Report, Rung, RungAccuracy, UnavailableCell, Verdict
from edgekd.records.language import (
    ArtifactScore,
    CountedCall,
    CountedGeneration,
    FirstDifference,
    GapClosed,
    Generation,
    GreedyComparison,
    LanguageScore,
    PromptFigures,
)
from edgekd.records.measurement import (
    BudgetResult,
    Latency,
    LoadTime,
    MeasuredAccuracy,
    Measurement,
    Memory,
    Parity,
    ParityStep,
    Preflight,
    VsTeacher,
)
from edgekd.records.searches import Candidate, Fit, Lead, Sweep, SweepPoint

__all__ = [
    "SCHEMA",
    "ArtifactScore",
    "Baseline",
    "BudgetResult",
    "Candidate",
    "ComparedFigure",
    "Comparison",
    "Cost",
    "CountedCall",
    "CountedGeneration",
    "DeviceFacts",
    "Estimate",
    "FigureVerdict",
    "FirstDifference",
    "Fit",
    "Format",
    "GapClosed",
    "Generation",
    "GreedyComparison",
    "Kind",
    "LanguageScore",
    "Latency",
    "Layer",
    "Lead",
    "Library",
    "LoadTime",
    "Loss",
    "MeasuredAccuracy",
    "Measurement",
    "Memory",
    "MemoryBlock",
    "MemoryMap",
    "Parity",
    "ParityStep",
    "Precision",
    "Preflight",
    "Profile",
    "PromptFigures",
    "Record",
    "Report",
    "Rung",
    "RungAccuracy",
    "RungEvidence",
    "Sweep",
    "SweepPoint",
    "UnavailableCell",
    "Verdict",
    "VsTeacher",
]
