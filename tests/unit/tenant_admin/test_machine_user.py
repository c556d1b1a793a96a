"""Who runs a command."""

import os
import pwd

from tenant_admin.cli.machine_user import machine_user, name_of


def test_m4e_a_uid_without_a_name_is_its_number() -> None:
    unknown = max(each.pw_uid for each in pwd.getpwall()) + 12_345
    assert name_of(unknown) == f"uid:{unknown}"


def test_m4e_the_user_is_the_process_one_on_this_machine() -> None:
    name, _, host = machine_user().partition("@")
    assert name == pwd.getpwuid(os.getuid()).pw_name
    assert host
