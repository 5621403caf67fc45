"""`kinemacolor status`, `drain`, `evict` and `log-level`: for whoever runs a server."""

from dataclasses import asdict

from kinemacolor.cli.parser import access_of, add_running_server, command_parser
from kinemacolor.cli.status_text import status_lines
from kinemacolor.client import operator
from kinemacolor.client.connection import connect
from kinemacolor.render import console


def status(arguments: list[str]) -> int:
    """Say what a server does.

    Raises:
        ClientError: No answer.
    """
    parser = command_parser("status", "Say what a running server does, once; top says it again and again.")
    add_running_server(parser)
    values = parser.parse_args(arguments)
    with connect(values.server, access=access_of(values)) as client:
        info, clips = client.server_info(), operator.list_clips(client)
    if values.json:
        console.put_json({"server": asdict(info), "clips": [asdict(clip) for clip in clips]})
    else:
        console.put("\n".join(status_lines(str(values.server), info, clips)))
    return 0


def drain(arguments: list[str]) -> int:
    """Let a server end with its clips.

    Raises:
        ClientError: No answer.
    """
    parser = command_parser("drain", "Let a server take no new clips, and end when those that are open have.")
    add_running_server(parser)
    values = parser.parse_args(arguments)
    with connect(values.server, access=access_of(values)) as client:
        count = operator.drain(client)
    if values.json:
        console.put_json({"open_clips": count})
    else:
        console.put(f"draining; open clips: {count}")
    return 0


def evict(arguments: list[str]) -> int:
    """Drop a clip.

    Raises:
        ClientError: No answer, or no such clip.
    """
    parser = command_parser("evict", "Drop a clip of a server, with its state in memory and on disk.")
    parser.add_argument("clip", metavar="CLIP", help="its key, as status says it")
    add_running_server(parser)
    values = parser.parse_args(arguments)
    with connect(values.server, access=access_of(values)) as client:
        operator.evict_clip(client, values.clip)
    if values.json:
        console.put_json({"evicted": values.clip})
    else:
        console.put(f"evicted: {values.clip}")
    return 0


def log_level(arguments: list[str]) -> int:
    """Change how much a server logs.

    Raises:
        ClientError: No answer.
    """
    parser = command_parser("log-level", "Change how much a running server logs.")
    parser.add_argument("level", choices=operator.LOG_LEVELS, metavar="|".join(operator.LOG_LEVELS))
    add_running_server(parser)
    values = parser.parse_args(arguments)
    with connect(values.server, access=access_of(values)) as client:
        before = operator.set_log_level(client, values.level)
    if values.json:
        console.put_json({"level": values.level, "before": before})
    else:
        console.put(f"log level: {values.level} (was {before})")
    return 0
