"""Certificates of the stack's servers, and what its clients trust."""
