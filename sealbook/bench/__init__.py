"""Measurements behind `sealbook bench` (``docs/benchmarks.md``)."""
