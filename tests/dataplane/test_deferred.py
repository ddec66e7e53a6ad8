"""Packages whose `__init__` waits until it is needed, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

DEFER = "import sys\nfrom anomaly_dataplane.deferred import defer\n"


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", DEFER + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("package", "module", "name", "left_out"),
    [
        ("aiohttp", "web", "ClientSession", "aiohttp.client"),
        ("prometheus_client", "registry", "generate_latest", "prometheus_client.exposition"),
    ],
)
def test_a_package_is_whole_once_somebody_needs_more_than_a_module_of_it(
    package: str, module: str, name: str, left_out: str
) -> None:
    """Until then the rest is not there; afterwards it is as if nothing had been deferred."""
    assert run(
        f"print(defer({package!r}))\n"
        f"import {package}.{module}\n"
        f"from {package} import {module}\n"
        f"print({left_out!r} in sys.modules)\n"
        f"from {package} import {name}\n"
        f"print({left_out!r} in sys.modules, {name}.__module__.startswith({package!r}))\n"
        f"print(type({package}).__name__, {package}.{module} is {module})\n"
        f"print(all(hasattr({package}, each) for each in {package}.__all__))\n"
    ).split() == ["True", "False", "True", "True", "module", "True", "True"]


def test_a_deferred_client_works() -> None:
    """The client that was imported late talks to the server that was imported early."""
    assert (
        run(
            "defer('aiohttp')\n"
            "import asyncio\n"
            "from aiohttp import web\n"
            "async def hello(_): return web.Response(text='hello')\n"
            "async def main():\n"
            "    app = web.Application()\n"
            "    app.router.add_get('/', hello)\n"
            "    runner = web.AppRunner(app)\n"
            "    await runner.setup()\n"
            "    site = web.TCPSite(runner, '127.0.0.1', 0)\n"
            "    await site.start()\n"
            "    import aiohttp\n"
            "    async with aiohttp.ClientSession() as client:\n"
            "        port = runner.addresses[0][1]\n"
            "        async with client.get(f'http://127.0.0.1:{port}/') as answer:\n"
            "            print(await answer.text())\n"
            "    await runner.cleanup()\n"
            "asyncio.run(main())\n"
        )
        == "hello"
    )


def test_its_version_is_known_before() -> None:
    """`aiohttp` tells it to every client, by way of its package."""
    assert run(
        "defer('aiohttp')\n"
        "from aiohttp.http import SERVER_SOFTWARE\n"
        "print(SERVER_SOFTWARE, 'aiohttp.client' in sys.modules)\n"
    ).endswith(f"aiohttp/{version('aiohttp')} False")


def test_a_name_that_is_not_there_is_missed_as_ever() -> None:
    """With the error that every package raises."""
    assert (
        run(
            "defer('aiohttp')\n"
            "import aiohttp\n"
            "print(hasattr(aiohttp, 'no_such_thing'), 'aiohttp.client' in sys.modules)\n"
            "try: from aiohttp import no_such_thing\n"
            "except ImportError as error: print(error.name)\n"
        )
        == "False True\naiohttp"
    )


def test_what_is_imported_already_or_is_no_package_stays_as_it_is() -> None:
    """Nothing to gain, or nothing there."""
    assert (
        run(
            "import aiohttp\n"
            "print(defer('aiohttp'), defer('no_such_package'), defer('colorsys'))\n"
            "print('no_such_package' in sys.modules, aiohttp.ClientSession.__name__)\n"
        )
        == "False False False\nFalse ClientSession"
    )
