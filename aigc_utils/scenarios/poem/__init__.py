"""Parts of the poet: who writes, what exists already, and English verse."""
