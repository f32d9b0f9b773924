"""Samples and frames a second of films, which all modules of the scenario share.

Each module knows nothing of the others: `frames` draws, `speech` reads aloud, `hearing` listens,
`sound` mixes, `container` encodes and looks into files. `make` joins them for chapter 6.4.
"""

from __future__ import annotations

RATE = 48_000
"""Samples a second of all sound; Opus knows no rate above it and AAC likes it."""

FRAME_RATE = 25
"""Frames a second: 40 ms each, which is also how far picture and sound may be apart."""
