"""The statements of sessions, from queued to done, for asynchronous execution and status polling.

A session's statements run one after the other, each in its own task, so that a client may request the result later,
query the state, or abort the statement. A repeated request, as after a broken connection, joins the statement that it
began. Does not know SQL or databases: the caller passes the function that runs a statement.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

Answer = dict[str, Any]
Execute = Callable[["Query"], Awaitable[Answer]]

STATUSES = {"queued": "QUEUED", "resuming": "RESUMING_WAREHOUSE", "running": "RUNNING"}
"""The service's names of the states in which a statement can be held, in order."""
RESULT_SECONDS = 20.0
"""Seconds that a request waits for the result; then the client must poll."""
REMEMBERED = 1000
"""The number of latest statements that are remembered."""
POLL_SECONDS = 0.01
"""Seconds between two checks whether a held statement may continue."""
CANCELED = (604, "57014", "SQL execution canceled")


class Query:
    """One statement of a session.

    Attributes:
        id: Its id in the service.
        session: The token of its session.
        statement: Its text.
        status: Its state, by the service's name.
        answer: The answer for the client, once it is done.
        aborted: Whether its end was requested.
        executing: Whether it has its session's turn, and the database.
    """

    def __init__(self, session: str, statement: str) -> None:
        self.id = str(uuid.uuid4())
        self.session, self.statement = session, statement
        self.status = "QUEUED"
        self.answer: Answer | None = None
        self.aborted = False
        self.done = asyncio.Event()
        self.executing = False
        self.task: asyncio.Task[None] | None = None  # a task without references may be collected
        self.ending: asyncio.Task[None] | None = None

    async def result(self) -> Answer:
        """Return the answer, or, if it takes longer than a request waits, one that the statement is in progress."""
        try:
            await asyncio.wait_for(self.done.wait(), RESULT_SECONDS)
        except TimeoutError:
            return self.in_progress("333333")
        assert self.answer is not None
        return self.answer

    def in_progress(self, code: str) -> Answer:
        """Return the answer with the address at which a client gets the result later."""
        data = {"queryId": self.id, "getResultUrl": f"/queries/{self.id}/result", "queryAbortsAfterSecs": 300}
        return {"data": {**data, "progressDesc": None}, "code": code, "message": "in progress", "success": True}

    def monitoring_answer(self) -> Answer:
        """Return the service's answer to a request for a query's state."""
        failed = self.answer is not None and not self.answer["success"]
        code, message = (self.answer["code"], self.answer["message"]) if failed and self.answer else ("", "")
        return {
            "id": self.id,
            "sqlText": self.statement,
            "status": self.status,
            "state": self.status,
            "errorCode": code,
            "errorMessage": message,
        }


class Queries:
    """The latest statements.

    Args:
        held_at: Returns whether statements must stay in a state.
        interrupt: Interrupts the running statement of a session, by its token.
    """

    def __init__(self, held_at: Callable[[str], bool], interrupt: Callable[[str], None]) -> None:
        self._held_at, self._interrupt = held_at, interrupt
        self._queries: dict[str, Query] = {}
        self._requests: dict[tuple[str, str], Query] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def get(self, identity: str) -> Query | None:
        """Return the query of that id, if it is known."""
        return self._queries.get(identity)

    def begun_by(self, session: str, request: str) -> Query | None:
        """Return the query that an earlier request of `session` with the same id began, if there is one."""
        return self._requests.get((session, request)) if request else None

    def begin(self, session: str, request: str, statement: str, execute: Execute, *, holdable: bool) -> Query:
        """Begin a statement, and return it at once.

        Args:
            session: The token of its session.
            request: The id of the client's request; empty if there is none.
            statement: Its text.
            execute: Runs it, and returns the answer for the client.
            holdable: Whether it stays in a state for as long as `held_at` says.
        """
        query = Query(session, statement)
        self._queries[query.id] = self._requests[session, request] = query
        if len(self._queries) > REMEMBERED:
            del self._queries[next(iter(self._queries))]
            del self._requests[next(iter(self._requests))]
        query.task = asyncio.create_task(self._run(query, execute, holdable))
        return query

    async def _run(self, query: Query, execute: Execute, holdable: bool) -> None:
        try:
            async with self.turn(query.session):
                for state, status in STATUSES.items():
                    query.status = status
                    while holdable and self._held_at(state) and not query.aborted:
                        await asyncio.sleep(POLL_SECONDS)
                query.executing = True
                answer = failure(*CANCELED) if query.aborted else await execute(query)
                if query.aborted and not answer["success"]:
                    answer = failure(*CANCELED)
        except Exception as error:  # an error of the server, which is reported to the waiting client
            answer = failure(603, "XX000", f"the embedded server failed: {error!r}")
        if isinstance(answer.get("data"), dict):
            answer["data"]["queryId"] = query.id
        query.answer = answer
        query.status = "SUCCESS" if answer["success"] else "FAILED_WITH_ERROR"
        query.done.set()

    def turn(self, session: str) -> asyncio.Lock:
        """Return the lock that orders the statements of a session."""
        return self._turns.setdefault(session, asyncio.Lock())

    def abort(self, query: Query) -> None:
        """End a statement, and undo its changes."""
        if query.answer is None and not query.aborted:
            query.aborted = True
            query.ending = asyncio.create_task(self._end(query))

    async def _end(self, query: Query) -> None:
        # Repeat until it has ended, because an interruption just before the database begins is lost.
        while query.answer is None:
            if query.executing:
                self._interrupt(query.session)
            await asyncio.sleep(POLL_SECONDS)

    async def end(self, session: str) -> None:
        """Abort the statements of a session, and wait until none runs."""
        mine = [query for query in self._queries.values() if query.session == session and query.answer is None]
        for query in mine:
            self.abort(query)
        for query in mine:
            await query.done.wait()
        self._turns.pop(session, None)


def failure(number: int, state: str, message: str) -> Answer:
    """Return the answer that makes the connector raise a ProgrammingError."""
    code = f"{number:06d}"
    data = {"errorCode": code, "sqlState": state}
    return {"data": data, "code": code, "message": message, "success": False}
