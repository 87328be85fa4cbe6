"""How a warning is given: at the line of the user, and once in a search of many fits."""

from __future__ import annotations

import os
import re
import sys
import warnings
from pathlib import Path
from types import FrameType

from bayesreg.language.errors import BayesregWarning

_HERE = f"{Path(__file__).parents[1]}{os.sep}"
_CALLERS = ("sklearn", "joblib")  # whose loops fit estimators of ours in the user's place
_SAID: set[tuple[str, int, str]] = set()


def warn(text: str, category: type[Warning] = BayesregWarning) -> None:
    """Warn at the first line outside this package, whichever function of ours noticed.

    Within a loop of scikit-learn's, such as a grid search, that is the line which began the search.
    There a text is said once for that line, whatever its numbers: each fold has others, and each
    fit would repeat it.

    Parameters
    ----------
    text : str
        What the reader must know, and what to do.
    category : type of Warning, default BayesregWarning
        As what it can be filtered.
    """
    loops = tuple(f"{Path(str(sys.modules[name].__file__)).parent}{os.sep}" for name in _loaded())
    frame: FrameType | None = sys._getframe(1)
    searched = False
    while frame is not None and frame.f_code.co_filename.startswith((_HERE, *loops)):
        searched |= not frame.f_code.co_filename.startswith(_HERE)
        frame = frame.f_back
    if searched:
        line = ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
        said = (*line, re.sub(r"[-+]?\d[\d.]*(e[-+]?\d+)?", "#", text))
        if said in _SAID:
            return
        _SAID.add(said)
    warnings.warn(text, category, skip_file_prefixes=(_HERE, *loops))


def _loaded() -> list[str]:
    return [name for name in _CALLERS if name in sys.modules]
