"""One thread: pictures here are tiny, and two threads on a busy machine wait for each other."""

from threads import one_thread  # noqa: F401
