"""Answers questions that lead to further questions, be it in circles or in chains longer than Python's own stack."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Generic, Protocol, TypeVar

A = TypeVar("A")


class Question(Protocol):
    @property
    def key(self) -> Hashable:
        """Equal for the same question."""


Q = TypeVar("Q", bound=Question)


class Questions(Generic[Q, A]):
    """Keeps the answer to each question; ``steps`` asks by ``yield`` what it needs, and returns the answer.

    A question that comes back to one that is still open goes on without it. That nothing is found is then certain only
    once the whole circle is known (as in R. Tarjan, "Depth-first search and linear graph algorithms", 1972).
    """

    def __init__(self, steps: Callable[[Q], Generator[Q, A | None, A | None]]) -> None:
        self._steps = steps
        self._answers: dict[Hashable, A | None] = {}

    def answer(self, question: Q) -> A | None:
        key = question.key
        if key not in self._answers:
            _Search(self._steps, self._answers).run(question)
        return self._answers[key]

    def drive(self, steps: Generator[Q, A | None, A | None]) -> A | None:
        """What steps that are no question of their own come to."""
        answer: A | None = None
        while True:
            try:
                question = steps.send(answer)
            except StopIteration as stop:
                found: A | None = stop.value
                return found
            answer = self.answer(question)


class _Open(Generic[Q, A]):
    """A question that waits for others."""

    def __init__(self, key: Hashable, steps: Generator[Q, A | None, A | None], depth: int, unsure: int) -> None:
        self.key, self.steps = key, steps
        self.lowest = depth  # of the open questions that its answer had to do without
        self.unsure = unsure  # how many were unsure when it was asked


class _Search(Generic[Q, A]):
    """One question with all that it leads to."""

    def __init__(
        self, steps: Callable[[Q], Generator[Q, A | None, A | None]], answers: dict[Hashable, A | None]
    ) -> None:
        self._steps, self._answers = steps, answers
        self._open: list[_Open[Q, A]] = []
        self._depths: dict[Hashable, int] = {}  # of the open ones
        self._unsure: list[Hashable] = []  # without an answer, for want of the open one at this depth
        self._lowest: dict[Hashable, int] = {}  # of the unsure ones

    def run(self, root: Q) -> None:
        self._enter(root)
        answer: A | None = None
        while self._open:
            current = self._open[-1]
            try:
                question = current.steps.send(answer)
            except StopIteration as stop:
                answer = stop.value
                self._close(answer)
                continue
            key, answer = question.key, None
            if key in self._answers:
                answer = self._answers[key]
            elif key in self._depths or key in self._lowest:
                current.lowest = min(current.lowest, self._depths.get(key, self._lowest.get(key, current.lowest)))
            else:
                self._enter(question)

    def _enter(self, question: Q) -> None:
        depth = self._depths[question.key] = len(self._open)
        self._open.append(_Open(question.key, self._steps(question), depth, len(self._unsure)))

    def _close(self, answer: A | None) -> None:
        closed = self._open.pop()
        depth = self._depths.pop(closed.key)
        if answer is None and closed.lowest < depth:
            self._unsure.append(closed.key)
            self._lowest[closed.key] = closed.lowest
        else:
            self._answers[closed.key] = answer
            self._settle(self._unsure[closed.unsure :], closed, depth, answer)
        if self._open:
            self._open[-1].lowest = min(self._open[-1].lowest, closed.lowest)

    def _settle(self, below: list[Hashable], closed: _Open[Q, A], depth: int, answer: A | None) -> None:
        """Those that waited for this one: with it, nobody has an answer; or else they may be asked again."""
        del self._unsure[closed.unsure :]
        for key in below:
            if self._lowest[key] < depth:
                self._unsure.append(key)
                continue
            del self._lowest[key]
            if answer is None:
                self._answers[key] = None
