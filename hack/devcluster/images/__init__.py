"""Everything that becomes a container image: programs, a Debian base, the project itself."""
