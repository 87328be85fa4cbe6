"""What a demonstration returns, and the door by which its picture is drawn."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.plots import canvas

DPI = 110


class Record(ABC):
    """The numbers of a picture, what it says in one sentence, and the picture itself."""

    picture: ClassVar[str]

    @property
    @abstractmethod
    def says(self) -> str:
        """What the picture shows, in one sentence with the numbers in it."""

    @property
    @abstractmethod
    def alt(self) -> str:
        """The picture in words, for whoever cannot see it."""

    def plot(self, ax: Any = None, **style: Any) -> Any:
        """Draw it: the axes, or an array of them where it has several panels."""
        return drawing(self.picture)(self, ax, **style)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.says}"

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        """In a notebook a record is its picture; `alt` is where screen readers find it.

        That is the ``alt`` of the output's metadata, which nbconvert and Colab read; others read
        the text beside the picture, which is the sentence.
        """
        with canvas.style():
            drawn = np.ravel(np.asarray(self.plot(), dtype=object))
            return canvas.png(drawn[0].figure, DPI), {"alt": self.alt}


def drawing(name: str) -> Callable[..., Any]:
    """The function that draws a picture."""
    found: Callable[..., Any] = getattr(
        import_module(f"bayesreg.plots.demonstrations.{name}"), f"plot_{name}"
    )
    return found


def door(compute: Callable[..., Any]) -> Callable[..., Any]:
    """The public ``plot_NAME``: it draws a record, and of anything else computes it first.

    Parameters
    ----------
    compute : function
        ``demonstrate.NAME``. Its arguments are the door's, beside `ax` and the style of the
        drawing.

    Returns
    -------
    function
        Axes, or an array of them.
    """
    name, draw = compute.__name__, drawing(compute.__name__)
    asked = inspect.signature(compute).parameters
    style = list(inspect.signature(draw).parameters.values())[1:]

    def plot(*data: Any, ax: Any = None, **options: Any) -> Any:
        if data and isinstance(data[0], Record):
            record, *place = data
            if record.picture != name:
                raise BadArgument(
                    f"plot_{name}() draws what demonstrate.{name}() returns, and this is a "
                    f"{type(record).__name__}: br.plot_{record.picture}() draws it"
                )
            return record.plot(*place or (ax,), **options)
        here = {key: options.pop(key) for key in list(options) if key in asked}
        return compute(*data, **here).plot(ax, **options)

    parameters = {one.name: one for one in asked.values()}
    parameters |= {one.name: one.replace(kind=one.KEYWORD_ONLY) for one in style}
    plot.__name__ = plot.__qualname__ = f"plot_{name}"
    plot.__module__ = compute.__module__.rpartition(".")[0]
    plot.__doc__ = _described(name, draw)
    plot.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        sorted(parameters.values(), key=lambda one: one.kind)
    )
    return explained(plot)


def _described(name: str, draw: Callable[..., Any]) -> str:
    """The docstring of the drawing, and that data are taken as well as the record."""
    lead, _, rest = inspect.cleandoc(draw.__doc__ or "").partition("\n\n")
    data = (
        f"Takes what ``demonstrate.{name}`` returns, or else what that function takes: then the "
        "record\nis computed first."
    )
    return "\n\n".join(part for part in (lead, data, rest) if part)
