"""Saved results: one checksummed file of arrays and JSON, written atomically, never pickled."""

from bayesreg.storage.container import Payload, load_payload, save_payload
from bayesreg.storage.contents import (
    draws_from_payload,
    draws_to_payload,
    problem_from_payload,
    problem_to_payload,
)
from bayesreg.storage.records import model_from_json, model_to_json

__all__ = [
    "Payload",
    "draws_from_payload",
    "draws_to_payload",
    "load_payload",
    "model_from_json",
    "model_to_json",
    "problem_from_payload",
    "problem_to_payload",
    "save_payload",
]
