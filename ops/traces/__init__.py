"""`cdc trace`: the way of one change through the pipeline, as Jaeger has seen it."""
