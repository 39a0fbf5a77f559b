"""Optuna studies: where they are kept, and what they search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, MissingPackage
from edgekd.pipeline.search.space import Choice, Range, Space

if TYPE_CHECKING:
    import optuna

_STARTUP_TRIALS = 4
_WARMUP_REPORTS = 2


def open_study(storage: str, name: str) -> optuna.Study:
    """The study of that name, made where it is missing.

    Args:
        storage: a database address as SQLAlchemy reads it; several machines may share one.
        name: of the study.

    Raises:
        BadInput: the database cannot be opened.
        MissingPackage: optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingPackage(
            "optuna is not installed", mend='pip install "edgekd[search]"'
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.create_study(
            storage=optuna.storages.RDBStorage(storage),
            study_name=name,
            load_if_exists=True,
            direction="maximize",
            sampler=optuna.samplers.TPESampler(n_startup_trials=_STARTUP_TRIALS),
            pruner=optuna.pruners.MedianPruner(_STARTUP_TRIALS, _WARMUP_REPORTS),
        )
    except Exception as error:  # SQLAlchemy and its drivers raise what they like.
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInput(
            f"the study cannot be opened: {text[:200]}",
            where=f"--study {_without_password(storage)}",
            mend="give a database address such as sqlite:///study.db",
        ) from error


def trial_of(study: optuna.Study, number: int) -> optuna.Trial:
    """A running trial by its number, also in another process than asked for it."""
    import optuna

    found = next(trial for trial in study.get_trials(deepcopy=False) if trial.number == number)
    return optuna.trial.Trial(study, found._trial_id)


def distributions_of(space: Space) -> dict[str, Any]:
    """The space as optuna names it; values that it cannot hold are named by their place."""
    from optuna import distributions

    found: dict[str, Any] = {}
    for key, values in space.items():
        if not isinstance(values, Range):
            found[key] = distributions.CategoricalDistribution(list(range(len(values))))
        elif values.whole:
            found[key] = distributions.IntDistribution(
                int(values.low), int(values.high), values.log
            )
        else:
            found[key] = distributions.FloatDistribution(values.low, values.high, values.log)
    return found


def point_of(space: Space, parameters: dict[str, Any]) -> dict[str, Choice]:
    """The setting that a trial's parameters mean."""
    found: dict[str, Choice] = {}
    for key, values in space.items():
        given = parameters[key]
        found[key] = values[given] if isinstance(values, list) else Choice(given, given)
    return found


def _without_password(storage: str) -> str:
    scheme, separator, rest = storage.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else storage
