"""Benchmarks: ``python -m fp8lab.bench codec``: ratios against a named peer."""
