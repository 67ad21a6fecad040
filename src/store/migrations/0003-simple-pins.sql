-- Databases of PINs, addressed by their account's numbers. The id keeps the rows of a million PINs short.
create table pin_database (
  id         integer primary key,
  account_id text not null references account (id),
  number     integer not null check (number between 1 and 9999),
  label      text not null,
  max_keys   integer not null check (max_keys >= 0),
  action     text not null check (json_valid(action)),
  unique (account_id, number)
) strict;

create table pin (
  database_id integer not null references pin_database (id),
  pin         text not null check (length(pin) between 1 and 15),
  begins_at   text,
  expires_at  text,
  primary key (database_id, pin)
) strict, without rowid;

-- How many PINs of each length a database has: asked with every PIN that is checked.
create table pin_length (
  database_id integer not null references pin_database (id),
  length      integer not null,
  pins        integer not null check (pins >= 0),
  primary key (database_id, length)
) strict, without rowid;

-- Uses and keys outlive their PIN, so neither refers to it.
create table pin_use (
  id          integer primary key,
  database_id integer not null references pin_database (id),
  at          text not null,
  pin         text not null,
  key         text not null
) strict;

create index pin_use_list on pin_use (database_id, at, id);

create table pin_key (
  database_id   integer not null references pin_database (id),
  pin           text not null,
  key           text not null,
  first_used_at text not null,
  primary key (database_id, pin, key)
) strict, without rowid;

-- How many keys each PIN has. No keys: 0, or no row.
create table pin_key_count (
  database_id integer not null references pin_database (id),
  pin         text not null,
  keys        integer not null check (keys >= 0),
  primary key (database_id, pin)
) strict, without rowid;

-- What is remembered of wrong PINs: of a caller, of a place and of a way in. From forget_at on it says nothing.
create table guess_tally (
  scope        text not null check (scope in ('caller', 'place', 'way')),
  name         text not null,
  empty_at     text not null,
  locked_until text not null,
  strikes      integer not null,
  forget_at    text not null,
  primary key (scope, name)
) strict, without rowid;

create index guess_tally_forget on guess_tally (forget_at);

-- Which database a number's callers key a PIN of, where the flow asks for one.
alter table virtual_number add column pin_database integer check (pin_database between 1 and 9999);

-- How many PINs of each length open something on a virtual number. By triggers: allocation_pin is written in several ways, and
-- counting its rows with each PIN that is keyed would take longer the more there are.
create table allocation_pin_length (
  vn     text not null,
  length integer not null,
  pins   integer not null check (pins >= 0),
  primary key (vn, length)
) strict, without rowid;

insert into allocation_pin_length (vn, length, pins)
  select vn, length(pin), count(*) from allocation_pin where free_at is null group by 1, 2;

create trigger allocation_pin_added after insert on allocation_pin when new.free_at is null begin
  insert into allocation_pin_length (vn, length, pins) values (new.vn, length(new.pin), 1)
    on conflict do update set pins = pins + 1;
end;

create trigger allocation_pin_removed after delete on allocation_pin when old.free_at is null begin
  update allocation_pin_length set pins = pins - 1 where vn = old.vn and length = length(old.pin);
end;

create trigger allocation_pin_retired after update of free_at on allocation_pin
when (old.free_at is null) <> (new.free_at is null) begin
  update allocation_pin_length set pins = pins + iif(new.free_at is null, 1, -1)
    where vn = new.vn and length = length(new.pin);
end;
