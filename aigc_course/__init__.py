"""What teachers and maintainers run: command line, checks, grading, reports, training."""
