from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.errors import ProtocolError
from homeport.rpc import frames
from homeport.rpc.frames import CALL, GOAWAY, HELLO, PONG, FrameReader, frame

Seen = tuple[int, int, int, int, bytes]

a_frame = st.tuples(
    st.integers(HELLO, GOAWAY),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.binary(max_size=300),
    st.integers(0, 255),
)


def feed(reader: FrameReader, data: bytes, cuts: list[int]) -> list[Seen]:
    seen: list[Seen] = []

    def on_frame(kind: int, call_id: int, code: int, flags: int, body: memoryview) -> None:
        seen.append((kind, call_id, code, flags, bytes(body)))

    position = 0
    for size in [*cuts, len(data)]:
        while size > 0 and position < len(data):
            buffer = reader.buffer()
            count = min(size, len(buffer), len(data) - position)
            buffer[:count] = data[position : position + count]
            reader.received(count, on_frame)
            position += count
            size -= count
    return seen


@given(st.lists(a_frame, max_size=20), st.lists(st.integers(1, 500), max_size=30), st.sampled_from([64, 256, 65536]))
def test_frames_come_out_whole_however_the_bytes_are_cut(
    given_frames: list[tuple[int, int, int, bytes, int]], cuts: list[int], initial: int
) -> None:
    data = b"".join(frame(kind, call_id, code, body, flags) for kind, call_id, code, body, flags in given_frames)
    expected = [(kind, call_id, code, flags, body) for kind, call_id, code, body, flags in given_frames]
    assert feed(FrameReader(initial=initial), data, cuts) == expected


def test_a_frame_larger_than_the_buffer_arrives_and_the_buffer_shrinks_again() -> None:
    reader = FrameReader(initial=128, busy=128)
    large = b"x" * 10_000
    assert feed(reader, frame(CALL, 1, 2, large) + frame(PONG, 9), []) == [(CALL, 1, 2, 0, large), (PONG, 9, 0, 0, b"")]
    assert len(reader.buffer()) == 128


def test_an_oversize_length_is_refused_before_anything_is_buffered() -> None:
    reader = FrameReader(limit=1000)
    with pytest.raises(ProtocolError, match="1001 bytes is over the limit of 1000"):
        feed(reader, frame(CALL, 1, 1, b"x" * 1001)[:12], [])


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ProtocolError, match="unknown frame type 77"):
        feed(FrameReader(), frame(77), [])


@settings(max_examples=300)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=10))
def test_any_bytes_at_all_end_in_frames_or_in_a_protocol_error(chunks: list[bytes]) -> None:
    reader = FrameReader(limit=4096, initial=64, busy=256)
    try:
        for chunk in chunks:
            feed(reader, chunk, [])
    except ProtocolError:
        return
    assert 0 < len(reader.buffer()) <= 4096 + frames.HEADER_SIZE


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5), st.binary(max_size=20))
def test_metadata_travels_before_the_body(metadata: dict[str, str], rest: bytes) -> None:
    found, body = frames.split_metadata(memoryview(frames.metadata_block(metadata) + rest))
    assert (found, bytes(body)) == (metadata, rest)


@given(st.binary(max_size=50))
def test_hostile_metadata_is_a_protocol_error(data: bytes) -> None:
    try:
        frames.split_metadata(memoryview(data))
    except ProtocolError:
        pass


def test_the_buffer_grows_where_reads_fill_it_and_starts_small() -> None:
    reader = FrameReader(initial=256, busy=4096)
    assert len(reader.buffer()) == 256
    feed(reader, frame(PONG) * 1000, [])
    assert len(reader.buffer()) > 1024
