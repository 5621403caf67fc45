"""The chroma store: finished colours on disk, one SQLite file a clip, so that no frame is coloured twice.

`lookup`, `prints`, `look`, `packing` and `dependency` are pure; `clip_file`, `folder` and `clip_store` touch the disk.
"""
