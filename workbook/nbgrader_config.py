"""nbgrader's settings for this workbook: copy it beside a folder ``source``.

source/04/04_vae_math.ipynb        from workbook/solutions
nbgrader generate_assignment 04    makes release/04, for students
nbgrader autograde 04              grades submitted/NAME/04
"""

c = get_config()  # noqa: F821 - nbgrader defines it

# Untouched stubs run without an exception and say that nothing was answered yet.
c.ClearSolutions.code_stub = {"python": "# your code here"}
# A cell may wait for TensorFlow; nbgrader's own limit is 30 seconds.
c.Execute.timeout = 300
