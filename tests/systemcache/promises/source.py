"""The source of the scripted tests, and its writer: a write has ended when it is committed and has dropped."""

from systemcache.storage import generations
from tests.systemcache.promises.board import Board
from tests.systemcache.promises.numbers import SLOTS


class BoardSource:
    def __init__(self, board: Board) -> None:
        self._board = board

    def commit(self, number: int, name: str = "a") -> None:
        self._board[SLOTS[name]] = number

    def drop(self, tag: str) -> None:
        generations.invalidate_tags([tag])

    def write(self, number: int, tag: str) -> None:
        self.commit(number)
        self.drop(tag)
