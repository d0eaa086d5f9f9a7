"""Builds tools and images on a machine that reaches package registries only."""
