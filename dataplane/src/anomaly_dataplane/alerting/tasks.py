"""What alerting runs in a pod: the stage, and a task for each receiver. Built by `app.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from anomaly_dataplane.alerting.delivery.alertmanager import AlertmanagerSender
from anomaly_dataplane.alerting.delivery.credentials import Credentials
from anomaly_dataplane.alerting.delivery.http import session
from anomaly_dataplane.alerting.delivery.webhook import WebhookSender
from anomaly_dataplane.alerting.ledger import Ledger
from anomaly_dataplane.alerting.stage import AlertingStage
from anomaly_dataplane.contract.config import PipelineConfig, Webhook
from anomaly_dataplane.observer import Observer

if TYPE_CHECKING:
    from aiohttp import ClientSession

RESTART_SECONDS = 5.0
"""After a defect of ours a task begins anew, rather than to leave people unaware."""

logger = logging.getLogger(__name__)


class AlertingTasks:
    """Alerting of one pod.

    Args:
        ledger: what is kept.
        config: of the pipeline.
        observer: is told what happens.
        secret_dir: where the Secrets of webhooks are.
        alertmanager_dir: where that of Alertmanagers is.
    """

    def __init__(
        self,
        ledger: Ledger,
        config: PipelineConfig,
        observer: Observer,
        secret_dir: Path,
        alertmanager_dir: Path,
    ) -> None:
        self.stage = AlertingStage(ledger, config.alerting, observer)
        self._ledger = ledger
        self._config = config
        self._observer = observer
        self._secret_dir = secret_dir
        peers = config.alerting.alertmanager
        self._credentials = Credentials(
            alertmanager_dir if peers.secret_ref.name else None,
            insecure=peers.tls.insecure_skip_verify,
        )

    def update(self, config: PipelineConfig) -> None:
        """Go by another config from now on; receivers stay those of the start."""
        self._config = config
        self.stage.update(config.alerting)

    def _credentials_of(self, webhook: Webhook) -> Credentials:
        folder = self._secret_dir / webhook.name if webhook.secret_ref.name else None
        return Credentials(folder, insecure=webhook.tls.insecure_skip_verify, signs=True)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run beside the body; afterwards other pods take over at once."""
        async with contextlib.AsyncExitStack() as stack:
            senders: list[AlertmanagerSender | WebhookSender] = []
            told = self._config.alerting
            if told.alertmanager.urls or told.webhooks:
                senders = self._senders(await stack.enter_async_context(session()))
            for sender in senders:
                self.stage.on_news(sender.bell.ring)
            runs = [self.stage.run, *(sender.run for sender in senders)]
            tasks = [asyncio.create_task(_for_ever(run)) for run in runs]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _senders(self, client: ClientSession) -> list[AlertmanagerSender | WebhookSender]:
        """One for each receiver."""
        config = self._config.alerting
        return [
            *(
                AlertmanagerSender(
                    url,
                    lambda: self._config,
                    self.stage.alerts,
                    client,
                    self._observer,
                    credentials=self._credentials,
                )
                for url in config.alertmanager.urls
            ),
            *(
                WebhookSender(
                    webhook,
                    lambda: self._config,
                    self._ledger,
                    lambda: self.stage.held,
                    client,
                    self._observer,
                    credentials=self._credentials_of(webhook),
                )
                for webhook in config.webhooks
            ),
        ]


async def _for_ever(run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
        except Exception:
            logger.exception("alerting met a defect and begins anew")
        await asyncio.sleep(RESTART_SECONDS)
