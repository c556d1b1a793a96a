"""Send times: the moment at which each delivery may leave by Meta's limits, on any replica.

Number: so many messages a second, in and out together (130429 beyond); a theoretical arrival time
in `number_pace`. Pair: a burst of up to 45 messages to one contact within 6 s of its first, then
none until 6 s for each of them have passed (131056 beyond); `pair_pace` has the last burst.
Sources: Meta's throughput page of 2026-09-11, about-the-platform of 2025-12-05.

A claim gives its rows their send times in its own round trip. One that is more than HORIZON away is
not claimed: it is due LEAD before. The number's lock comes first, in a statement of its own: what
waits for a lock inside a statement reads what was there before.
"""

from collections.abc import Iterable
from typing import NamedTuple

from common.postgres.connection import Connection, Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays
from common.work.schema import WAITING

PAIR_LIMIT, NUMBER_LIMIT = 131056, 130429  # codes of Meta's errors
PAIR_EVERY, PAIR_BURST = 6, 45
# Seconds from a burst's first send in which another joins it, by how many it has: of Meta's 6, with
# room for one that is slow on its way. Each that joins lets all that follow wait 6 s longer, so few
# may join late: one reply every 4 s for a minute is at most 20 s late then.
FEW, FEW_JOIN, MORE_JOIN = 3, 5.5, 4.0
PAIR_MARGIN = 0.25  # seconds by which two bursts may come closer together on their way
DEFAULT_PER_SECOND = 76.0  # of Meta's 80; only until a number's first insert
BURST_SECONDS = 0.05  # after silence: 80 in no second
HORIZON, LEAD = 1.5, 1.0  # seconds; the owner looks once a second for what is due
LATEST = 1.0  # seconds after which a send time is given anew
SLOWEST, RECOVERS_IN = 0.1, 300  # a number's rate after refusals: its least share; seconds to all
SLOWED_ONCE_IN = 1  # seconds

# What the CTEs need to know of each row: `asked(key, phone_number_id, conversation, ordinality,
# wanted, per_second, inbound)`. per_second: null where the stored one counts. inbound: messages of
# contacts that are not counted yet. `wanted` rows get send times, one of a conversation at most.
# send_times(key, send_at, is_far, is_kept): without `is_kept` the pair is blocked for longer; it
# takes neither the pair's nor the number's place, and asks again when it is due.
SEND_TIMES = f"""
numbers as materialized (
  select phone_number_id, now, per_second, every,
    greatest(tat, now - {BURST_SECONDS} * interval '1 second') + inbound * every as next
  from (
    select a.phone_number_id, a.inbound, n.tat, m.now,
      coalesce(a.per_second, n.per_second, {DEFAULT_PER_SECOND}) as per_second,
      interval '1 second' / (coalesce(a.per_second, n.per_second, {DEFAULT_PER_SECOND})
        * least(1, coalesce(n.slowed_to
          + extract(epoch from m.now - n.slowed_at)::float8 / {RECOVERS_IN}, 1))) as every
    from (
      select phone_number_id, max(per_second) as per_second, sum(inbound)::float8 as inbound
      from asked group by phone_number_id) a
    cross join (select clock_timestamp() as now offset 0) m
    left join lateral (
      select * from number_pace n where n.phone_number_id = a.phone_number_id limit 1) n on true
  ) rated),
pairs as (
  select a.key, a.conversation, a.ordinality, numbers.*, p.started, p.count,
    p.started + (p.count * {PAIR_EVERY} + {PAIR_MARGIN}) * interval '1 second' as free_at,
    p.started + case when p.count < {FEW} then {FEW_JOIN} when p.count < {PAIR_BURST}
      then {MORE_JOIN} end * interval '1 second' as joins_until
  from asked a join numbers using (phone_number_id) left join lateral (
    select * from pair_pace p where p.conversation = a.conversation limit 1) p on true
  where a.wanted),
checked as (
  select pairs.*, coalesce(now >= started and free_at > now + {HORIZON} * interval '1 second'
    and (now < joins_until) is not true, false) as is_blocked
  from pairs),
numbered as (
  select checked.*, greatest(now, case when not is_blocked then next + every * (
    row_number() over (partition by phone_number_id, is_blocked order by ordinality) - 1)
    end) as place
  from checked),
paired as (
  select numbered.*, coalesce(place >= started and place < free_at, false) as in_burst,
    coalesce(place >= started and place < least(free_at, joins_until), false)
      and joins_until is not null as joins
  from numbered),
timed as (
  select paired.*, case when in_burst and not joins then free_at else place end as send_at
  from paired),
send_times as materialized (
  select key, conversation, phone_number_id, joins, started, count, send_at, is_blocked,
    send_at > now + {HORIZON} * interval '1 second' as is_far,
    send_at <= place + {HORIZON} * interval '1 second' as is_kept
  from timed),
number_moves as (
  insert into number_pace as n (phone_number_id, tat, per_second)
  select phone_number_id, next + every * (
      select count(*) from send_times s
      where s.phone_number_id = numbers.phone_number_id and not s.is_blocked), per_second
  from numbers order by phone_number_id
  on conflict (phone_number_id) do update
    set tat = excluded.tat, per_second = excluded.per_second),
pair_moves as (
  insert into pair_pace as p (conversation, started, count)
  select conversation, case when joins then started else send_at end,
    case when joins then count + 1 else 1 end
  from send_times where is_kept order by conversation
  on conflict (conversation) do update set started = excluded.started, count = excluded.count)
"""
# When a row that is far away is due again; null for others. Of the row s of send_times.
DUE_AT = f"case when s.is_far then s.send_at - {LEAD} * interval '1 second' end"

# Seconds until the send time, as a claim returns it.
SEND_IN = """case when {0} is not null
  then greatest(0, extract(epoch from {0} - clock_timestamp()))::float8 end as send_in"""

LOCK = """
select pg_advisory_xact_lock(key) from (
  select distinct hashtextextended('number_pace:' || phone_number_id, 0) as key
  from {numbers} order by key) keys
"""
LOCK_NUMBERS = Prepared(
    LOCK.format(numbers="unnest(%(phone_number_id)s::text[]) n(phone_number_id)")
)
# For rows that are to be claimed by id. A send time counts with the due_at that was set with it:
# one that was claimed since is used up. A row that may have been sent already sends nothing now.
BEFORE_CLAIM = (
    LOCK.format(numbers="delivery where id = any(%(ids)s::bigint[])"),
    f"""
with picked as materialized (
  select id, phone_number_id, conversation from delivery
  where id = any(%(ids)s::bigint[]) and state = {WAITING} and due_at <= now()
    and status <> 'sending'
    and (send_at is distinct from due_at + {LEAD} * interval '1 second'
      or send_at < clock_timestamp() - {LATEST} * interval '1 second')
  order by id for update skip locked),
asked as materialized (
  select id as key, phone_number_id, conversation, id as ordinality, null::float8 as per_second,
    0 as inbound, row_number() over (partition by conversation order by id) = 1 as wanted
  from picked),
{SEND_TIMES}
update delivery d set send_at = case when s.is_kept then s.send_at end,
  due_at = coalesce({DUE_AT}, d.due_at)
from send_times s where d.id = any(array(select key from send_times)) and d.id = s.key
""",
)
# Messages of contacts, where no delivery brings them along.
COUNT_INBOUND = Prepared("""
update number_pace n set tat = greatest(n.tat, now())
  + given.inbound * interval '1 second' / n.per_second
from unnest(%(phone_number_id)s::text[], %(inbound)s::int[]) given(phone_number_id, inbound)
where n.phone_number_id = given.phone_number_id
""")
# Sends that left nothing: a pair's burst is one smaller. Where the pair's limit refused one, the
# burst has ended too: moved 6 s back nothing joins it, and all of it without that one must pass.
UNDO_PAIRS = Prepared(f"""
update pair_pace p set count = p.count - (not given.refused)::int,
  started = p.started - given.refused::int * {PAIR_EVERY} * interval '1 second'
from unnest(%(conversation)s::text[], %(refused)s::boolean[]) given(conversation, refused)
where p.conversation = any(array(
    select conversation from pair_pace where conversation = any(%(conversation)s::text[])
    order by conversation for update))
  and p.conversation = given.conversation and p.count > 0
""")
# Half the rate for numbers over their throughput; a burst of refusals counts once.
SLOW_DOWN = Prepared(f"""
update number_pace set slowed_at = now(), slowed_to = greatest({SLOWEST}, least(1, coalesce(
  slowed_to + extract(epoch from now() - slowed_at)::float8 / {RECOVERS_IN}, 1)) / 2)
where phone_number_id = any(%(phone_number_id)s::text[])
  and coalesce(slowed_at < now() - {SLOWED_ONCE_IN} * interval '1 second', true)
""")
FORGET_EVERY = 600.0  # seconds
# A pair whose burst has passed is like one that never wrote.
FORGET_PAIRS = f"""
delete from pair_pace where conversation = any(array(
  select conversation from pair_pace
  where started + (count * {PAIR_EVERY} + 60) * interval '1 second' < now()
  limit 10000 for update skip locked))
"""


class Unsent(NamedTuple):
    """A delivery that had a send time and left nothing; the code of Meta's error, if any."""

    conversation: str
    phone_number_id: str
    code: int | None

    @property
    def refused(self) -> bool:
        """By the pair's limit."""
        return self.code == PAIR_LIMIT


def after_unsent(unsent: Iterable[Unsent]) -> list[Statement]:
    """For the finish's transaction: what the limits learn of sends that left nothing."""
    each = list(unsent)
    over = sorted({one.phone_number_id for one in each if one.code == NUMBER_LIMIT})
    undo: list[Statement] = [(UNDO_PAIRS, arrays(("conversation", "refused"), each))]
    slow: list[Statement] = [(SLOW_DOWN, {"phone_number_id": over})]
    return [*(undo if each else []), *(slow if over else [])]


def forget_pairs(connection: Connection) -> None:
    """To be called every FORGET_EVERY seconds."""
    connection.exec_driver_sql(FORGET_PAIRS)
