"""What makes a kernel look like Colab's: its package is loaded before any cell runs."""

import google.colab  # noqa: F401
