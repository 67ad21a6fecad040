-- A cool-off keeps the PINs of an ended allocation on their numbers until an instant.
alter table allocation add column pins_free_at text check (pins_free_at is null or state = 'vault');
-- Null while the PIN opens its allocation.
alter table allocation_pin add column free_at text;
create index allocation_pin_free on allocation_pin (free_at) where free_at is not null;

-- Lists are read newest first from any place in them: each index has the order of its list.
create index allocation_list on allocation (account_id, created_at, id);
create index allocation_named on allocation (account_id, transaction_id, created_at, id);
create index event_list on event (account_id, id);
-- Counts and finds the dead, as event_dead did, and lists every other state too.
create index event_state on event (state, id);
drop index event_dead;

-- A recording has the name of its call. It is removed only after the call has ended.
alter table call add column recorded_until text;
create index call_recorded on call (recorded_until) where recorded_until is not null and state = 'ended';
