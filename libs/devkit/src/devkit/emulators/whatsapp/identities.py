"""Who talks to whom: the businesses that have a number and the people who write to them."""

import re
from dataclasses import dataclass

from devkit.businesses import DemoClient

# ITU E.164: one or two digits where assigned, else three.
COUNTRY_CODE = re.compile(
    r"1|7|2[07]|3[0-46-9]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3}|[0-9]*"
)


@dataclass(frozen=True, slots=True)
class Business:
    """One number on the platform. `phone_number` is E.164 with +; `token` None: the default one."""

    name: str
    phone_number: str
    phone_number_id: str
    token: str | None = None
    waba_id: str = "102290129340398"

    @property
    def digits(self) -> str:
        return digits(self.phone_number)


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. `wa_id` is the phone in digits, `user_id` the BSUID.

    With `phone_visible` False the webhooks carry no phone, as for people with a username.
    """

    name: str
    wa_id: str
    user_id: str
    phone_visible: bool = True


def business_of(client: DemoClient) -> Business:
    return Business(client.name, client.phone_number, client.phone_number_id)


def digits(phone: str) -> str:
    return "".join(filter(str.isdecimal, phone))


def country_code(phone: str) -> str:
    """The ITU country code that an international number starts with."""
    match = COUNTRY_CODE.match(digits(phone))
    return match[0] if match else ""


def dialled(to: str, business: Business) -> str:
    """The wa_id that Meta sends to: without + it prepends the business's own country code."""
    if to.lstrip().startswith("+"):
        return digits(to)
    return country_code(business.phone_number) + digits(to)
