"""Series that stop reporting: found, told once, by whichever pod looks after their partition."""
