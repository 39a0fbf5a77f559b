"""Where every page comes from: the templates, and how strings are put into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekd.errors import MissingPackage
from edgekd.report.units import clean

if TYPE_CHECKING:
    from jinja2 import Environment


def page_templates() -> Environment:
    """The folder ``templates``: every string is escaped, and a name that is missing is an error.

    Raises:
        MissingPackage: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingPackage(
            "jinja2 is not installed", mend='pip install "edgekd[report]"'
        ) from error
    return Environment(
        loader=PackageLoader("edgekd.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> Any:
    # Markup is a str too, but it has been rendered already and is clean.
    return clean(value) if type(value) is str else value
