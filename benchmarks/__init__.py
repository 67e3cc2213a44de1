"""How fast the product is, beside a limit that is measured in the same run. See docs/benchmarks.md."""
