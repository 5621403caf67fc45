"""Bounds of the wire, each with its reason. Everything that grows is named here or in the server's config."""

MAX_SIDE_PX = 4096
"""Longest side of a plane. A network size has a short side of 192 to 288; 4096 leaves room for panoramas."""

MAX_PLANE_SAMPLES = 1 << 20
"""Samples of one plane: seven times the largest preset at 16:9; a lying header cannot make the server allocate much."""

MAX_MESSAGE_BYTES = 8 << 20
"""gRPC message limit in both directions. The largest message is a ColorFrame with confidence, 5 bytes a sample;
above 8 MB one Python process loses half its throughput to page faults (measured on grpcio 1.85)."""

MAX_CLIP_KEY_CHARS = 128
MAX_CLIENT_NAME_CHARS = 200
MAX_MODEL_NAME_CHARS = 128
"""A name that is not known comes back in the answer, which travels in a header of a few kilobytes."""
MAX_SHOT_STARTS = 100_000
"""Entries of an edit list: a cut every two seconds for 55 hours."""

MAX_GUIDES = 64
"""Guides of a clip: 44 MB of planes at 448 x 256. A film with more is rendered in ranges."""
MAX_GUIDE_HINTS = 256
"""Hints of one guide: more than a person sets."""
MAX_CLIP_HINTS = 1024
"""Hints of all guides of a clip. Each may have a colour of its own, 0.1 s of a core at 448 x 256, before the first
frame of its shot comes."""
MAX_VARIANT = 64

MAX_FRAME_NUMBER = 2**63 - 2
"""The number after it still is an int64: the server tells clients which frame it expects next."""

DEFAULT_WINDOW_FRAMES = 8
"""Frames in flight per clip: enough to hide a round trip and to fill a batch, little enough to bound the memory of
the full-size luma that the client keeps for each of them (16 MB a frame at 4K in 16 bit)."""

MAX_WINDOW_FRAMES = 64

KEEPALIVE_MS = 5_000
KEEPALIVE_TIMEOUT_MS = 2_000
"""A frozen peer is noticed within 7 s, but only with max_pings_without_data = 0 (measured: never, without it)."""

SIGN_OF_LIFE_SECONDS = 5.0
"""Until a client whose frames wait is told so (Progress), and between two such words; far below the three minutes of
silence that a client takes for a lost server."""

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)
"""Options of both ends. The server adds that it tolerates these pings."""

SERVE_PREFIX = "KINEMACOLOR_SERVE_"
"""How the variables with a server's settings begin; a private server has none of them."""

PRIVATE_FOLDER_PREFIX = "kinemacolor-"
"""How the folder of a private server's socket is called; whoever of client and server ends last removes it."""
PRIVATE_STATE_FOLDER = "state"
"""The folder in it for the server's snapshots."""
