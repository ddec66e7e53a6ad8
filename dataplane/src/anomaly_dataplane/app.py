"""Composition root: builds the stages in the order of the data flow."""
