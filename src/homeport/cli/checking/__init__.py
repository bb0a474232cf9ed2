"""``homeport check`` from its options to its exit code."""
