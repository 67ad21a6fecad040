import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { type Account, DEFAULT_SETTINGS, type VirtualNumber } from '../../src/engine/accounts.ts'
import type { Allocation, Party } from '../../src/engine/allocations.ts'
import type { CallRecord } from '../../src/engine/calls.ts'
import type { AllocationEnded, Event, EventType } from '../../src/engine/events.ts'
import type { Store, Surroundings } from '../../src/engine/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { groupCommit } from '../../src/store/sqlite/group-commit.ts'
import { until } from '../support/until.ts'

/** Every backend keeps the same promises; a new one is a new line. */
const BACKENDS: { name: string; open: (onDue?: () => void) => Store }[] = [
  { name: 'SQLite', open: (onDue) => openSqlite(':memory:', onDue) },
]

const VN1 = '+916292134471'
const VN2 = '+916292134464'
const A = '+917987686144'
const B = '+919956555625'
const T0 = Date.UTC(2026, 0, 1)
const FAR = Date.UTC(2099, 0, 1)
const ENDPOINT = 'https://client.example/events'

let count = 0
const newId = (what: string) => `${what}-${String(++count).padStart(6, '0')}`

function account(id: string, endpoints: Account['settings']['endpoints'] = {}): Account {
  const settings = { ...structuredClone(DEFAULT_SETTINGS), endpoints }
  return { id, sid: `sid-${id}`, name: id, settings, webhookSecret: `whsec_${id}` }
}

const ALL: Partial<Record<EventType, string>> = {
  'call.completed': ENDPOINT,
  'caller.verified': ENDPOINT,
  'caller.refused': ENDPOINT,
  'allocation.ended': ENDPOINT,
}

type Change = Partial<Omit<Allocation, 'a' | 'b'>> & { a?: Partial<Party>; b?: Partial<Party> }

function allocation({ a, b, ...rest }: Change = {}): Allocation {
  return {
    id: newId('allocation'),
    accountId: 'acme',
    transactionId: newId('transaction'),
    a: { numbers: [A], vns: [VN1], pin: '713', ...a },
    b: { numbers: [B], vns: [VN2], pin: '884', ...b },
    usage: 'twoway',
    state: 'active',
    createdAt: T0,
    deallocateAt: T0 + 3_600_000,
    endedAt: undefined,
    ...rest,
  }
}

function call(change: Partial<CallRecord> = {}): CallRecord {
  const id = newId('call')
  return {
    ...{ id, accountId: 'acme', vn: VN1, from: A, channelId: `channel-${id}`, state: 'ivr', startedAt: T0 },
    ...{ allocationId: undefined, transactionId: undefined, party: undefined, to: undefined },
    ...{ toChannelId: undefined, ringingAt: undefined, answeredAt: undefined, endedAt: undefined },
    ...{ callType: undefined, dialStatus: undefined },
    ...change,
  }
}

function ended(of: Allocation, change: Partial<AllocationEnded> = {}): AllocationEnded {
  const { id: allocationId, accountId, transactionId, a, b, usage } = of
  const id = newId('event')
  return {
    ...{ type: 'allocation.ended', id, accountId, at: T0, allocationId, transactionId, a, b, usage },
    ...change,
  }
}

function refused(accountId: string, at = T0, id = newId('event')): Event {
  const about = { callId: 'c', vn: VN1, caller: A, startedAt: T0, pin: '1' }
  return { type: 'caller.refused', id, accountId, at, ...about }
}

const failing = (message: string) => (): never => {
  throw new Error(message)
}

describe.each(BACKENDS)('a store on $name', ({ open }) => {
  let store: Store
  let woken: number

  beforeEach(async () => {
    woken = 0
    store = open(() => woken++)
    await store.addAccount(account('acme', ALL), [])
    for (const number of [VN1, VN2]) await store.addNumber({ number, accountId: 'acme', flow: 'masking' })
  })
  afterEach(() => store.close())

  const query = (of: Allocation, pins: string[] = []) => ({
    ...{ accountId: of.accountId, transactionId: of.transactionId },
    ...{ vns: [...of.a.vns, ...of.b.vns], pins },
  })
  const insert = (save: Allocation, events: Event[] = []) =>
    store.addAllocation(query(save), () => ({ save, events, result: undefined }))
  const add = async (change?: Change) => {
    const made = allocation(change)
    await insert(made)
    return made
  }
  const change = (of: Allocation, save: Allocation, events: Event[] = []) =>
    store.changeAllocation(of.accountId, of.id, () => ({ save, events, result: undefined }))
  const find = (of: Allocation) => store.findAllocation(of.accountId, of.id)
  const end = (of: Allocation) => change(of, { ...of, state: 'vault', endedAt: T0 + 1 })
  const eventIds = async (store_ = store) =>
    (await store_.dueDeliveries(FAR, 100_000)).map(({ event }) => event.id)
  const callOf = (id: string) => store.changeCall(id, (found) => ({ result: found }))

  describe('accounts and numbers', () => {
    test('come back as they were', async () => {
      const other = account('other', { 'call.completed': 'https://x.example/?a=1&b="ü"' })
      const credential = { dialect: 'greenpin', user: 'key', accountId: 'other', secretHash: 'hash' } as const
      await store.addAccount(other, [credential])
      expect((await store.accounts()).map(({ id }) => id)).toEqual(['acme', 'other'])
      expect(await store.findLogin('greenpin', 'key')).toEqual({ account: other, secretHash: 'hash' })
      expect(await store.findLogin('greenpin', 'KEY')).toBeUndefined()
      const number: VirtualNumber = { number: VN1, accountId: 'acme', flow: 'masking' }
      expect(await store.findNumber(VN1)).toEqual({ number, account: account('acme', ALL) })
      expect(await store.findNumber('+1')).toBeUndefined()
    })

    test('exist once', async () => {
      const refusal = expect.objectContaining({ name: 'Refusal', code: 'duplicate_transaction' })
      await expect(store.addAccount({ ...account('x'), sid: 'sid-acme' }, [])).rejects.toEqual(refusal)
      const credential = { dialect: 'greenpin', user: 'key', accountId: 'x', secretHash: 'h' } as const
      await store.addAccount(account('x'), [credential])
      await expect(store.addAccount(account('y'), [{ ...credential, accountId: 'y' }])).rejects.toEqual(
        refusal,
      )
      // Neither the account nor anything of it is left.
      expect((await store.accounts()).map(({ id }) => id)).toEqual(['acme', 'x'])
      const taken = { number: VN1, accountId: 'x', flow: 'masking' } as const
      await expect(store.addNumber(taken)).rejects.toMatchObject({ name: 'Refusal', code: 'number_taken' })
      expect((await store.findNumber(VN1))?.account.id).toBe('acme')
    })

    test('a number belongs to an account', async () => {
      const orphan = { number: '+49301234567', accountId: 'nobody', flow: 'masking' } as const
      await expect(store.addNumber(orphan)).rejects.not.toMatchObject({ name: 'Refusal' })
    })
  })

  describe('allocations', () => {
    test('come back as they were, with and without PIN, to their own account only', async () => {
      const made = await add({ b: { pin: undefined, numbers: [] } })
      expect(await find(made)).toEqual(made)
      expect(await store.findAllocation('other', made.id)).toBeUndefined()
      const seen = await store.changeAllocation('other', made.id, (found) => ({ result: found }))
      expect(seen).toBeUndefined()
      const changed: Allocation = {
        ...made,
        usage: 'oneway',
        deallocateAt: T0 + 5,
        a: { ...made.a, vns: [VN2] },
      }
      await change(made, changed)
      expect(await find(made)).toEqual(changed)
    })

    test('are decided with their surroundings in sight', async () => {
      const made = await add()
      const look = (of: Partial<Parameters<Store['addAllocation']>[0]>): Promise<Surroundings> =>
        store.addAllocation(
          { accountId: 'acme', transactionId: 'new', vns: [VN1], pins: [], ...of },
          (seen) => ({ result: seen }),
        )
      expect(await look({ transactionId: made.transactionId })).toMatchObject({ sameTransaction: made })
      expect(await look({ transactionId: made.transactionId, accountId: 'other' })).toMatchObject({
        sameTransaction: undefined,
        ownVns: new Set(),
      })
      expect(await look({ pins: ['713', '884', '1'] })).toMatchObject({ takenPins: new Set(['713']) })
      expect(await look({ vns: [VN1, VN2, '+1'], pins: ['713', '884', '1'] })).toEqual({
        sameTransaction: undefined,
        takenPins: new Set(['713', '884']),
        ownVns: new Set([VN1, VN2]),
      })
    })

    test('are found by a PIN and by a number of theirs on a virtual number', async () => {
      const made = await add()
      const byPin = (vn: string, pin: string) => store.changeByPin(vn, pin, (found) => ({ result: found }))
      expect(await byPin(VN1, '713')).toEqual({ allocation: made, party: 'a' })
      expect(await byPin(VN2, '884')).toEqual({ allocation: made, party: 'b' })
      expect(await byPin(VN2, '713')).toBeUndefined()
      expect(await byPin(VN1, '0713')).toBeUndefined()
      expect(await store.membershipsOn(VN1, A)).toEqual([{ allocation: made, party: 'a' }])
      expect(await store.membershipsOn(VN1, B)).toEqual([])
      const second = await add({ a: { vns: [VN1], pin: '2' }, b: { pin: undefined } })
      expect(await store.membershipsOn(VN1, A)).toEqual([
        { allocation: made, party: 'a' },
        { allocation: second, party: 'a' },
      ])
    })

    test('a number that joins is found, one that leaves is not, a PIN that changes neither', async () => {
      const made = await add()
      const joined: Allocation = { ...made, a: { ...made.a, numbers: [A, '+919812345678'], pin: '555' } }
      await change(made, joined)
      expect(await store.membershipsOn(VN1, '+919812345678')).toEqual([{ allocation: joined, party: 'a' }])
      expect(await store.pinsInUse([VN1, VN2], 3)).toEqual(new Set(['555', '884']))
      await change(joined, { ...joined, a: { ...joined.a, numbers: ['+919812345678'] } })
      expect(await store.membershipsOn(VN1, A)).toEqual([])
    })

    test('a virtual number is in use while it has members or PINs', async () => {
      const inUse = () => Promise.all([VN1, VN2, '+1'].map((vn) => store.hasAllocations(vn)))
      expect(await inUse()).toEqual([false, false, false])
      const made = await add({ a: { numbers: [] }, b: { pin: undefined } })
      expect(await inUse()).toEqual([true, true, false])
      await end(made)
      expect(await inUse()).toEqual([false, false, false])
    })

    test('one that has ended is found by nothing but its id, and its PINs are free', async () => {
      const made = await add()
      await end(made)
      for (const [vn, pin, number] of [
        [VN1, '713', A],
        [VN2, '884', B],
      ] as const) {
        expect(await store.changeByPin(vn, pin, (found) => ({ result: found }))).toBeUndefined()
        expect(await store.membershipsOn(vn, number)).toEqual([])
      }
      expect(await store.pinsInUse([VN1, VN2], 3)).toEqual(new Set())
      expect(await store.dueAllocations(FAR, 10)).toEqual([])
      expect(await find(made)).toMatchObject({ state: 'vault', endedAt: T0 + 1 })
      const { transactionId } = made
      await add({ transactionId })
    })

    test('a PIN opens one party on a virtual number, whatever a decision says', async () => {
      const made = await add()
      const taken = [
        allocation({ a: { pin: '713' }, b: { pin: '1' } }),
        allocation({ a: { vns: [VN2], pin: '884' }, b: { pin: '2' } }),
        allocation({ a: { pin: '3' }, b: { vns: [VN1], pin: '713' } }),
        allocation({ a: { pin: '4', vns: [VN1] }, b: { pin: '4', vns: [VN1] } }),
      ]
      for (const one of taken) {
        await expect(insert(one, [ended(one)])).rejects.toThrow(/UNIQUE/)
        expect(await find(one)).toBeUndefined()
      }
      expect(await store.pinsInUse([VN1, VN2], 1)).toEqual(new Set())
      expect(await store.pinsInUse([VN1, VN2], 3)).toEqual(new Set(['713', '884']))
      expect(await eventIds()).toEqual([])
      const other = await add({ a: { pin: '5' }, b: { pin: '6' } })
      await expect(change(other, { ...other, a: { ...other.a, pin: '713' } })).rejects.toThrow(/UNIQUE/)
      expect(await find(other)).toEqual(other)
      expect(await store.changeByPin(VN1, '713', (found) => ({ result: found?.allocation.id }))).toBe(made.id)
    })

    test('a transaction id is unique among the active ones of an account', async () => {
      const made = await add()
      const twin = allocation({ transactionId: made.transactionId, a: { pin: '1' }, b: { pin: '2' } })
      await expect(insert(twin)).rejects.toThrow(/UNIQUE/)
    })

    test('are due oldest first, at their instant, at most as many as wanted', async () => {
      const ids: string[] = []
      for (const minutes of [3, 1, 2]) {
        const pins = { a: { pin: `1${minutes}` }, b: { pin: `2${minutes}` } }
        ids[minutes] = (await add({ ...pins, deallocateAt: T0 + minutes * 60_000 })).id
      }
      const due = async (now: number, limit = 10) =>
        (await store.dueAllocations(now, limit)).map(({ id }) => id)
      expect(await due(T0 + 59_999)).toEqual([])
      expect(await due(T0 + 60_000)).toEqual([ids[1]])
      expect(await due(FAR)).toEqual([ids[1], ids[2], ids[3]])
      expect(await due(FAR, 2)).toEqual([ids[1], ids[2]])
      expect((await store.dueAllocations(FAR, 1))[0]).toEqual({ accountId: 'acme', id: ids[1] })
    })
  })

  describe('calls', () => {
    test('come back as they were', async () => {
      const made = await add()
      const bare = call({ from: undefined })
      const full = call({
        ...{ state: 'ended', allocationId: made.id, transactionId: made.transactionId, party: 'b' },
        ...{ to: B, toChannelId: 'leg', ringingAt: T0 + 1, answeredAt: T0 + 2, endedAt: T0 + 3 },
        ...{ callType: 'completed', dialStatus: 'completed' },
      })
      await store.addCall(bare)
      await store.addCall(full)
      expect(await callOf(bare.id)).toEqual(bare)
      expect(await callOf(full.id)).toEqual(full)
      expect(await callOf('none')).toBeUndefined()
      const { id, accountId, vn, from, channelId } = bare
      await store.changeCall(bare.id, () => ({
        save: { ...full, id, accountId, vn, from, channelId },
        result: 0,
      }))
      expect(await callOf(bare.id)).toEqual({ ...full, id, accountId, vn, from, channelId })
    })

    test('those that have not ended are listed, oldest first', async () => {
      const calls = [call(), call(), call()]
      for (const one of [...calls].reverse()) await store.addCall(one)
      await store.changeCall(calls[1]!.id, (found) => ({
        save: { ...found!, state: 'ended', endedAt: T0 },
        result: undefined,
      }))
      expect((await store.openCalls()).map(({ id }) => id)).toEqual([calls[0]!.id, calls[2]!.id])
    })

    test('the last instant at which anybody was alive', async () => {
      expect(await store.lastAlive()).toBeUndefined()
      await store.touch(T0)
      await store.touch(T0 + 5_000)
      expect(await store.lastAlive()).toBe(T0 + 5_000)
    })
  })

  describe('a change', () => {
    test('whose event cannot be written is not kept', async () => {
      const before = await add()
      const open = call()
      await store.addCall(open)
      const told = ended(before)
      await store.addEvents([told])
      const again = { ...told }
      const other = allocation({ a: { pin: '1' }, b: { pin: '2' } })
      const joined: Allocation = { ...before, a: { ...before.a, numbers: [A, '+919812345678'] } }
      const attempts = [
        () => insert(other, [ended(other), again]),
        () => change(before, { ...before, state: 'vault', endedAt: T0 }, [again]),
        () => store.changeByPin(VN1, '713', () => ({ save: joined, events: [again], result: undefined })),
        () =>
          store.changeCall(open.id, () => ({
            save: { ...open, state: 'ended', endedAt: T0 },
            events: [again],
            result: undefined,
          })),
        () => store.addEvents([refused('acme'), again]),
      ]
      for (const attempt of attempts) await expect(attempt()).rejects.toThrow(/UNIQUE/)
      expect(await find(other)).toBeUndefined()
      expect(await find(before)).toEqual(before)
      expect(await store.membershipsOn(VN1, '+919812345678')).toEqual([])
      expect(await callOf(open.id)).toEqual(open)
      expect(await eventIds()).toEqual([told.id])
    })

    test('whose decision throws changes nothing, and takes nothing else with it', async () => {
      const made = await add()
      const open = call()
      await store.addCall(open)
      const results = await Promise.allSettled([
        store.touch(T0),
        store.changeAllocation('acme', made.id, failing('one')),
        store.addEvents([refused('acme', T0, 'kept')]),
        store.addAllocation(query(allocation()), failing('two')),
        store.changeByPin(VN1, '713', failing('three')),
        change(made, { ...made, usage: 'oneway' }),
        store.changeCall(open.id, failing('four')),
        store.addAccount(account('late'), []),
      ])
      expect(results.map((one) => (one.status === 'rejected' ? String(one.reason) : one.status))).toEqual([
        ...['fulfilled', 'Error: one', 'fulfilled', 'Error: two', 'Error: three', 'fulfilled'],
        ...['Error: four', 'fulfilled'],
      ])
      expect(await store.lastAlive()).toBe(T0)
      expect(await find(made)).toEqual({ ...made, usage: 'oneway' })
      expect(await eventIds()).toEqual(['kept'])
      expect(await store.accounts()).toHaveLength(2)
    })

    test('sees all that went before it: of 50 at once none is lost, and one of 50 twins is born', async () => {
      const made = await add()
      const open = call({ to: '' })
      await store.addCall(open)
      const fifty = Array.from({ length: 50 }, (_, n) => n)
      const twins = fifty.map((n) =>
        allocation({ id: `twin-${n}`, transactionId: 'same', a: { pin: '1' }, b: { pin: '2' } }),
      )
      const born = await Promise.all(
        fifty.flatMap((n) => [
          store.changeAllocation('acme', made.id, (found) => {
            const { numbers } = found!.a
            return {
              save: { ...found!, a: { ...found!.a, numbers: [...numbers, `+${n}`] } },
              result: 'no twin',
            }
          }),
          store.changeCall(open.id, (found) => ({
            save: { ...found!, to: `${found!.to}.` },
            result: 'no twin',
          })),
          store.addAllocation(query(twins[n]!), ({ sameTransaction }) =>
            sameTransaction ? { result: 'no twin' } : { save: twins[n]!, result: 'born' },
          ),
        ]),
      )
      expect((await find(made))?.a.numbers).toHaveLength(51)
      expect((await callOf(open.id))?.to).toBe('.'.repeat(50))
      expect(born.filter((result) => result === 'born')).toHaveLength(1)
    })

    test('is one with its events: what can be read of it can be told', async () => {
      const made = await add()
      const told = ended(made)
      const reading = change(made, { ...made, state: 'vault', endedAt: T0 }, [told])
      expect(await find(made)).toEqual(made)
      expect(await eventIds()).toEqual([])
      await reading
      expect(await find(made)).toMatchObject({ state: 'vault' })
      expect(await eventIds()).toEqual([told.id])
    })
  })

  describe('the outbox', () => {
    const due = async (now = FAR, perAccount = 100) =>
      (await store.dueDeliveries(now, perAccount)).map(({ event }) => event.id)

    test('an event is due from its instant on until it is delivered, with its receiver', async () => {
      const event = refused('acme')
      await store.addEvents([event])
      expect(await store.dueDeliveries(T0 - 1, 10)).toEqual([])
      const delivery = { event, endpoint: ENDPOINT, webhookSecret: 'whsec_acme', attempts: 0 }
      expect(await store.dueDeliveries(T0, 10)).toEqual([delivery])
      expect(await store.dueDeliveries(T0, 10)).toEqual([delivery])
      expect(await store.nextDeliveryAt()).toBe(T0)
      expect(await store.deliveryCounts()).toEqual({ waiting: 1, dead: 0 })
      await store.deliveryDone(event.id, { state: 'delivered', status: 200 })
      expect(await due()).toEqual([])
      expect(await store.nextDeliveryAt()).toBeUndefined()
      expect(await store.deliveryCounts()).toEqual({ waiting: 0, dead: 0 })
    })

    test('one to be tried again is due again then, and counts its attempts', async () => {
      const [first, second] = [refused('acme'), refused('acme', T0 + 1)]
      await store.addEvents([first, second])
      await store.deliveryDone(first.id, { state: 'retry', dueAt: T0 + 60_000, reason: 'HTTP 500' })
      expect(await due(T0 + 59_999)).toEqual([second.id])
      expect(await due(T0 + 60_000)).toEqual([second.id, first.id])
      expect(await store.nextDeliveryAt()).toBe(T0 + 1)
      await store.deliveryDone(second.id, { state: 'delivered', status: 204 })
      expect(await store.nextDeliveryAt()).toBe(T0 + 60_000)
      expect(await store.dueDeliveries(FAR, 1)).toMatchObject([{ attempts: 1 }])
    })

    test('one that is given up is dead, and what was settled stays so', async () => {
      const [lost, taken] = [refused('acme'), refused('acme')]
      await store.addEvents([lost, taken])
      await store.deliveryDone(lost.id, { state: 'dead', reason: 'too often' })
      await store.deliveryDone(taken.id, { state: 'delivered', status: 200 })
      for (const { id } of [lost, taken]) {
        await store.deliveryDone(id, { state: 'retry', dueAt: T0, reason: 'late' })
        await store.deliveryDone(id, { state: 'dead', reason: 'late' })
      }
      await store.deliveryDone('unheard of', { state: 'dead', reason: '' })
      expect(await due()).toEqual([])
      expect(await store.deliveryCounts()).toEqual({ waiting: 0, dead: 1 })
    })

    test('without a receiver an event is kept but never due', async () => {
      await store.addAccount(account('quiet', { 'call.completed': ENDPOINT }), [])
      await store.addEvents([refused('quiet')])
      expect(await due()).toEqual([])
      expect(await store.nextDeliveryAt()).toBeUndefined()
      expect(await store.deliveryCounts()).toEqual({ waiting: 0, dead: 0 })
      await expect(store.addEvents([refused('nobody')])).rejects.toThrow()
    })

    test('a receiver that is gone is switched off for all it took, and for nothing else', async () => {
      const two = { ...ALL, 'call.completed': 'https://other.example/' }
      await store.addAccount(account('two', two), [])
      const made = allocation({ accountId: 'two' })
      const [found, waits, same] = [refused('two'), refused('two'), ended(made)]
      const elsewhere: Event = {
        ...{ type: 'call.completed', id: newId('event'), accountId: 'two', at: T0, callId: 'c' },
        ...{ allocationId: 'a', transactionId: 't', vn: VN1, from: A, to: B, callType: 'completed' },
        ...{ dialStatus: 'completed', startedAt: T0, dialMs: 1, talkMs: 1 },
      }
      const neighbour = refused('acme')
      await store.addEvents([found, waits, same, elsewhere, neighbour])
      await store.deliveryDone(found.id, { state: 'gone', reason: 'HTTP 410' })
      expect((await due()).sort()).toEqual([elsewhere.id, neighbour.id].sort())
      expect(await store.deliveryCounts()).toEqual({ waiting: 2, dead: 3 })
      const settings = (await store.accounts()).find(({ id }) => id === 'two')?.settings
      expect(settings?.endpoints).toEqual({ 'call.completed': 'https://other.example/' })
      await store.addEvents([refused('two')])
      expect(await store.deliveryCounts()).toEqual({ waiting: 2, dead: 3 })
      expect((await store.accounts()).find(({ id }) => id === 'acme')?.settings.endpoints).toEqual(ALL)
    })

    test('no account hides the events of another', async () => {
      await store.addAccount(account('big', ALL), [])
      await store.addEvents(Array.from({ length: 30 }, (_, n) => refused('big', T0 + n)))
      await store.addEvents([refused('acme', T0 + 99, 'small')])
      const found = await store.dueDeliveries(FAR, 2)
      expect(found.map(({ event }) => [event.accountId, event.at - T0])).toEqual([
        ['acme', 99],
        ['big', 0],
        ['big', 1],
      ])
    })

    test('says when something has become due, after it can be read', async () => {
      const seen: string[][] = []
      const other = open(() => void eventIds(other).then((ids) => seen.push(ids)))
      await other.addAccount(account('acme', ALL), [])
      await other.addEvents([refused('acme', T0, 'e1')])
      await until(() => expect(seen).toEqual([['e1']]))
      await other.close()
      await store.touch(T0)
      await store.addAccount(account('quiet'), [])
      await store.addEvents([refused('quiet')])
      await store.touch(T0)
      expect(woken).toBe(0)
      await store.addEvents([refused('acme')])
      await until(() => expect(woken).toBe(1))
    })
  })

  test('closing waits for what was begun, and nothing is taken after it', async () => {
    const other = open()
    const last = other.touch(T0)
    await other.close()
    await expect(last).resolves.toBeUndefined()
    await expect(other.touch(T0)).rejects.toThrow(/closed/)
  })
})

describe('SQLite on a disk', () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-store-'))
    file = path.join(folder, 'pinbridge.db')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function seeded(): Promise<Store> {
    const store = openSqlite(file)
    await store.addAccount(account('acme', ALL), [])
    return store
  }

  test('what was acknowledged is there after kill -9, whole, in each of 20 rounds', async () => {
    await (await seeded()).close()
    const rounds = Array.from({ length: 20 }, (_, n) => n)
    const acknowledged: string[] = []
    const atOnce = 2
    for (const round of rounds.filter((n) => n % atOnce === 0)) {
      const lines = await Promise.all(rounds.slice(round, round + atOnce).map((n) => writeUntilKilled(n)))
      acknowledged.push(...lines.flat())
    }
    // In the round n there were n + 1 of them, three calls each.
    expect(acknowledged).toHaveLength((20 * 21 * 3) / 2)
    const db = new Database(file, { readonly: true })
    const state = db.prepare('select state from call where id = ?').pluck()
    for (const id of acknowledged) expect([id, state.get(id)]).toEqual([id, 'ended'])
    // Of what was not acknowledged, a call has ended exactly if its event is there.
    const half = db.prepare(
      `select count(*) from call left join event on event.id = call.id || '-event'
       where (call.state = 'ended') <> (event.id is not null)`,
    )
    expect(half.pluck().get()).toBe(0)
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    db.close()
  })

  /** A process that ends calls, three at a time, and kills itself the moment the last is acknowledged. */
  async function writeUntilKilled(round: number): Promise<string[]> {
    const script = `
      import { writeSync } from 'node:fs'
      import { openSqlite } from ${JSON.stringify(new URL('../../src/store/sqlite.ts', import.meta.url).href)}
      const store = openSqlite(process.argv[1])
      const call = ${JSON.stringify(call())}
      async function one(id) {
        await store.addCall({ ...call, id })
        await store.changeCall(id, (found) => ({
          save: { ...found, state: 'ended', endedAt: ${T0} },
          events: [{ ...${JSON.stringify(refused('acme'))}, id: id + '-event' }],
        }))
      }
      for (let n = 0; ; n++) {
        const ids = [0, 1, 2].map((m) => ['${round}', n, m].join('-'))
        await Promise.all(ids.map((id, m) => one(id).then(() => {
          writeSync(1, 'acked ' + id + '\\n')
          if (n === ${round} && m === 2) process.kill(process.pid, 'SIGKILL')
        })))
        void one('pending-${round}-' + n)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (data: Buffer) => (said += data.toString()))
    const signal = await new Promise((closed) => child.on('close', (_, by) => closed(by)))
    expect(signal).toBe('SIGKILL')
    return [...said.matchAll(/^acked (.+)$/gm)].map(([, id = '']) => id)
  }

  test('a promise resolves after its commit: another connection sees the row', async () => {
    const store = await seeded()
    const other = new Database(file, { readonly: true })
    const seen = other.prepare('select count(*) from call').pluck()
    for (let n = 1; n <= 20; n++) {
      const adding = store.addCall(call())
      expect(seen.get()).toBe(n - 1)
      await adding
      expect(seen.get()).toBe(n)
    }
    other.close()
    await store.close()
  })

  test('all that comes in one turn of the event loop shares one commit', async () => {
    const store = await seeded()
    const db = new Database(file)
    const versions = new Set<unknown>()
    const inOneGroup = Array.from({ length: 10 }, () =>
      store.addCall(call()).then(() => versions.add(db.pragma('data_version', { simple: true }))),
    )
    await Promise.all(inOneGroup)
    expect(versions.size).toBe(1)
    db.close()
    await store.close()
  })

  test('another process that holds the lock for a moment delays a write and blocks nobody', async () => {
    const store = await seeded()
    const other = new Database(file)
    other.exec('begin immediate')
    let turns = 0
    const turning = setInterval(() => turns++, 10)
    // It is this event loop that lets go of the lock: were it blocked, that would never happen.
    const released = new Promise<void>((done) =>
      setTimeout(() => {
        other.exec('commit')
        done()
      }, 300),
    )
    let written = false
    const writes = Promise.all([
      store.touch(T0),
      store.addCall(call()),
      store.addEvents([refused('acme')]),
    ]).then(() => (written = true))
    expect(await store.lastAlive()).toBeUndefined() // reading is free
    await until(() => expect(turns).toBeGreaterThan(2))
    expect(written).toBe(false)
    await released
    await writes
    clearInterval(turning)
    expect(await store.lastAlive()).toBe(T0)
    expect(await store.openCalls()).toHaveLength(1)
    other.close()
    await store.close()
  })

  test('one that holds it for five seconds makes writes fail, and later ones go through', async () => {
    jest.useFakeTimers({
      now: T0,
      doNotFake: [
        'setTimeout',
        'clearTimeout',
        'setImmediate',
        'nextTick',
        'performance',
        'queueMicrotask',
        'hrtime',
        'setInterval',
        'clearInterval',
        'clearImmediate',
      ],
    })
    const store = await seeded()
    const other = new Database(file)
    other.exec('begin immediate')
    const writes = Promise.allSettled([store.touch(T0), store.touch(T0)])
    await new Promise((turn) => setImmediate(turn))
    const more = Promise.allSettled([store.touch(T0)])
    jest.setSystemTime(T0 + 5_001)
    for (const result of [...(await writes), ...(await more)])
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SQLITE_BUSY' } })
    other.exec('commit')
    await store.touch(T0 + 1)
    expect(await store.lastAlive()).toBe(T0 + 1)
    other.close()
    await store.close()
    jest.useRealTimers()
  })

  test('a full disk fails what was written then, and nothing hangs or is half there', async () => {
    const db = new Database(file)
    db.exec('create table t (x)')
    db.pragma('max_page_count = 8')
    const commit = groupCommit(db)
    const insert = db.prepare('insert into t values (?)')
    const row = (text: string) => commit(() => void insert.run(text))
    const results = await Promise.allSettled([row('before'), row('x'.repeat(100_000)), row('after')])
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SQLITE_FULL' } })
    await row('later')
    expect(db.prepare('select x from t').pluck().all()).toEqual(['later'])
    db.close()
  })

  test('a store opens while another process holds the lock', async () => {
    await (await seeded()).close()
    const other = new Database(file)
    other.exec('begin immediate')
    const store = openSqlite(file)
    expect(await store.accounts()).toHaveLength(1)
    other.exec('commit')
    other.close()
    await store.close()
  })

  test('opening again finds everything and changes nothing', async () => {
    const store = await seeded()
    await store.touch(T0)
    await store.close()
    const before = readFileSync(file)
    const again = openSqlite(file)
    expect(await again.lastAlive()).toBe(T0)
    expect((await again.accounts()).map(({ id }) => id)).toEqual(['acme'])
    await again.close()
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(readdirSync(folder)).toEqual(['pinbridge.db'])
  })

  test.each(['wal', 'delete'])(
    'a newer schema is refused and left untouched (journal_mode %s)',
    async (mode) => {
      await (await seeded()).close()
      const newer = new Database(file)
      newer.pragma('user_version = 9999')
      newer.pragma(`journal_mode = ${mode}`)
      newer.close()
      const before = readFileSync(file)
      expect(() => openSqlite(file)).toThrow(/schema 9999.*use a newer one/)
      expect(readFileSync(file).equals(before)).toBe(true)
      expect(readdirSync(folder)).toEqual(['pinbridge.db'])
    },
  )

  test.each([
    ['text', 'this is no database\n'.repeat(1_000)],
    ['a database whose first page is damaged', `SQLite format 3\0${'\xff'.repeat(8_000)}`],
  ])('a file that is %s is refused and left untouched', (_, content) => {
    writeFileSync(file, content, 'latin1')
    expect(() => openSqlite(file)).toThrow(/not a database|malformed|corrupt/)
    expect(readFileSync(file, 'latin1')).toBe(content)
  })

  test('a folder that is not there is an error', () => {
    expect(() => openSqlite(path.join(folder, 'nowhere', 'x.db'))).toThrow()
  })
})
