"""Stores: rows that stay in files, databases and clusters, and arrive in batches of columns."""

from bayesreg.data.stores.base import Source, folded
from bayesreg.data.stores.recognise import source_of

__all__ = ["Source", "folded", "source_of"]
