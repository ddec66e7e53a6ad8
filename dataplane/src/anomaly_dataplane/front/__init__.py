"""The short way of plain POSTs past the HTTP framework; `docs/decisions/0007` says why and how."""
