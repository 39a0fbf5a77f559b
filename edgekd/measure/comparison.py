"""Whether a figure got worse from one report to another: changes, their intervals, the verdict.

A change is an estimate with the parts of its variance, each with its degrees of freedom. Its
interval is Student's t with Welch-Satterthwaite degrees of freedom. Many figures are judged
together by :func:`joint_level`, so that the chance of an alarm where nothing changed stays small.

Sources: F. E. Satterthwaite, Biometrics Bulletin 2 (1946); Y. Benjamini and Y. Hochberg, Journal
of the Royal Statistical Society B 57 (1995); Y. Benjamini and D. Yekutieli, "The control of the
false discovery rate in multiple testing under dependency", Annals of Statistics 29 (2001), and
"False discovery rate-adjusted multiple confidence intervals for selected parameters", Journal of
the American Statistical Association 100 (2005).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isinf, sqrt

from edgekd.errors import MissingPackage
from edgekd.measure.statistics import CONFIDENCE, Interval


@dataclass(frozen=True)
class Part:
    """One source of variance of a change, with the degrees of freedom of its estimate."""

    variance: float
    freedom: float = inf


@dataclass(frozen=True)
class Change:
    """How far a figure moved.

    Attributes:
        estimate: after less before: a difference of shares, or the logarithm of a ratio.
        parts: of its variance; none: it is exact.
        covers: what its interval covers, in words.
    """

    estimate: float
    parts: tuple[Part, ...]
    covers: str

    @property
    def exact(self) -> bool:
        """Whether there is no chance in it."""
        return not self.parts

    def p_value(self) -> float:
        """Two-sided, of no change; 0 or 1 where it is exact."""
        deviation = sqrt(sum(part.variance for part in self.parts))
        if deviation == 0:
            return float(self.estimate == 0)
        return 2 * _tail(abs(self.estimate) / deviation, self._freedom())

    def interval(self, level: float) -> Interval:
        """It misses the true change with probability ``level``, half of it on each side.

        It leaves out zero exactly where :meth:`p_value` is below ``level``.
        """
        deviation = sqrt(sum(part.variance for part in self.parts))
        if deviation == 0:
            return self.estimate, self.estimate
        half = _quantile(level / 2, self._freedom()) * deviation
        return self.estimate - half, self.estimate + half

    def _freedom(self) -> float:
        total = sum(part.variance for part in self.parts)
        spent = sum(
            part.variance**2 / part.freedom for part in self.parts if not isinf(part.freedom)
        )
        return total**2 / spent if spent > 0 else inf


def joint_level(p_values: Sequence[float]) -> float:
    """The level at which all changes are judged together, from their p-values.

    The step-up procedure of Benjamini and Hochberg at 5 %: with k of m changes found, the level is
    5 % x max(k, 1) / m. A change is found where its p-value is at most that, which is where its
    interval at that level leaves out zero; these are the intervals of Benjamini and Yekutieli
    (2005). Where nothing changed, one or more are found with a chance of 5 % at most (half of them
    to the worse), and of what is found 5 % at most is false in expectation, for independent and for
    positively dependent figures, such as accuracies on the same samples.
    """
    level, total = 1 - CONFIDENCE, len(p_values)
    found = [rank for rank, p in enumerate(sorted(p_values), start=1) if p <= level * rank / total]
    return level * max(found, default=1) / max(total, 1)


def _tail(value: float, freedom: float) -> float:
    """Probability above a value of Student's t; normal with infinite degrees of freedom."""
    with _needs_scipy():
        from scipy.stats import t
    return float(t.sf(value, freedom))


def _quantile(tail: float, freedom: float) -> float:
    """The value of Student's t with so much probability above it."""
    with _needs_scipy():
        from scipy.stats import t
    return float(t.isf(tail, freedom))


@contextmanager
def _needs_scipy() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingPackage(
            "scipy is not installed", mend='pip install "edgekd[report]"'
        ) from error
