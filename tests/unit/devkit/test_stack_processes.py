import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.processes import is_alive
from tests.support.waiting import eventually_async

from devkit.stack.child import Child
from devkit.stack.ports import free_ports
from devkit.stack.processes import Supervisor
from devkit.stack.server_process import CannotStart

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
HAS_A_CHILD = f"""
import subprocess, sys
print('grandchild', subprocess.Popen([sys.executable, '-c', "import time; time.sleep(60)"]).pid)
{SLEEPS}
"""
ANNOUNCES_ITS_END = """
import os, signal, sys, time
def leave(*_): time.sleep(0.05); os.write(1, b'ending\\n'); sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print('up', flush=True)
time.sleep(60)
"""


def python(name: str, code: str, *arguments: str, restart: bool = True) -> Child:
    return Child(name, [sys.executable, "-c", code, *arguments], dict(os.environ), restart)


async def test_a_killed_child_is_started_again_and_counted() -> None:
    out = io.StringIO()
    async with Supervisor(out) as children:
        await children.start(python("sender", SLEEPS))
        first, started_at = children.pid("sender"), children.started_at("sender")
        children.kill("sender")
        await eventually_async(lambda: children.restarts("sender") == 1)
        await eventually_async(lambda: out.getvalue().count("up") == 1)
        assert is_alive(children.pid("sender"))
        assert children.pid("sender") != first
        assert children.started_at("sender") - started_at >= 0.2
    assert "sender       | ended with -9, starting again in 0.2 s\n" in out.getvalue()


async def test_a_child_that_keeps_failing_is_restarted_ever_more_slowly() -> None:
    out = io.StringIO()
    async with Supervisor(out) as children:
        await children.start(python("sender", "raise SystemExit(3)"))
        await eventually_async(lambda: children.restarts("sender") == 2)
    delays = [line.split()[-2] for line in out.getvalue().splitlines() if "again" in line]
    assert delays[:2] == ["0.2", "0.4"]


async def test_a_child_that_must_not_restart_ends_with_its_code() -> None:
    async with Supervisor(io.StringIO()) as children:
        await children.start(python("migrate", "raise SystemExit(3)", restart=False))
        assert await children.wait("migrate") == 3
        assert children.restarts("migrate") == 0


async def test_both_outputs_are_shown_with_the_childs_name() -> None:
    out = io.StringIO()
    code = "import sys; print('hello'); sys.stdout.flush(); print('oh', file=sys.stderr)"
    async with Supervisor(out) as children:
        await children.start(python("router", code, restart=False))
        await children.wait("router")
    assert out.getvalue() == "router       | hello\nrouter       | oh\n"


async def test_children_are_stopped_in_reverse_order() -> None:
    out = io.StringIO()
    async with Supervisor(out) as children:
        for name in ("first", "second", "third"):
            await children.start(python(name, ANNOUNCES_ITS_END))
        await eventually_async(lambda: out.getvalue().count("up") == 3)
    ended = [line.split()[0] for line in out.getvalue().splitlines() if "ending" in line]
    assert ended == ["third", "second", "first"]


async def test_a_named_child_stops_for_good_and_can_be_started_anew() -> None:
    async with Supervisor(io.StringIO()) as children:
        await children.start(python("router", SLEEPS))
        await children.start(python("sender", SLEEPS))
        stopped = children.pid("sender")
        await children.stop("sender")
        assert not is_alive(stopped)
        assert is_alive(children.pid("router"))
        await children.start(python("sender", SLEEPS))
        assert is_alive(children.pid("sender"))


async def test_a_child_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    out = io.StringIO()
    async with Supervisor(out, grace=0.1) as children:
        await children.start(python("stubborn", STUBBORN))
        await eventually_async(lambda: "up" in out.getvalue())
        pid = children.pid("stubborn")
    assert not is_alive(pid)


async def test_a_childs_own_children_end_with_it() -> None:
    out = io.StringIO()
    async with Supervisor(out) as children:
        await children.start(python("parent", HAS_A_CHILD, restart=False))
        await eventually_async(lambda: "up" in out.getvalue())
        grandchild = int(out.getvalue().split()[3])
        assert is_alive(grandchild)
        children.kill("parent")
        assert await children.wait("parent") == -signal.SIGKILL
        await eventually_async(lambda: not is_alive(grandchild))


async def test_an_exception_leaves_no_child_behind() -> None:
    pids = []

    async def failing() -> None:
        async with Supervisor(io.StringIO()) as children:
            await children.start(python("sender", SLEEPS))
            pids.append(children.pid("sender"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    assert not is_alive(pids[0])


async def test_a_child_waiting_for_its_next_start_does_not_hold_up_the_stop() -> None:
    out = io.StringIO()
    async with Supervisor(out) as children:
        await children.start(python("sender", "raise SystemExit(1)"))
        await eventually_async(lambda: "again in 0.8 s" in out.getvalue())
        begun = time.monotonic()
        await children.stop()
    assert time.monotonic() - begun < 0.4


async def test_ready_is_waited_for() -> None:
    port = free_ports(1)[0]
    code = "import http.server as h, sys; h.test(h.SimpleHTTPRequestHandler, port=int(sys.argv[1]))"
    async with Supervisor(io.StringIO()) as children:
        await children.start(python("web", code, str(port)))
        await children.wait_ready("web", f"http://127.0.0.1:{port}/", deadline=10)
        with pytest.raises(CannotStart):  # 404 is not ready
            await children.wait_ready("web", f"http://127.0.0.1:{port}/absent", deadline=0.3)


async def test_waiting_for_a_child_that_ended_fails_at_once_with_its_last_words() -> None:
    code = "raise SystemExit('KEY_RING_FILE is missing')"
    async with Supervisor(io.StringIO()) as children:
        await children.start(python("sender", code, restart=False))
        with pytest.raises(CannotStart, match="KEY_RING_FILE is missing"):
            await children.wait_ready("sender", "http://127.0.0.1:1/ready", deadline=60)


async def test_a_program_that_does_not_exist_is_an_error() -> None:
    async with Supervisor(io.StringIO()) as children:
        with pytest.raises(FileNotFoundError):
            await children.start(Child("ghost", ["/nowhere/ghost"], {}))


SUPERVISING = f"""
import asyncio, os, sys
from devkit.stack.child import Child
from devkit.stack.processes import Supervisor
async def main():
    async with Supervisor(sys.stderr) as children:
        for name in ("a", "b"):
            await children.start(Child(name, [sys.executable, "-c", {SLEEPS!r}], dict(os.environ)))
        print(children.pid("a"), children.pid("b"), flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda n: n.name
)
async def test_whatever_ends_the_supervisor_ends_its_children(
    number: signal.Signals, tmp_path: Path
) -> None:
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells children that their parent was killed")
    script = tmp_path / "supervising.py"
    script.write_text(SUPERVISING)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(pid) for pid in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_alive, pids))
        supervisor.send_signal(number)
        supervisor.wait(30)
        await eventually_async(lambda: not any(map(is_alive, pids)))
