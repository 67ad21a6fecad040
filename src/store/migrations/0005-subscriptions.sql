create table campaign (
  id         text primary key,
  account_id text not null references account (id),
  settings   text not null check (json_valid(settings)),
  created_at text not null
) strict, without rowid;

-- What is written in a campaign says of which account: the one that has it, and no other.
create unique index campaign_account on campaign (id, account_id);
create index campaign_list on campaign (account_id, created_at, id);
create index campaign_made on campaign (created_at, id);

-- A number in a campaign, with the PIN that it was sent last as long as that is good.
create table subscription (
  id              text primary key,
  account_id      text not null,
  campaign_id     text not null,
  msisdn          text not null,
  state           text not null check (state in ('pending_pin', 'subscribed', 'unsubscribed')),
  pin             text,
  pin_expires_at  text,
  pin_wrong       integer,
  pin_attempts    integer,
  subscriber      text not null check (json_valid(subscriber)),
  created_at      text not null,
  subscribed_at   text,
  unsubscribed_at text,
  unique (campaign_id, msisdn),
  foreign key (campaign_id, account_id) references campaign (id, account_id),
  check ((pin is null) = (pin_expires_at is null) and (pin is null) = (pin_wrong is null)
    and (pin is null) = (pin_attempts is null)),
  -- Only who waits for one has a PIN, and one that was guessed at too often is gone.
  check (pin is null or state = 'pending_pin'),
  check (pin is null or pin_wrong between 0 and pin_attempts - 1),
  check (state <> 'subscribed' or subscribed_at is not null),
  check (state <> 'unsubscribed' or unsubscribed_at is not null)
) strict, without rowid;

create index subscription_pin on subscription (pin_expires_at) where pin is not null;

-- How many numbers of a campaign are in each state, so that nobody has to count them.
create table subscription_count (
  campaign_id text not null references campaign (id),
  state       text not null,
  numbers     integer not null check (numbers >= 0),
  primary key (campaign_id, state)
) strict, without rowid;

create trigger subscription_added after insert on subscription begin
  insert into subscription_count (campaign_id, state, numbers) values (new.campaign_id, new.state, 1)
    on conflict do update set numbers = numbers + 1;
end;
create trigger subscription_changed after update of state on subscription when new.state <> old.state begin
  update subscription_count set numbers = numbers - 1 where campaign_id = old.campaign_id and state = old.state;
  insert into subscription_count (campaign_id, state, numbers) values (new.campaign_id, new.state, 1)
    on conflict do update set numbers = numbers + 1;
end;

-- How PINs get to their subscribers: calls and requests that we owe. `n` is their order; two may have been made in one millisecond.
create table sending (
  n               integer primary key,
  id              text not null unique,
  subscription_id text not null references subscription (id),
  account_id      text not null,
  campaign_id     text not null,
  number          text not null,
  means           text not null check (means in ('call', 'webhook')),
  state           text not null check (state in ('waiting', 'trying', 'speaking', 'ended')),
  outcome         text check (outcome in
    ('delivered', 'busy', 'no_answer', 'no_key', 'hung_up', 'refused', 'failed', 'not_needed')),
  tries           integer not null check (tries >= 0),
  created_at      text not null,
  due_at          text not null,
  ended_at        text,
  foreign key (campaign_id, account_id) references campaign (id, account_id),
  check ((state = 'ended') = (ended_at is not null)),
  check (state <> 'ended' or outcome is not null)
) strict;

-- Each of them ends with `n`, as every index does.
create index sending_of_subscription on sending (subscription_id);
create index sending_of_number on sending (account_id, number, created_at);
create index sending_of_campaign on sending (campaign_id, created_at);
create index sending_of_account on sending (account_id, created_at);
create index sending_begun on sending (means, created_at) where state in ('trying', 'speaking');
-- Those that wait, by what they wait for.
create index sending_waiting on sending (means, campaign_id, due_at) where state = 'waiting';

-- How many of an account, and of a campaign, were made in each minute: those of a day are too many to count for each one.
create table sending_minute (
  kind   text not null check (kind in ('account', 'campaign')),
  id     text not null,
  -- As much of the instant as all of the minute have.
  minute text not null,
  sent   integer not null,
  primary key (kind, id, minute)
) strict, without rowid;

create trigger sending_added after insert on sending begin
  insert into sending_minute (kind, id, minute, sent)
    values ('account', new.account_id, substr(new.created_at, 1, 16), 1),
      ('campaign', new.campaign_id, substr(new.created_at, 1, 16), 1)
    on conflict do update set sent = sent + 1;
end;
