import pytest

from kinemacolor.client.address import ServerAddress


@pytest.mark.parametrize(
    "text", ["unix:/run/k.sock", "localhost:7411", "127.0.0.1:1", "[::1]:65535", "gpu-box.lan:7411"]
)
def test_a_good_address_keeps_its_text(text):
    assert str(ServerAddress.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "localhost:", "localhost:0", "localhost:65536", ":7411", "http://box:7411", "unix:",
     "unix:k.sock", "unix:/a\0b", "dns:///box:1", "box:７４１１", "unix:/" + "x" * 100],
)  # fmt: skip
def test_a_bad_address_is_refused(text):
    with pytest.raises(ValueError, match=r"unix:/path|absolute path|100 bytes"):
        ServerAddress.parse(text)
