"""Who is told: Alertmanagers of what is open now, webhooks of each notice by itself.

Each receiver has a task of its own, so that none waits for another, and none of them for ingest.
"""
