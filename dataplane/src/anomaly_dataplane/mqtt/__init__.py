"""Metrics from an MQTT broker: a consumer beside the HTTP routes, acknowledging after the commit.

`connection.py` is one connection, `messages.py` what a message says, `consumer.py` the stage that
`app.py` builds and `serve.py` runs. docs/mqtt.md is for users.
"""
