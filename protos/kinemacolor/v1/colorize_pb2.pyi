from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_BULK: _ClassVar[Priority]
    PRIORITY_INTERACTIVE: _ClassVar[Priority]

class ShotSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHOT_SOURCE_UNSPECIFIED: _ClassVar[ShotSource]
    SHOT_SOURCE_DETECT: _ClassVar[ShotSource]
    SHOT_SOURCE_EDIT_LIST: _ClassVar[ShotSource]

class Transfer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFER_UNSPECIFIED: _ClassVar[Transfer]
    TRANSFER_BT709: _ClassVar[Transfer]
    TRANSFER_GAMMA22: _ClassVar[Transfer]
    TRANSFER_GAMMA28: _ClassVar[Transfer]
    TRANSFER_SMPTE170M: _ClassVar[Transfer]
    TRANSFER_SMPTE240M: _ClassVar[Transfer]
    TRANSFER_LINEAR: _ClassVar[Transfer]
    TRANSFER_SRGB: _ClassVar[Transfer]
    TRANSFER_BT2020_10: _ClassVar[Transfer]
    TRANSFER_BT2020_12: _ClassVar[Transfer]
    TRANSFER_PQ: _ClassVar[Transfer]
    TRANSFER_HLG: _ClassVar[Transfer]

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_MALFORMED: _ClassVar[ErrorReason]
    ERROR_REASON_GEOMETRY: _ClassVar[ErrorReason]
    ERROR_REASON_PLANE_SIZE: _ClassVar[ErrorReason]
    ERROR_REASON_BAD_FIELD: _ClassVar[ErrorReason]
    ERROR_REASON_FIRST_MESSAGE: _ClassVar[ErrorReason]
    ERROR_REASON_ALREADY_OPEN: _ClassVar[ErrorReason]
    ERROR_REASON_OUT_OF_ORDER: _ClassVar[ErrorReason]
    ERROR_REASON_AFTER_END: _ClassVar[ErrorReason]
    ERROR_REASON_UNSUPPORTED: _ClassVar[ErrorReason]
    ERROR_REASON_SHOT_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_SETTINGS_CHANGED: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_MODEL: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_CLIP: _ClassVar[ErrorReason]
    ERROR_REASON_WINDOW_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_TOO_MANY_CLIPS: _ClassVar[ErrorReason]
    ERROR_REASON_OUT_OF_MEMORY: _ClassVar[ErrorReason]
    ERROR_REASON_DRAINING: _ClassVar[ErrorReason]
    ERROR_REASON_SUPERSEDED: _ClassVar[ErrorReason]
    ERROR_REASON_EVICTED: _ClassVar[ErrorReason]
    ERROR_REASON_STEP_FAILED: _ClassVar[ErrorReason]
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    ERROR_REASON_UNAUTHENTICATED: _ClassVar[ErrorReason]

class StateTier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_TIER_UNSPECIFIED: _ClassVar[StateTier]
    STATE_TIER_DEVICE: _ClassVar[StateTier]
    STATE_TIER_RAM: _ClassVar[StateTier]
    STATE_TIER_DISK: _ClassVar[StateTier]

class LogLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_LEVEL_UNSPECIFIED: _ClassVar[LogLevel]
    LOG_LEVEL_DEBUG: _ClassVar[LogLevel]
    LOG_LEVEL_INFO: _ClassVar[LogLevel]
    LOG_LEVEL_WARNING: _ClassVar[LogLevel]
    LOG_LEVEL_ERROR: _ClassVar[LogLevel]
PRIORITY_UNSPECIFIED: Priority
PRIORITY_BULK: Priority
PRIORITY_INTERACTIVE: Priority
SHOT_SOURCE_UNSPECIFIED: ShotSource
SHOT_SOURCE_DETECT: ShotSource
SHOT_SOURCE_EDIT_LIST: ShotSource
TRANSFER_UNSPECIFIED: Transfer
TRANSFER_BT709: Transfer
TRANSFER_GAMMA22: Transfer
TRANSFER_GAMMA28: Transfer
TRANSFER_SMPTE170M: Transfer
TRANSFER_SMPTE240M: Transfer
TRANSFER_LINEAR: Transfer
TRANSFER_SRGB: Transfer
TRANSFER_BT2020_10: Transfer
TRANSFER_BT2020_12: Transfer
TRANSFER_PQ: Transfer
TRANSFER_HLG: Transfer
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_MALFORMED: ErrorReason
ERROR_REASON_GEOMETRY: ErrorReason
ERROR_REASON_PLANE_SIZE: ErrorReason
ERROR_REASON_BAD_FIELD: ErrorReason
ERROR_REASON_FIRST_MESSAGE: ErrorReason
ERROR_REASON_ALREADY_OPEN: ErrorReason
ERROR_REASON_OUT_OF_ORDER: ErrorReason
ERROR_REASON_AFTER_END: ErrorReason
ERROR_REASON_UNSUPPORTED: ErrorReason
ERROR_REASON_SHOT_UNKNOWN: ErrorReason
ERROR_REASON_SETTINGS_CHANGED: ErrorReason
ERROR_REASON_UNKNOWN_MODEL: ErrorReason
ERROR_REASON_UNKNOWN_CLIP: ErrorReason
ERROR_REASON_WINDOW_EXCEEDED: ErrorReason
ERROR_REASON_TOO_MANY_CLIPS: ErrorReason
ERROR_REASON_OUT_OF_MEMORY: ErrorReason
ERROR_REASON_DRAINING: ErrorReason
ERROR_REASON_SUPERSEDED: ErrorReason
ERROR_REASON_EVICTED: ErrorReason
ERROR_REASON_STEP_FAILED: ErrorReason
ERROR_REASON_INTERNAL: ErrorReason
ERROR_REASON_UNAUTHENTICATED: ErrorReason
STATE_TIER_UNSPECIFIED: StateTier
STATE_TIER_DEVICE: StateTier
STATE_TIER_RAM: StateTier
STATE_TIER_DISK: StateTier
LOG_LEVEL_UNSPECIFIED: LogLevel
LOG_LEVEL_DEBUG: LogLevel
LOG_LEVEL_INFO: LogLevel
LOG_LEVEL_WARNING: LogLevel
LOG_LEVEL_ERROR: LogLevel

class StreamFramesRequest(_message.Message):
    __slots__ = ("open_clip", "frame", "seek", "shot_boundary", "end_clip", "guide")
    OPEN_CLIP_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SEEK_FIELD_NUMBER: _ClassVar[int]
    SHOT_BOUNDARY_FIELD_NUMBER: _ClassVar[int]
    END_CLIP_FIELD_NUMBER: _ClassVar[int]
    GUIDE_FIELD_NUMBER: _ClassVar[int]
    open_clip: OpenClip
    frame: Frame
    seek: Seek
    shot_boundary: ShotBoundary
    end_clip: EndClip
    guide: Guide
    def __init__(self, open_clip: _Optional[_Union[OpenClip, _Mapping]] = ..., frame: _Optional[_Union[Frame, _Mapping]] = ..., seek: _Optional[_Union[Seek, _Mapping]] = ..., shot_boundary: _Optional[_Union[ShotBoundary, _Mapping]] = ..., end_clip: _Optional[_Union[EndClip, _Mapping]] = ..., guide: _Optional[_Union[Guide, _Mapping]] = ...) -> None: ...

class OpenClip(_message.Message):
    __slots__ = ("clip_key", "model", "geometry", "transfer", "first_frame", "restart", "want_confidence", "shot_source", "edit_list", "client_name", "earliest_frame", "guide_count", "variant", "priority")
    CLIP_KEY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    GEOMETRY_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_FIELD_NUMBER: _ClassVar[int]
    RESTART_FIELD_NUMBER: _ClassVar[int]
    WANT_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SHOT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    EDIT_LIST_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    EARLIEST_FRAME_FIELD_NUMBER: _ClassVar[int]
    GUIDE_COUNT_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    clip_key: str
    model: str
    geometry: PlaneGeometry
    transfer: Transfer
    first_frame: int
    restart: bool
    want_confidence: bool
    shot_source: ShotSource
    edit_list: EditList
    client_name: str
    earliest_frame: int
    guide_count: int
    variant: int
    priority: Priority
    def __init__(self, clip_key: _Optional[str] = ..., model: _Optional[str] = ..., geometry: _Optional[_Union[PlaneGeometry, _Mapping]] = ..., transfer: _Optional[_Union[Transfer, str]] = ..., first_frame: _Optional[int] = ..., restart: bool = ..., want_confidence: bool = ..., shot_source: _Optional[_Union[ShotSource, str]] = ..., edit_list: _Optional[_Union[EditList, _Mapping]] = ..., client_name: _Optional[str] = ..., earliest_frame: _Optional[int] = ..., guide_count: _Optional[int] = ..., variant: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ...) -> None: ...

class PlaneGeometry(_message.Message):
    __slots__ = ("width_px", "height_px")
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    width_px: int
    height_px: int
    def __init__(self, width_px: _Optional[int] = ..., height_px: _Optional[int] = ...) -> None: ...

class EditList(_message.Message):
    __slots__ = ("shot_starts",)
    SHOT_STARTS_FIELD_NUMBER: _ClassVar[int]
    shot_starts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, shot_starts: _Optional[_Iterable[int]] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("frame_number", "pre_roll", "luma")
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PRE_ROLL_FIELD_NUMBER: _ClassVar[int]
    LUMA_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    pre_roll: bool
    luma: bytes
    def __init__(self, frame_number: _Optional[int] = ..., pre_roll: bool = ..., luma: _Optional[bytes] = ...) -> None: ...

class Seek(_message.Message):
    __slots__ = ("frame_number",)
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    def __init__(self, frame_number: _Optional[int] = ...) -> None: ...

class ShotBoundary(_message.Message):
    __slots__ = ("frame_number",)
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    def __init__(self, frame_number: _Optional[int] = ...) -> None: ...

class Guide(_message.Message):
    __slots__ = ("frame_number", "luma", "ab", "hints")
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    LUMA_FIELD_NUMBER: _ClassVar[int]
    AB_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    luma: bytes
    ab: bytes
    hints: _containers.RepeatedCompositeFieldContainer[Hint]
    def __init__(self, frame_number: _Optional[int] = ..., luma: _Optional[bytes] = ..., ab: _Optional[bytes] = ..., hints: _Optional[_Iterable[_Union[Hint, _Mapping]]] = ...) -> None: ...

class Hint(_message.Message):
    __slots__ = ("x", "y", "radius", "a", "b")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    RADIUS_FIELD_NUMBER: _ClassVar[int]
    A_FIELD_NUMBER: _ClassVar[int]
    B_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    radius: float
    a: float
    b: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., radius: _Optional[float] = ..., a: _Optional[float] = ..., b: _Optional[float] = ...) -> None: ...

class EndClip(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StreamFramesResponse(_message.Message):
    __slots__ = ("clip_opened", "color_frame", "need_frames", "progress", "frame_error", "clip_ended")
    CLIP_OPENED_FIELD_NUMBER: _ClassVar[int]
    COLOR_FRAME_FIELD_NUMBER: _ClassVar[int]
    NEED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    FRAME_ERROR_FIELD_NUMBER: _ClassVar[int]
    CLIP_ENDED_FIELD_NUMBER: _ClassVar[int]
    clip_opened: ClipOpened
    color_frame: ColorFrame
    need_frames: NeedFrames
    progress: Progress
    frame_error: FrameError
    clip_ended: ClipEnded
    def __init__(self, clip_opened: _Optional[_Union[ClipOpened, _Mapping]] = ..., color_frame: _Optional[_Union[ColorFrame, _Mapping]] = ..., need_frames: _Optional[_Union[NeedFrames, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., frame_error: _Optional[_Union[FrameError, _Mapping]] = ..., clip_ended: _Optional[_Union[ClipEnded, _Mapping]] = ...) -> None: ...

class ClipOpened(_message.Message):
    __slots__ = ("clip_key", "model", "weights_sha256", "device_class", "window", "resume_from", "resumed", "epoch", "resume_ttl_seconds", "licence", "terms")
    CLIP_KEY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CLASS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    RESUME_FROM_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    RESUME_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    clip_key: str
    model: str
    weights_sha256: str
    device_class: str
    window: int
    resume_from: int
    resumed: bool
    epoch: int
    resume_ttl_seconds: int
    licence: str
    terms: str
    def __init__(self, clip_key: _Optional[str] = ..., model: _Optional[str] = ..., weights_sha256: _Optional[str] = ..., device_class: _Optional[str] = ..., window: _Optional[int] = ..., resume_from: _Optional[int] = ..., resumed: bool = ..., epoch: _Optional[int] = ..., resume_ttl_seconds: _Optional[int] = ..., licence: _Optional[str] = ..., terms: _Optional[str] = ...) -> None: ...

class ColorFrame(_message.Message):
    __slots__ = ("frame_number", "provisional", "shot_start", "durable_through", "queue_us", "network_us", "temporal_us", "confidence", "ab")
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROVISIONAL_FIELD_NUMBER: _ClassVar[int]
    SHOT_START_FIELD_NUMBER: _ClassVar[int]
    DURABLE_THROUGH_FIELD_NUMBER: _ClassVar[int]
    QUEUE_US_FIELD_NUMBER: _ClassVar[int]
    NETWORK_US_FIELD_NUMBER: _ClassVar[int]
    TEMPORAL_US_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    AB_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    provisional: bool
    shot_start: bool
    durable_through: int
    queue_us: int
    network_us: int
    temporal_us: int
    confidence: bytes
    ab: bytes
    def __init__(self, frame_number: _Optional[int] = ..., provisional: bool = ..., shot_start: bool = ..., durable_through: _Optional[int] = ..., queue_us: _Optional[int] = ..., network_us: _Optional[int] = ..., temporal_us: _Optional[int] = ..., confidence: _Optional[bytes] = ..., ab: _Optional[bytes] = ...) -> None: ...

class NeedFrames(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("consumed_through",)
    CONSUMED_THROUGH_FIELD_NUMBER: _ClassVar[int]
    consumed_through: int
    def __init__(self, consumed_through: _Optional[int] = ...) -> None: ...

class FrameError(_message.Message):
    __slots__ = ("frame_number", "reason", "message")
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    frame_number: int
    reason: ErrorReason
    message: str
    def __init__(self, frame_number: _Optional[int] = ..., reason: _Optional[_Union[ErrorReason, str]] = ..., message: _Optional[str] = ...) -> None: ...

class ClipEnded(_message.Message):
    __slots__ = ("frames_answered", "shots")
    FRAMES_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    frames_answered: int
    shots: int
    def __init__(self, frames_answered: _Optional[int] = ..., shots: _Optional[int] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "description", "licence", "weights_sha256", "is_default", "is_loaded", "takes_references", "takes_hints", "has_confidence", "frame", "temporal", "terms", "variants")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    IS_LOADED_FIELD_NUMBER: _ClassVar[int]
    TAKES_REFERENCES_FIELD_NUMBER: _ClassVar[int]
    TAKES_HINTS_FIELD_NUMBER: _ClassVar[int]
    HAS_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    TEMPORAL_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    licence: str
    weights_sha256: str
    is_default: bool
    is_loaded: bool
    takes_references: bool
    takes_hints: bool
    has_confidence: bool
    frame: str
    temporal: str
    terms: str
    variants: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., licence: _Optional[str] = ..., weights_sha256: _Optional[str] = ..., is_default: bool = ..., is_loaded: bool = ..., takes_references: bool = ..., takes_hints: bool = ..., has_confidence: bool = ..., frame: _Optional[str] = ..., temporal: _Optional[str] = ..., terms: _Optional[str] = ..., variants: _Optional[int] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "device", "device_class", "max_plane_samples", "max_clips", "window", "has_snapshots", "draining", "uptime_seconds", "resident_bytes", "device_used_bytes", "device_total_bytes", "device_state_bytes", "ram_state_bytes", "disk_state_bytes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CLASS_FIELD_NUMBER: _ClassVar[int]
    MAX_PLANE_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    MAX_CLIPS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    HAS_SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_STATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAM_STATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISK_STATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    version: str
    device: str
    device_class: str
    max_plane_samples: int
    max_clips: int
    window: int
    has_snapshots: bool
    draining: bool
    uptime_seconds: int
    resident_bytes: int
    device_used_bytes: int
    device_total_bytes: int
    device_state_bytes: int
    ram_state_bytes: int
    disk_state_bytes: int
    def __init__(self, version: _Optional[str] = ..., device: _Optional[str] = ..., device_class: _Optional[str] = ..., max_plane_samples: _Optional[int] = ..., max_clips: _Optional[int] = ..., window: _Optional[int] = ..., has_snapshots: bool = ..., draining: bool = ..., uptime_seconds: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., device_used_bytes: _Optional[int] = ..., device_total_bytes: _Optional[int] = ..., device_state_bytes: _Optional[int] = ..., ram_state_bytes: _Optional[int] = ..., disk_state_bytes: _Optional[int] = ...) -> None: ...

class ListClipsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListClipsResponse(_message.Message):
    __slots__ = ("clips",)
    CLIPS_FIELD_NUMBER: _ClassVar[int]
    clips: _containers.RepeatedCompositeFieldContainer[Clip]
    def __init__(self, clips: _Optional[_Iterable[_Union[Clip, _Mapping]]] = ...) -> None: ...

class Clip(_message.Message):
    __slots__ = ("clip_key", "model", "client_name", "geometry", "attached", "next_frame", "frames_answered", "frames_waiting", "state_bytes", "idle_seconds", "frames_per_second", "state_tier", "last_snapshot", "priority")
    CLIP_KEY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    GEOMETRY_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    NEXT_FRAME_FIELD_NUMBER: _ClassVar[int]
    FRAMES_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FRAMES_WAITING_FIELD_NUMBER: _ClassVar[int]
    STATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    STATE_TIER_FIELD_NUMBER: _ClassVar[int]
    LAST_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    clip_key: str
    model: str
    client_name: str
    geometry: PlaneGeometry
    attached: bool
    next_frame: int
    frames_answered: int
    frames_waiting: int
    state_bytes: int
    idle_seconds: float
    frames_per_second: float
    state_tier: StateTier
    last_snapshot: int
    priority: Priority
    def __init__(self, clip_key: _Optional[str] = ..., model: _Optional[str] = ..., client_name: _Optional[str] = ..., geometry: _Optional[_Union[PlaneGeometry, _Mapping]] = ..., attached: bool = ..., next_frame: _Optional[int] = ..., frames_answered: _Optional[int] = ..., frames_waiting: _Optional[int] = ..., state_bytes: _Optional[int] = ..., idle_seconds: _Optional[float] = ..., frames_per_second: _Optional[float] = ..., state_tier: _Optional[_Union[StateTier, str]] = ..., last_snapshot: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ...) -> None: ...

class EvictClipRequest(_message.Message):
    __slots__ = ("clip_key",)
    CLIP_KEY_FIELD_NUMBER: _ClassVar[int]
    clip_key: str
    def __init__(self, clip_key: _Optional[str] = ...) -> None: ...

class EvictClipResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetLogLevelRequest(_message.Message):
    __slots__ = ("level",)
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    level: LogLevel
    def __init__(self, level: _Optional[_Union[LogLevel, str]] = ...) -> None: ...

class SetLogLevelResponse(_message.Message):
    __slots__ = ("previous",)
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    previous: LogLevel
    def __init__(self, previous: _Optional[_Union[LogLevel, str]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ("open_clips",)
    OPEN_CLIPS_FIELD_NUMBER: _ClassVar[int]
    open_clips: int
    def __init__(self, open_clips: _Optional[int] = ...) -> None: ...
