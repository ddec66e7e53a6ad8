"""From the outbox to people: which anomalies are one alert, and who is told of it, when.

    outbox ─► stage ─► episodes ─► groups ─► notices ─► ledger ─► delivery/
              take     one alert   alerts    what is    one atomic  Alertmanager: what is open now
              (lease)  a series    of a      due to     step with   webhooks: each notice, from a
                       and side    device    be told    the XACK    queue in Redis

One pod at a time looks after a partition: it holds the partition's lease, and every change checks
that it still does. `alert.py`, `episodes.py`, `groups.py` and `notices.py` are pure; `ledger.py` is
the Protocol of what is kept in Redis, or in memory for a pod without it.
"""
