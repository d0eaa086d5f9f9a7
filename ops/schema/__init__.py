"""`cdc schema`: do the source tables fit what follows them."""
