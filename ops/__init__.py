"""The operator's command line `cdc`: what the Makefile's targets run."""
