"""Who runs a command, as the machine knows it: not what LOGNAME or USER say."""

import os
import pwd
import socket

LONGEST_HOST = 64


def machine_user() -> str:
    """NAME@HOST; `uid:NNN` where the uid has no name, as in OpenShift."""
    return f"{name_of(os.getuid())}@{socket.gethostname()[:LONGEST_HOST]}"


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"
