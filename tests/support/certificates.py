"""Certificates for the tests of https: a good one, one for another host, one that has expired."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

# `openssl req -x509` makes none that has expired, `openssl ca` does.
_CA_CONFIG = """
[ca]
default_ca = here
[here]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
unique_subject = no
[any]
commonName = supplied
[names]
basicConstraints = CA:true
subjectAltName = {names}
"""


@dataclass(frozen=True)
class Certificate:
    file: Path
    key: Path


def _openssl(*arguments: str | Path) -> None:
    argv = ["openssl", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"


def make(folder: Path, names: str, *, expired: bool = False) -> Certificate:
    """A certificate that vouches for itself, for `names` such as "DNS:localhost,IP:127.0.0.1"."""
    folder.mkdir()
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    common = ("-subj", f"/CN=switchyard test {folder.name}", "-keyout", made.key)
    if not expired:
        _openssl("req", "-x509", *curve, *common, "-out", made.file, "-days", "2",
                 "-addext", f"subjectAltName={names}")  # fmt: skip
        return made
    request = folder / "request.pem"
    _openssl("req", *curve, *common, "-out", request)
    config = folder / "ca.conf"
    config.write_text(_CA_CONFIG.format(folder=folder, names=names))
    (folder / "index.txt").touch()
    _openssl("ca", "-batch", "-selfsign", "-config", config, "-keyfile", made.key, "-in", request,
             "-out", made.file, "-notext",
             "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")  # fmt: skip
    return made
