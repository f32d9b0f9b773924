"""Parts of the story scenario: the plan, what counts as a word, and the writers."""
