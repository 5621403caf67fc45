"""Certificates of authorities that a test makes, as files."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Files:
    """A certificate with its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs what a test wants signed, and writes it into a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))
        self._name = name

    def issue(self, *names: str, days: float = 1) -> Files:
        made = self._ca.issue_cert(*names, not_after=datetime.now(UTC) + timedelta(days=days))
        stem = f"{self._name}-{names[0].replace('@', '-')}-{days:g}"
        files = Files(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        files.certificate.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        files.key.write_bytes(made.private_key_pem.bytes())
        return files
