# SPDX-License-Identifier: MIT
"""A coroutine is stepped once before a Task is made, and cannot tell the difference."""

import asyncio
import contextvars
import sys

import pytest
from libevents._step import step

pytestmark = pytest.mark.asyncio
colour = contextvars.ContextVar("colour", default="none")


async def stepped(coroutine, context=None):
    """Steps in a callback of the loop, as the library does; gives what `step` gave, or raises."""
    loop = asyncio.get_running_loop()
    outcome = loop.create_future()

    def callback():
        try:
            outcome.set_result(step(loop, coroutine, context or contextvars.copy_context()))
        except BaseException as error:
            outcome.set_exception(error)

    loop.call_soon(callback)
    return await outcome


async def test_a_coroutine_that_does_not_wait_costs_no_task():
    before = asyncio.all_tasks()
    seen = []

    async def handler():
        seen.append(asyncio.all_tasks() == before)

    assert await stepped(handler()) is None
    assert seen == [True]


async def test_one_that_waits_goes_on_in_a_task():
    future = asyncio.get_running_loop().create_future()

    async def handler():
        return await future + 1

    task = await stepped(handler())
    assert isinstance(task, asyncio.Task) and not task.done()
    future.set_result(1)
    assert await task == 2


async def test_several_may_wait_for_the_same_future():
    future = asyncio.get_running_loop().create_future()

    async def handler():
        return await future

    tasks = await asyncio.gather(*(stepped(handler()) for _ in range(3)))
    future.set_result(1)
    assert await asyncio.gather(*tasks) == [1, 1, 1]


async def test_one_that_pauses_without_a_future_goes_on():
    async def handler():
        for _ in range(3):
            await asyncio.sleep(0)
        return "done"

    assert await (await stepped(handler())) == "done"


async def test_what_it_raises_at_once_is_raised():
    async def handler():
        raise LookupError("x")

    with pytest.raises(LookupError):
        await stepped(handler())


async def test_what_it_raises_later_is_the_result_of_the_task():
    async def handler():
        await asyncio.sleep(0)
        raise LookupError("x")

    with pytest.raises(LookupError):
        await (await stepped(handler()))


async def test_current_task_is_the_same_before_and_after_the_first_pause():
    seen = []

    async def handler():
        first = asyncio.current_task()
        assert isinstance(first, asyncio.Task)
        await asyncio.sleep(0)
        second = asyncio.current_task()
        seen.append((first == second, hash(first) == hash(second), first in asyncio.all_tasks()))

    task = await stepped(handler())
    await task
    assert seen == [(True, True, True)]


async def test_no_current_task_is_left_behind():
    async def handler():
        asyncio.current_task().get_name()

    loop = asyncio.get_running_loop()
    await stepped(handler())
    seen = loop.create_future()
    loop.call_soon(lambda: seen.set_result(asyncio.current_task(loop)))
    assert await seen is None


async def test_a_task_asked_for_in_a_first_step_that_ends_gets_its_result():
    async def handler():
        assert asyncio.current_task().get_name()
        return 5

    assert await (await stepped(handler())) == 5


async def test_a_task_asked_for_in_a_first_step_that_raises_gets_its_error():
    async def handler():
        asyncio.current_task().get_name()
        raise LookupError("x")

    with pytest.raises(LookupError):
        await (await stepped(handler()))


async def test_cancel_before_the_task_ran_cancels_what_it_waits_for():
    inner = asyncio.get_running_loop().create_future()
    steps = []

    async def handler():
        try:
            await inner
        except asyncio.CancelledError:
            steps.append("cleaned up")
            raise

    loop = asyncio.get_running_loop()
    made = loop.create_future()

    def callback():
        task = step(loop, handler(), contextvars.copy_context())
        task.cancel()
        made.set_result(task)

    loop.call_soon(callback)
    task = await made
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner.cancelled() and steps == ["cleaned up"]


async def test_cancel_may_be_refused_by_the_coroutine():
    async def handler():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "refused"

    task = await stepped(handler())
    task.cancel()
    assert await task == "refused"


async def test_a_task_that_cancels_itself_in_its_first_step_is_cancelled_at_its_pause():
    async def handler():
        asyncio.current_task().cancel()
        await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        await (await stepped(handler()))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout and TaskGroup are newer")
async def test_timeout_and_task_group_work_from_the_first_line():
    async def handler():
        async with asyncio.TaskGroup() as group:
            child = group.create_task(asyncio.sleep(0, "child"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        return child.result()

    assert await (await stepped(handler())) == "child"


async def test_wait_for_and_shield_work_from_the_first_line():
    async def handler():
        await asyncio.shield(asyncio.sleep(0))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), 0.01)
        return "ok"

    assert await (await stepped(handler())) == "ok"


async def test_context_variables_live_through_the_pause():
    async def handler():
        token = colour.set("red")
        await asyncio.sleep(0)
        found = colour.get()
        colour.reset(token)
        return found, colour.get()

    context = contextvars.copy_context()
    context.run(colour.set, "blue")
    assert await (await stepped(handler(), context)) == ("red", "blue")
    assert colour.get() == "none"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_signals_of_the_host_pass_through(kind):
    async def handler():
        raise kind()

    loop = asyncio.get_running_loop()
    caught = loop.create_future()

    def callback():
        try:
            step(loop, handler(), contextvars.copy_context())
        except kind as error:
            caught.set_result(type(error))

    loop.call_soon(callback)
    assert await caught is kind
