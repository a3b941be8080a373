"""Judging answers, and the generator against a server that answers in pieces."""

import socket
import threading
from itertools import repeat
from pathlib import Path

import pytest
from benchlib.cases import applied, updated
from benchlib.wire import Load, command, http, resp

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"a":"\r\n"}!'


@pytest.mark.parametrize("answer", [GOOD, GOOD.replace(b"Content-Length: ", b"content-length:")])
def test_an_http_answer_is_complete_with_its_last_byte(answer: bytes) -> None:
    assert [http(answer[:size], 0) for size in range(len(answer))] == [None] * len(answer)
    assert not http(answer, 0)


def test_an_http_answer_that_is_no_2xx_is_told() -> None:
    body = b'{"type":"about:blank","code":"unknown_board"}'
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert http(answer, 0) == "HTTP 404 unknown_board"
    assert http(b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nbang", 0) == "HTTP 500 bang"
    assert "Content-Length" in str(http(b"HTTP/1.1 200 OK\r\n\r\n", 0))


def test_answers_of_the_store_are_counted_in_lines() -> None:
    judge = resp(9)
    answer = b"*4\r\n$2\r\nab\r\n$9\r\n-12345678\r\n$2\r\ncd\r\n$1\r\n3\r\n"
    assert [judge(answer[:size], 0) for size in range(len(answer))] == [None] * len(answer)
    assert not judge(answer, 0)
    assert judge(b":1\r\n-ERR no such thing\r\n", 0) == "ERR no such thing"
    assert command("ZADD", "k", 1, b"m") == b"*4\r\n$4\r\nZADD\r\n$1\r\nk\r\n$1\r\n1\r\n$1\r\nm\r\n"


def test_what_moved_is_read_from_the_answer() -> None:
    assert updated(b'{"player":"a","updated":true,"periods":{"all":{"updated":false}}}') == 1
    assert applied(b'{"received":10,"applied":7,"unchanged":3}') == 7


def test_load_counts_good_and_bad_answers_and_connects_again(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    bad = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

    def serve() -> None:
        for answers in ([GOOD, bad, b""], [GOOD] * 3):  # the first connection is closed instead of a third answer
            connection, _ = listener.accept()
            with connection:
                for answer in answers:
                    connection.recv(1000)
                    connection.sendall(answer[:30])
                    connection.sendall(answer[30:])

    server = threading.Thread(target=serve)
    server.start()
    sample = Load(str(tmp_path / "s"), 1, repeat(b"GET / HTTP/1.1\r\n\r\n", 6), http, len).run(None)
    server.join()
    listener.close()
    assert sample.answered == 6
    assert len(sample.latencies) == 4
    assert sample.tally == 4 * len(GOOD)
    assert sample.failures == {"HTTP 503 ": 1, "connection closed before the answer": 1}
    assert sample.milliseconds(50) <= sample.milliseconds(100) == 1000 * max(sample.latencies)
