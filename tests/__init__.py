"""The tests of fp8lab; shared helpers are imported as `tests.<module>`."""
