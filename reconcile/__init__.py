"""Compares the two databases and repairs PostgreSQL; stands alone, without Pulumi."""
