"""Four-part chorales: reading them, what may be said of them, writing them, sounding them.

Nothing here knows of models. music21 is imported when a file is read or written, never before.
"""
