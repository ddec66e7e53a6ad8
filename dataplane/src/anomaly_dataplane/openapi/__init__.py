"""The OpenAPI description of the public routes: pure builders, served by `handler.py`."""
