-- What a login is for beyond its account: a card that it speaks of, and what its user may do.
alter table credential add column card_id integer references card (id);
alter table credential add column role text;

create index credential_list on credential (account_id, dialect, user);
create index virtual_number_list on virtual_number (account_id, number);

-- Text messages cost money: how many an account has asked for since an instant.
create index event_sms on event (account_id, body ->> '$.at') where type = 'sms.requested';

create table card_group (
  id             integer primary key autoincrement,
  account_id     text not null references account (id),
  name           text not null,
  description    text not null,
  number_length  integer not null check (number_length between 4 and 20),
  pin_length     integer not null check (pin_length between 4 and 15),
  price_micros   integer not null check (price_micros >= 0),
  balance_micros integer not null check (balance_micros >= 0),
  tariff_id      integer references tariff (id),
  valid_ms       integer check (valid_ms > 0),
  -- How many cards it has, and how many of them are not sold yet: by triggers, for there may be a million to count.
  cards          integer not null default 0 check (cards >= 0),
  unsold         integer not null default 0 check (unsold between 0 and cards),
  unique (account_id, name)
) strict;

create index card_group_list on card_group (account_id, id);

create table distributor (
  id         integer primary key autoincrement,
  account_id text not null references account (id),
  name       text not null,
  unique (account_id, name)
) strict;

create index distributor_list on distributor (account_id, id);

-- Money: whole micro-units. The triggers below are the only ones to write balance_micros and held_micros.
create table card (
  id                     integer primary key autoincrement,
  account_id             text not null references account (id),
  group_id               integer not null references card_group (id),
  number                 text not null,
  name                   text not null,
  pin                    text not null check (length(pin) between 4 and 15),
  cli                    text,
  balance_micros         integer not null default 0 check (balance_micros >= 0),
  held_micros            integer not null default 0 check (held_micros between 0 and balance_micros),
  minimal_balance_micros integer not null check (minimal_balance_micros >= 0),
  language               text not null,
  batch                  text not null,
  sold                   integer not null check (sold in (0, 1)),
  distributor_id         integer references distributor (id),
  valid_from             text,
  valid_until            text,
  first_used_at          text,
  daily_charge_paid_till text,
  blocked                integer not null check (blocked in (0, 1)),
  disabled               integer not null check (disabled in (0, 1)),
  created_at             text not null
) strict;

create unique index card_number on card (account_id, number);
create unique index card_pin on card (account_id, pin);
create unique index card_cli on card (account_id, cli) where cli is not null;
create index card_list on card (account_id, group_id, number);

create trigger card_counted after insert on card begin
  update card_group set cards = cards + 1, unsold = unsold + (new.sold = 0) where id = new.group_id;
end;

create trigger card_counted_anew after update of group_id, sold on card
when old.group_id <> new.group_id or old.sold <> new.sold begin
  update card_group set unsold = unsold - (old.sold = 0), cards = cards - 1 where id = old.group_id;
  update card_group set cards = cards + 1, unsold = unsold + (new.sold = 0) where id = new.group_id;
end;

-- Who has keyed the right PIN of a card lately: they are served while strangers are turned away.
create table card_caller (
  card_id integer not null references card (id),
  caller  text not null,
  used_at text not null,
  primary key (card_id, caller)
) strict, without rowid;

create index card_caller_used on card_caller (card_id, used_at desc, caller);

create trigger card_callers_forgotten after update of pin on card when old.pin <> new.pin begin
  delete from card_caller where card_id = new.id;
end;

-- How many cards have a PIN of each length: asked with every PIN that is keyed.
create table card_pin_length (
  account_id text not null,
  length     integer not null,
  pins       integer not null check (pins >= 0),
  primary key (account_id, length)
) strict, without rowid;

create trigger card_pin_added after insert on card begin
  insert into card_pin_length (account_id, length, pins) values (new.account_id, length(new.pin), 1)
    on conflict do update set pins = pins + 1;
end;

create trigger card_pin_changed after update of pin on card when length(old.pin) <> length(new.pin) begin
  update card_pin_length set pins = pins - 1 where account_id = old.account_id and length = length(old.pin);
  insert into card_pin_length (account_id, length, pins) values (new.account_id, length(new.pin), 1)
    on conflict do update set pins = pins + 1;
end;

-- Every movement of money. Lines are never changed or removed.
create table ledger (
  id             integer primary key autoincrement,
  card_id        integer not null references card (id),
  at             text not null,
  kind           text not null check (kind in ('opening', 'top_up', 'voucher', 'charge', 'refund', 'correction')),
  amount_micros  integer not null check (amount_micros <> 0),
  balance_micros integer not null check (balance_micros >= 0),
  reference      text,
  note           text not null,
  check (kind = 'correction' or (kind = 'charge') = (amount_micros < 0)),
  check (kind not in ('charge', 'refund', 'voucher') or reference is not null)
) strict;

create index ledger_list on ledger (card_id, id);
-- A call is charged once and given back once, a voucher counts once.
create unique index ledger_once on ledger (kind, reference) where reference is not null;

create trigger ledger_moves_money after insert on ledger begin
  update card set balance_micros = balance_micros + new.amount_micros where id = new.card_id;
  select raise(abort, 'a line of the ledger has another balance than its card')
    where (select balance_micros from card where id = new.card_id) <> new.balance_micros;
end;

create trigger ledger_is_not_changed before update on ledger begin
  select raise(abort, 'lines of the ledger are never changed');
end;

create trigger ledger_is_not_removed before delete on ledger begin
  select raise(abort, 'lines of the ledger are never removed');
end;

create table voucher (
  id            text primary key,
  account_id    text not null references account (id),
  pin           text not null check (length(pin) between 6 and 15),
  amount_micros integer not null check (amount_micros > 0),
  valid_until   text,
  created_at    text not null,
  used_at       text,
  used_by       integer references card (id),
  check ((used_at is null) = (used_by is null)),
  unique (account_id, pin)
) strict, without rowid;

-- How many vouchers that are not used yet have a PIN of each length.
create table voucher_length (
  account_id text not null,
  length     integer not null,
  pins       integer not null check (pins >= 0),
  primary key (account_id, length)
) strict, without rowid;

create trigger voucher_added after insert on voucher begin
  insert into voucher_length (account_id, length, pins) values (new.account_id, length(new.pin), 1)
    on conflict do update set pins = pins + 1;
end;

create trigger voucher_used after update of used_at on voucher when old.used_at is null and new.used_at is not null begin
  update voucher_length set pins = pins - 1 where account_id = new.account_id and length = length(new.pin);
end;

-- A tariff keeps its id; its rates belong to a version, which an import replaces as a whole.
create table tariff (
  id          integer primary key autoincrement,
  account_id  text not null references account (id),
  name        text not null,
  version     integer not null,
  rates       integer not null check (rates >= 0),
  imported_at text not null,
  unique (account_id, name)
) strict;

-- Versions that are being written, and those that are over (replaced, or given up) while their rates are removed.
create table tariff_version (
  version    integer primary key autoincrement,
  account_id text not null references account (id),
  name       text not null,
  begun_at   text not null,
  rates      integer not null check (rates >= 0),
  over       integer not null check (over in (0, 1))
) strict;

create index tariff_version_over on tariff_version (version) where over = 1;
create index tariff_version_begun on tariff_version (begun_at) where over = 0;

create table rate (
  version           integer not null,
  prefix            text not null check (length(prefix) between 1 and 15),
  name              text not null,
  per_minute_micros integer not null check (per_minute_micros >= 0),
  set_up_micros     integer not null check (set_up_micros >= 0),
  minimum_seconds   integer not null check (minimum_seconds >= 0),
  increment_seconds integer not null check (increment_seconds >= 1),
  primary key (version, prefix)
) strict, without rowid;

-- A paid call: what is set aside for it, and what became of it.
create table hold (
  id               text primary key,
  account_id       text not null references account (id),
  card_id          integer not null references card (id),
  call_id          text not null,
  kind             text not null check (kind in ('card', 'callback', 'line')),
  caller           text,
  dialled          text not null,
  rate             text not null check (json_valid(rate)),
  -- Of a callback: what the party costs that is rung first, alone.
  also_rate        text check (json_valid(also_rate)),
  held_micros      integer not null check (held_micros >= 0),
  longest_seconds  integer not null check (longest_seconds > 0),
  state            text not null check (state in ('open', 'settled', 'void')),
  opened_at        text not null,
  answered_at      text,
  also_answered_at text,
  ended_at         text,
  charged_micros   integer not null check (charged_micros between 0 and held_micros),
  billed_seconds   integer not null check (billed_seconds >= 0),
  check ((state = 'open') = (ended_at is null)),
  check (state <> 'settled' or answered_at is not null or also_answered_at is not null),
  check (also_answered_at is null or also_rate is not null),
  -- The first party of a callback may wait longer for the second than the two might have talked.
  check (billed_seconds <= longest_seconds or answered_at is null),
  check (state = 'settled' or (charged_micros = 0 and billed_seconds = 0))
) strict, without rowid;

create index hold_open on hold (opened_at, id) where state = 'open';
-- What runs, and how much is held for it: of an account, and of one card.
create index hold_running on hold (account_id, card_id, held_micros, longest_seconds) where state = 'open';
create index hold_of_card on hold (card_id, opened_at, id);
create index hold_charged on hold (card_id, ended_at, charged_micros) where state = 'settled';
create index hold_list on hold (account_id, opened_at, id) where state = 'settled';

create trigger hold_begins_open before insert on hold when new.state <> 'open' begin
  select raise(abort, 'a hold is open first');
end;

create trigger hold_opened after insert on hold begin
  update card set held_micros = held_micros + new.held_micros where id = new.card_id;
end;

create trigger hold_closed after update of state on hold when old.state = 'open' and new.state <> 'open' begin
  update card set held_micros = held_micros - old.held_micros where id = new.card_id;
end;

-- What was charged can only be given back.
create trigger hold_is_final before update on hold
when old.state <> 'open' and (new.state <> old.state or new.charged_micros > old.charged_micros) begin
  select raise(abort, 'a hold is resolved once');
end;

create trigger hold_keeps_its_sum before update on hold
when new.held_micros <> old.held_micros or new.card_id <> old.card_id or new.account_id <> old.account_id begin
  select raise(abort, 'what a hold sets aside is never changed');
end;

create trigger hold_is_not_removed before delete on hold begin
  select raise(abort, 'holds are never removed');
end;

-- What an account has called lately, by slots of five minutes since 1970: calls begun in them, and what was charged for calls
-- that ended in them. Of a day its holds may be too many to add up each time.
create table account_usage (
  account_id text not null references account (id),
  slot       integer not null,
  calls      integer not null,
  micros     integer not null,
  primary key (account_id, slot)
) strict, without rowid;

create trigger hold_counts after insert on hold begin
  insert into account_usage (account_id, slot, calls, micros)
    values (new.account_id, unixepoch(new.opened_at) / 300, 1, 0)
    on conflict do update set calls = calls + 1;
end;

create trigger hold_costs after update of state on hold when old.state = 'open' and new.state = 'settled' begin
  insert into account_usage (account_id, slot, calls, micros)
    values (new.account_id, unixepoch(new.ended_at) / 300, 0, new.charged_micros)
    on conflict do update set micros = micros + excluded.micros;
end;

-- Its slot may be forgotten by then.
create trigger hold_given_back after update of charged_micros on hold when old.state = 'settled' begin
  update account_usage set micros = micros - (old.charged_micros - new.charged_micros)
    where account_id = new.account_id and slot = unixepoch(new.ended_at) / 300;
end;

-- SIP accounts that call on a card.
create table voip_line (
  username   text primary key,
  account_id text not null references account (id),
  card_id    integer not null references card (id),
  password   text not null,
  created_at text not null
) strict, without rowid;

create index voip_line_list on voip_line (account_id, username);

-- Calls that we owe.
create table callback (
  id         text primary key,
  account_id text not null references account (id),
  card_id    integer not null references card (id),
  a          text not null,
  b          text not null,
  state      text not null check (state in ('waiting', 'ringing_a', 'ringing_b', 'talking', 'ended')),
  outcome    text,
  call_id    text,
  created_at text not null,
  ended_at   text,
  check ((state = 'ended') = (ended_at is not null)),
  check (state <> 'ended' or outcome is not null)
) strict, without rowid;

create index callback_open on callback (created_at, id) where state <> 'ended';
create index callback_begun on callback (created_at, id) where state in ('ringing_a', 'ringing_b', 'talking');
-- Those that wait, by whom they wait for.
create index callback_waiting on callback (account_id, created_at, id) where state = 'waiting';

-- Requests that must be carried out once, with what was answered to them.
create table request (
  key       text primary key,
  answer    text,
  forget_at text not null
) strict, without rowid;

create index request_forget on request (forget_at);
