"""Names with several addresses, as a fresh Debian has for localhost: clients try each of them."""

import subprocess

import pytest
from conftest import BIN
from servers import announced

pytestmark = pytest.mark.skipif(not BIN.exists(), reason="the release preset is not built")

HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"
NO_NAMESPACE = 77
CLIENTS = {
    "echo_client": ([], "Received hello"),
    "echo_load": (
        ["--connections", "2", "--duration", "100ms", "--warmup", "0s"], "every reply was right",
    ),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_the_addresses_of_a_name_are_tried_one_after_another(client, tmp_path):
    """The server is at 127.0.0.1, ::1 comes first."""
    (tmp_path / "hosts").write_text(HOSTS)
    script = f'mount --bind "$0" /etc/hosts || exit {NO_NAMESPACE}; echo hello | exec "$@"'
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, tmp_path / "hosts"]
    arguments, said = CLIENTS[client]
    with announced([str(BIN / "echo_server"), "--port", "0"]) as port:
        command = [BIN / client, *arguments, "--host", "localhost", "--port", str(port)]
        done = subprocess.run(
            [*inside, *command], capture_output=True, text=True, timeout=60, check=False
        )
    if done.returncode == NO_NAMESPACE or "unshare" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
