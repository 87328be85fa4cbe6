"""Engine gibbs in NumPy: many chains, or strands of one chain, side by side in every array."""
