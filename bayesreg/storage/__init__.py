"""Saved results: one checksummed file of arrays and JSON, written atomically, never pickled."""

from bayesreg.data.container import Payload, load_payload, save_payload, writable
from bayesreg.data.fields import below, checked, put_together, taken_apart, under, understood
from bayesreg.storage.contents import (
    draws_from_payload,
    draws_to_payload,
    problem_from_payload,
    problem_to_payload,
    question_from_json,
    question_to_json,
    refuse_overflow,
    run_from_payload,
    run_to_payload,
    source_from_payload,
    source_to_payload,
)
from bayesreg.storage.records import model_from_json, model_to_json

__all__ = [
    "Payload",
    "below",
    "checked",
    "draws_from_payload",
    "draws_to_payload",
    "load_payload",
    "model_from_json",
    "model_to_json",
    "problem_from_payload",
    "problem_to_payload",
    "put_together",
    "question_from_json",
    "question_to_json",
    "refuse_overflow",
    "run_from_payload",
    "run_to_payload",
    "save_payload",
    "source_from_payload",
    "source_to_payload",
    "taken_apart",
    "under",
    "understood",
    "writable",
]
