"""What several applications need: language models, their tokens, texts."""
