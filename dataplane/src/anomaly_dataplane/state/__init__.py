"""The state of a series: one flat block of float64, its layout, and the pod's cache of blocks."""
