"""What runs inside the sandbox, beside the submission and with no more rights than it has."""
