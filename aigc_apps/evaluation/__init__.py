"""One frame for all verdicts of chapters 6 to 8: claims, items, intervals, one decision."""
