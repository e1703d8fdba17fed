"""Base images under their usual names, made of this machine's programs.

For a daemon without an image registry. The images are not those of their makers: what these tests
prove with them is that the project's own files fit together.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

PYTHON = "python:3.13-slim"
PATH = "ENV PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
LEFT_OUT = ("test", "idlelib", "tkinter", "site-packages", "__pycache__", "config-3.*", "include")
# As the official image does.
REDIS_ENTRYPOINT = """\
#!/bin/sh
if [ "$1" = redis-server ]; then shift; set -- redis-server --protected-mode no "$@"; fi
exec "$@"
"""


def build(project: Path, folder: Path, livekit_server: str) -> None:
    """Import every image that `project` names, using `folder` for the files."""
    dockerfile = (project / "Dockerfile").read_text(encoding="utf-8")
    compose = "".join(file.read_text(encoding="utf-8") for file in project.rglob("*.yaml"))
    images = {
        name.rpartition("/")[2].partition(":")[0]: name
        for name in re.findall(r"(?:FROM|--from=|image:) ?(\S+[:/]\S+)", dockerfile + compose)
    }
    assert images["python"] == PYTHON
    import_image(PYTHON, python(folder / "python"), f"ENV SSL_CERT_FILE={CERTIFICATES}")
    uv = folder / "uv"
    uv.mkdir()
    shutil.copy(program("uv"), uv / "uv")
    import_image(images["uv"], uv)

    servers = root(folder / "servers", program("redis-server"), program("redis-cli"))
    add(servers, [livekit_server], "livekit-server")
    add(servers, [program("caddy")], "usr/bin/caddy")
    for name in ("data", "config", "srv"):
        (servers / name).mkdir()
    entrypoint = servers / "usr/local/bin/docker-entrypoint.sh"
    entrypoint.parent.mkdir(parents=True)
    entrypoint.write_text(REDIS_ENTRYPOINT, encoding="utf-8")
    entrypoint.chmod(0o755)
    import_image(images["livekit-server"], servers, 'ENTRYPOINT ["/livekit-server"]')
    import_image(
        images["redis"], servers, 'ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["redis-server"]'
    )
    serve = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
    homes = "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data"
    import_image(images["caddy"], servers, homes, f"CMD {json.dumps(serve)}")


def program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not installed"
    return path


def python(folder: Path) -> Path:
    """Python 3.13 in /usr/local, and the libraries that wheels expect."""
    found = subprocess.run(
        ["uv", "python", "find", "--no-project", "3.13"], capture_output=True, text=True, check=True
    )
    executable = Path(found.stdout.strip()).resolve()
    prefix = executable.parents[1]
    root(folder, program("useradd"))
    shutil.copytree(
        prefix, folder / "usr/local", symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT)
    )
    compiled = [executable, *prefix.rglob("lib-dynload/*.so")]
    listed = subprocess.run(
        ["dpkg", "-L", "libc6", "libstdc++6"], capture_output=True, text=True, check=True
    )
    libraries = re.findall(r"(?m)^.*/lib[^/]*\.so\.\d+$", listed.stdout)
    add(folder, [*map(str, compiled), *libraries], None)
    return folder


def root(folder: Path, *programs: str) -> Path:
    """A root file system with a shell and `programs`."""
    for name in ("tmp", "bin", "etc/ssl/certs", "usr/bin", "usr/sbin", "root", "var/tmp"):
        (folder / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (folder / name).chmod(0o1777)
    shutil.copy(program("busybox"), folder / "bin/busybox")
    subprocess.run(["chroot", folder, "/bin/busybox", "--install", "-s", "/bin"], check=True)
    shutil.copy(CERTIFICATES, folder / "etc/ssl/certs")
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\n")
    for path in programs:
        add(folder, [path], path[1:])
    return folder


def add(folder: Path, files: Iterable[str], name: str | None) -> None:
    """Copy the libraries of `files`, and the only file itself to `name`."""
    for file in files:
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / name)
        printed = subprocess.run(["ldd", file], capture_output=True, text=True).stdout
        named = [file] if ".so." in file else []
        for library in named + re.findall(r"(/\S+) \(0x", printed):
            target = folder / library[1:]
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, target)


def import_image(name: str, folder: Path, *changes: str) -> None:
    options = [word for change in (PATH, *changes) for word in ("--change", change)]
    with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
        command = ["docker", "import", *options, "-", name]
        subprocess.run(command, stdin=tar.stdout, stdout=subprocess.DEVNULL, check=True)
