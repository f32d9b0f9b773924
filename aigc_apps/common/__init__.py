"""What several applications of chapter 6 need: language models, their tokens, texts."""
