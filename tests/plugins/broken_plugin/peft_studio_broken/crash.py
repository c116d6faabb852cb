"""Fails while it is imported."""

raise RuntimeError("the library ![x](http://127.0.0.1/x) is not there")
