"""The verbs: each takes a model or a problem and returns a result."""
