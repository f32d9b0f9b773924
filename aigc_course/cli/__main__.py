"""`python -m aigc_course.cli`, where the command itself is not on the path."""

from aigc_course.cli import main

main()
