"""One connection to the broker: paho's MQTT 5 client, driven by the event loop.

`consumer.py` makes one after the other. It is paho without the usual wrapper, since that reads on
however full its queue is, and acknowledges by itself; both are what this stage is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from anomaly_dataplane.mqtt.messages import Message
from anomaly_dataplane.store.access import Login

ANSWER_SECONDS = 10.0
"""For the broker to accept a connection, or to answer any other question."""
KEEPALIVE_SECONDS = 30
_TICK_SECONDS = 1.0
_PACKETS_AT_ONCE = 64
_PACKET_ROOM_BYTES = 65_536
"""Of topic and properties, beside the payload."""


class BrokerUnavailable(Exception):
    """The broker cannot be reached, refuses us, or the connection was lost."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of the broker.

    Attributes:
        client_id: of this pod, the same after a restart in its place.
        max_in_flight: messages it may have sent and not yet got acknowledged.
        max_payload_bytes: of one message.
        max_held_bytes: of messages that are not yet done with; beyond it reading stops.
        session_expiry_seconds: how long it keeps the session once the connection is gone.
    """

    host: str
    port: int
    client_id: str
    max_in_flight: int
    max_payload_bytes: int
    max_held_bytes: int
    session_expiry_seconds: int


class Connection:
    """Opens once, and is of no use after it was lost.

    Args:
        terms: see there.
        login: credentials, and TLS if wanted.
        deliver: is given each message, on the event loop, while reading is not paused.

    Attributes:
        resumed: the broker knew our session and goes on with it.
        lost: done, with the reason as its result, once the connection is gone.
    """

    def __init__(self, terms: Terms, login: Login, deliver: Callable[[Message], None]) -> None:
        self._terms = terms
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.resumed = False
        self._deliver = deliver
        self._delivered = 0
        self._paused = False
        self._fd = -1
        self._connected: asyncio.Future[str] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._tick: asyncio.Task[None] | None = None
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=terms.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = ANSWER_SECONDS
        if login.username is not None or login.password is not None:
            client.username_pw_set(login.username or "", login.password)
        if login.tls is not None:
            client.tls_set_context(login.tls)
        # Before paho closes the socket, whose number may then be another's.
        client.on_socket_close = lambda *_: self._detach()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_answer
        client.on_unsubscribe = self._on_answer
        self._client = client

    async def open(self) -> None:
        """Connect, going on with an earlier session if the broker has one.

        Raises:
            BrokerUnavailable: saying why.
        """
        wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wanted.ReceiveMaximum = self._terms.max_in_flight
        wanted.MaximumPacketSize = self._terms.max_payload_bytes + _PACKET_ROOM_BYTES
        wanted.SessionExpiryInterval = self._terms.session_expiry_seconds

        def connect() -> None:  # resolves the name and shakes hands, and would block the loop
            self._client.connect(
                self._terms.host,
                self._terms.port,
                KEEPALIVE_SECONDS,
                clean_start=False,
                properties=wanted,
            )

        try:
            await asyncio.to_thread(connect)
            sock = self._client.socket()
            if sock is None:
                raise BrokerUnavailable("the connection was closed at once")
            self._fd = sock.fileno()
            self._loop.add_reader(self._fd, self._read)
            self._tick = self._loop.create_task(self._keep_alive())
            self._flush()
            async with asyncio.timeout(ANSWER_SECONDS):
                refusal = await self._connected
        except TimeoutError:
            raise BrokerUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from None
        except (OSError, ValueError) as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from None
        if refusal:
            raise BrokerUnavailable(refusal)

    async def subscribe(self, filters: list[str]) -> None:
        """Subscribe at QoS 1; what a topic was left with is not asked for.

        Raises:
            BrokerUnavailable: it refuses one of the filters, or is gone.
        """
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        _, mid = self._client.subscribe([(each, options) for each in filters])
        for each, code in zip(filters, await self._answer(mid), strict=True):
            if code.is_failure:
                raise BrokerUnavailable(f"the subscription to {each} was refused: {code}")

    async def unsubscribe(self, filters: list[str]) -> None:
        """End the subscriptions; what the broker has queued for us still comes.

        Raises:
            BrokerUnavailable: it is gone.
        """
        _, mid = self._client.unsubscribe(filters)
        await self._answer(mid)

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is done with, unless the connection is gone."""
        if message.qos and not self.lost.done():
            self._client.ack(message.mid, message.qos)
            self._flush()

    def pause(self, paused: bool) -> None:
        """Stop reading from the socket, or go on."""
        if paused == self._paused or self._fd < 0:
            return
        self._paused = paused
        if paused:
            self._loop.remove_reader(self._fd)
        else:
            self._loop.add_reader(self._fd, self._read)

    async def close(self, *, forget: bool) -> None:
        """Close the connection; with `forget` the broker ends the session at once."""
        with contextlib.suppress(OSError, ValueError):
            if self._fd >= 0 and not self.lost.done():
                about = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
                if forget:
                    about.SessionExpiryInterval = 0
                self._client.disconnect(properties=about)
                self._flush()
        self._gone("closed")
        # Closes the socket if the broker has not yet.
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    async def _answer(self, mid: int | None) -> list[ReasonCode]:
        if mid is None:
            raise BrokerUnavailable("not connected")
        answer: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._answers[mid] = answer
        self._flush()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                either: list[asyncio.Future[Any]] = [answer, self.lost]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise BrokerUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from None
        finally:
            self._answers.pop(mid, None)
        if not answer.done():
            raise BrokerUnavailable(self.lost.result())
        return answer.result()

    def _read(self) -> None:
        """Read what has come, packet by packet, for one turn of the loop."""
        for _ in range(_PACKETS_AT_ONCE):
            before = self._delivered
            try:
                code = self._client.loop_read()
            except Exception as error:  # paho's own: broken packets, sockets, TLS
                self._gone(f"{type(error).__name__}: {error}")
                return
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._gone(paho.error_string(code))
                return
            sock = self._client.socket()
            pending = getattr(sock, "pending", None)
            if self._delivered == before and not (pending is not None and pending()):
                return
            if self._paused or self.lost.done():
                return

    def _flush(self) -> None:
        """Write what paho has queued, now or once the socket takes it."""
        if self._fd < 0 or self.lost.done():
            return
        try:
            if self._client.want_write():
                self._client.loop_write()
            if self._client.want_write():
                self._loop.add_writer(self._fd, self._write)
        except Exception as error:
            self._gone(f"{type(error).__name__}: {error}")

    def _write(self) -> None:
        self._loop.remove_writer(self._fd)
        self._flush()

    async def _keep_alive(self) -> None:
        """Let paho ping; while reading is paused, read a packet now and then to see the answer."""
        ticks = 0
        while not self.lost.done():
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1
            code = self._client.loop_misc()
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._gone(paho.error_string(code))
                return
            self._flush()
            if self._paused and ticks % (KEEPALIVE_SECONDS // 4) == 0:
                self._read()

    def _detach(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = -1

    def _gone(self, reason: str) -> None:
        self._detach()
        if self._tick is not None and self._tick is not asyncio.current_task():
            self._tick.cancel()
        if not self._connected.done():
            self._connected.set_result(reason)
        if not self.lost.done():
            self.lost.set_result(reason)

    def _on_connect(
        self, _: paho.Client, __: object, flags: paho.ConnectFlags, code: ReasonCode, ___: object
    ) -> None:
        self.resumed = flags.session_present
        if not self._connected.done():
            self._connected.set_result(f"refused: {code}" if code.is_failure else "")

    def _on_disconnect(
        self, _: paho.Client, __: object, ___: object, code: ReasonCode, ____: object
    ) -> None:
        self._gone(f"lost: {code}")

    def _on_answer(
        self, _: paho.Client, __: object, mid: int, codes: list[ReasonCode], ___: object
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(list(codes))

    def _on_message(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        self._delivered += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:  # no broker passes it on
            topic = "\ufffd"
        self._deliver(
            Message(
                topic,
                bytes(message.payload),
                message.qos,
                message.mid,
                message.dup,
                message.retain,
                time.perf_counter(),
            )
        )
