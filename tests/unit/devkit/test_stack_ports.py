import socket

from devkit.stack.ports import free_ports, is_free, usual_or_free


def test_the_usual_port_is_used_when_it_is_free() -> None:
    usual = free_ports(1)[0]
    said: list[str] = []
    assert usual_or_free("ingress", usual, said.append) == usual
    assert said == []


def test_a_taken_port_is_replaced_by_a_free_one_and_that_is_said() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        usual = other.getsockname()[1]
        port = usual_or_free("ingress", usual, said.append)
    assert port != usual
    assert is_free(port)
    assert said == [f"ingress: port {usual} is taken, using {port}"]


def test_a_server_on_all_addresses_takes_the_port_too() -> None:
    with socket.create_server(("", 0)) as other:
        assert not is_free(other.getsockname()[1])


def test_several_free_ports_are_all_different() -> None:
    assert len(set(free_ports(20))) == 20
