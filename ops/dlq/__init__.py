"""The dead letter queue of the sink: look at what is in it, write its rows again, or give them up."""
