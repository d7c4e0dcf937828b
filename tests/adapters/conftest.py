"""Makes `looks` importable from the adapters' tests; each adapter's folder also runs alone."""
