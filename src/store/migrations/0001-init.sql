-- Instants are UTC text, 2026-11-21T23:47:01.123Z: fixed width, so that text order is time order.

create table account (
  id             text primary key,
  sid            text not null unique,
  name           text not null,
  settings       text not null check (json_valid(settings)),
  webhook_secret text not null
) strict, without rowid;

create table credential (
  dialect     text not null,
  user        text not null,
  account_id  text not null references account (id),
  secret_hash text not null,
  primary key (dialect, user)
) strict, without rowid;

create table virtual_number (
  number     text primary key,
  account_id text not null references account (id),
  flow       text not null
) strict, without rowid;

create table allocation (
  id             text primary key,
  account_id     text not null references account (id),
  transaction_id text not null,
  a              text not null check (json_valid(a)),
  b              text not null check (json_valid(b)),
  usage          text not null check (usage in ('oneway', 'twoway')),
  state          text not null check (state in ('active', 'vault')),
  created_at     text not null,
  deallocate_at  text not null,
  ended_at       text,
  check ((state = 'active') = (ended_at is null))
) strict, without rowid;

create unique index allocation_transaction on allocation (account_id, transaction_id) where state = 'active';
create index allocation_due on allocation (deallocate_at) where state = 'active';

-- What a caller can key on a virtual number. The key makes a PIN unique on its number, whatever races.
create table allocation_pin (
  vn            text not null,
  pin           text not null,
  allocation_id text not null references allocation (id),
  party         text not null check (party in ('a', 'b')),
  primary key (vn, pin)
) strict, without rowid;

-- Whom a virtual number knows by the number that calls.
create table allocation_member (
  vn            text not null,
  number        text not null,
  allocation_id text not null references allocation (id),
  party         text not null check (party in ('a', 'b')),
  primary key (vn, number, allocation_id)
) strict, without rowid;

create table call (
  id             text primary key,
  account_id     text not null references account (id),
  vn             text not null,
  caller         text,
  channel_id     text not null,
  state          text not null check (state in ('ivr', 'ringing', 'talking', 'ended')),
  allocation_id  text references allocation (id),
  transaction_id text,
  party          text check (party in ('a', 'b')),
  dialled        text,
  dialled_channel_id text,
  started_at     text not null,
  ringing_at     text,
  answered_at    text,
  ended_at       text,
  call_type      text,
  dial_status    text,
  check ((state = 'ended') = (ended_at is not null))
) strict, without rowid;

create index call_open on call (id) where state <> 'ended';

create table event (
  id         text primary key,
  account_id text not null references account (id),
  type       text not null,
  body       text not null check (json_valid(body)),
  state      text not null check (state in ('no_receiver', 'waiting', 'delivered', 'dead')),
  attempts   integer not null default 0,
  due_at     text,
  last_word  text,
  check ((state = 'waiting') = (due_at is not null))
) strict, without rowid;

create index event_due on event (account_id, due_at) where state = 'waiting';
create index event_waiting on event (due_at) where state = 'waiting';
create index event_dead on event (id) where state = 'dead';

-- One row: the last instant at which the application is known to have been alive.
create table life (
  one      integer primary key check (one = 1),
  alive_at text not null
) strict;
