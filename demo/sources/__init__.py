"""Where samples come from: a recorded series with real timestamps, and this very machine."""
