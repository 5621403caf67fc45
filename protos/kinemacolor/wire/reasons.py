"""Why a request was refused. No protobuf and no grpc here, so that the pure core of the server can name reasons."""

from enum import Enum


class ErrorReason(Enum):
    """Why a request was refused; values are those of the .proto (a test compares them)."""

    MALFORMED = 1
    GEOMETRY = 2
    PLANE_SIZE = 3
    BAD_FIELD = 4
    FIRST_MESSAGE = 10
    ALREADY_OPEN = 11
    OUT_OF_ORDER = 12
    AFTER_END = 13
    UNSUPPORTED = 14
    SHOT_UNKNOWN = 15
    SETTINGS_CHANGED = 16
    UNKNOWN_MODEL = 20
    UNKNOWN_CLIP = 21
    WINDOW_EXCEEDED = 30
    TOO_MANY_CLIPS = 31
    OUT_OF_MEMORY = 32
    DRAINING = 40
    SUPERSEDED = 50
    EVICTED = 51
    STEP_FAILED = 60
    INTERNAL = 61
    UNAUTHENTICATED = 70
