"""Makes the modules beside this file (test doubles shared by the suites) importable."""
