"""The canary: a row of its own that is written every few seconds, and seen to arrive on the other side."""
