"""The client's secrets: where they come from, and what is wrong with them."""

from pathlib import Path

import pytest

from kinemacolor.client.access import AccessFiles, read_access
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.errors import AccessFileError


def test_without_anything_there_are_no_secrets() -> None:
    access = read_access(AccessFiles(), {})
    assert (access.token, access.ca, access.certificate, access.key) == ("", None, None, None)


def test_files_go_before_the_environment(tmp_path: Path) -> None:
    named, other = tmp_path / "named", tmp_path / "other"
    named.write_text("# suite\nfirst-token\nsecond-token\n")
    other.write_text("other-token\n")
    environ = {"KINEMACOLOR_TOKEN_FILE": str(other)}
    assert read_access(AccessFiles(token=named), environ | {"KINEMACOLOR_TOKEN": "direct"}).token == "first-token"
    assert read_access(AccessFiles(), environ | {"KINEMACOLOR_TOKEN": "direct"}).token == "direct"
    assert read_access(AccessFiles(), environ).token == "other-token"


def test_no_secret_is_printed() -> None:
    assert "direct" not in repr(read_access(AccessFiles(), {"KINEMACOLOR_TOKEN": "direct"}))


@pytest.mark.parametrize("text", ["two words", "tab\tin it", "ümlaut", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused(text: str) -> None:
    with pytest.raises(AccessFileError, match="one word of ASCII") as caught:
        read_access(AccessFiles(), {"KINEMACOLOR_TOKEN": text})
    assert text not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccessFileError, match=r"no: cannot be read: No such file"):
        read_access(AccessFiles(ca=tmp_path / "no"), {})


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "crt").write_text("x")
    with pytest.raises(AccessFileError, match="go together"):
        read_access(AccessFiles(certificate=tmp_path / "crt"), {})


def test_a_tls_address() -> None:
    address = ServerAddress.parse("tls:gpu-box.lan:7411")
    assert (str(address), address.is_tls, address.target) == ("tls:gpu-box.lan:7411", True, "gpu-box.lan:7411")
    assert not ServerAddress.parse("gpu-box.lan:7411").is_tls
    with pytest.raises(ValueError, match="expected unix:/path, host:port or tls:host:port"):
        ServerAddress.parse("tls:unix:/run/s")
