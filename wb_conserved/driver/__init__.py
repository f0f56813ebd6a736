"""How a run is cut into chunks, handed out to ranks, summed, written to disk and refined; `wb_conserved.run` uses it."""
