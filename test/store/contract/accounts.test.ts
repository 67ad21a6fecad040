import { expect, test } from '@jest/globals'
import type { AccountSettings, Credential, LoginScope, VirtualNumber } from '../../../src/engine/accounts.ts'
import { DEFAULT_CARD_SETTINGS } from '../../../src/engine/card-settings.ts'
import type { Event } from '../../../src/engine/events.ts'
import { addCard } from './card-given.ts'
import {
  attempt,
  account,
  ALL,
  allocation,
  contract,
  ended,
  ENDPOINT,
  failing,
  FAR,
  refused,
  T0,
  VN1,
  VN2,
} from './given.ts'

contract('accounts and numbers', (it) => {
  test('come back as they were', async () => {
    const other = account('other', { 'call.completed': 'https://x.example/?a=1&b="ü"' })
    const credential = { dialect: 'greenpin', user: 'key', accountId: 'other', secretHash: 'hash' } as const
    await it.store.addAccount(other, [credential])
    expect((await it.store.accounts()).map(({ id }) => id)).toEqual(['acme', 'other'])
    expect(await it.store.findLogin('greenpin', 'key')).toEqual({ account: other, secretHash: 'hash' })
    expect(await it.store.findLogin('greenpin', 'KEY')).toBeUndefined()
    const number: VirtualNumber = { number: VN1, accountId: 'acme', flow: 'masking' }
    expect(await it.store.findNumber(VN1)).toEqual({ number, account: account('acme', ALL) })
    expect(await it.store.findNumber('+1')).toBeUndefined()
  })

  test('exist once', async () => {
    const refusal = expect.objectContaining({ name: 'Refusal', code: 'duplicate_transaction' })
    await expect(it.store.addAccount({ ...account('x'), sid: 'sid-acme' }, [])).rejects.toEqual(refusal)
    const credential = { dialect: 'greenpin', user: 'key', accountId: 'x', secretHash: 'h' } as const
    await it.store.addAccount(account('x'), [credential])
    await expect(it.store.addAccount(account('y'), [{ ...credential, accountId: 'y' }])).rejects.toEqual(
      refusal,
    )
    // Neither the account nor anything of it is left.
    expect((await it.store.accounts()).map(({ id }) => id)).toEqual(['acme', 'x'])
    const taken = { number: VN1, accountId: 'x', flow: 'masking' } as const
    await expect(it.store.addNumber(taken)).rejects.toMatchObject({ name: 'Refusal', code: 'number_taken' })
    expect((await it.store.findNumber(VN1))?.account.id).toBe('acme')
  })

  test('a new secret opens what the old one opened, for all logins of that account and dialect, and for no other', async () => {
    const login = (dialect: 'greenpin' | 'stealthnet', user: string, accountId: string) => ({
      ...{ dialect, user, accountId },
      secretHash: `old of ${user}`,
    })
    const mine = [login('greenpin', 'x', 'x'), login('greenpin', 'key', 'x'), login('stealthnet', 'x', 'x')]
    await it.store.addAccount(account('x'), mine)
    await it.store.addAccount(account('y'), [login('greenpin', 'y', 'y')])
    const renewed = { dialect: 'greenpin', user: 'x', accountId: 'x', secretHash: 'new' } as const
    expect(await it.store.changeSecret(renewed)).toEqual(['x', 'key'])
    const hash = async (dialect: 'greenpin' | 'stealthnet', user: string) =>
      (await it.store.findLogin(dialect, user))?.secretHash
    expect([await hash('greenpin', 'x'), await hash('greenpin', 'key')]).toEqual(['new', 'new'])
    expect([await hash('stealthnet', 'x'), await hash('greenpin', 'y')]).toEqual(['old of x', 'old of y'])

    // An account from before there was that dialect.
    const first = { dialect: 'stealthnet', user: 'y', accountId: 'y', secretHash: 'first' } as const
    expect(await it.store.changeSecret(first)).toEqual(['y'])
    expect(await it.store.findLogin('stealthnet', 'y')).toMatchObject({
      account: { id: 'y' },
      secretHash: 'first',
    })
    // Nobody takes a name that is somebody else's, and nothing of the try is left.
    const taken = it.store.changeSecret({ ...first, dialect: 'greenpin', user: 'key' })
    await expect(taken).rejects.toMatchObject({ name: 'Refusal', code: 'duplicate_transaction' })
    expect([await hash('greenpin', 'key'), await hash('greenpin', 'y')]).toEqual(['new', 'old of y'])
  })

  test('one login of several gets a new secret of its own, and keeps what else it is for', async () => {
    const card = await addCard(it.store)
    const login = (user: string, scope: Partial<LoginScope> = {}): Credential => ({
      ...{ dialect: '42com', user, accountId: 'acme', secretHash: `old of ${user}`, ...scope },
    })
    const [mine, other] = [login('b', { cardId: card.id, role: 'accountant' }), login('a')]
    await it.store.addAccount(account('x'), [{ ...login('c', { role: 'user' }), accountId: 'x' }])
    for (const one of [mine, other, { ...other, dialect: 'mor' as const }]) await it.store.addCredential(one)
    expect(await it.store.findLogin('42com', 'b')).toEqual({
      ...{ account: account('acme', ALL), secretHash: 'old of b', cardId: card.id, role: 'accountant' },
    })
    expect(await it.store.findLogin('42com', 'c')).toMatchObject({ cardId: undefined, role: 'user' })
    // Whatever the wish says of the rest.
    expect(await it.store.changeSecret({ ...login('b'), secretHash: 'new' }, 'one')).toEqual(['b'])
    expect(await it.store.logins('acme')).toEqual([
      { ...other, cardId: undefined, role: undefined },
      { ...mine, secretHash: 'new' },
      { ...other, dialect: 'mor', cardId: undefined, role: undefined },
    ])
    expect(await it.store.logins('acme', 'mor')).toEqual([
      { ...other, dialect: 'mor', cardId: undefined, role: undefined },
    ])
    expect(await it.store.logins('acme', 'mobivate')).toEqual([])
    expect(await it.store.changeSecret(login('fresh', { cardId: card.id }), 'one')).toEqual(['fresh'])
    expect(await it.store.findLogin('42com', 'fresh')).toMatchObject({
      secretHash: 'old of fresh',
      cardId: card.id,
    })
    expect(await it.store.changeSecret({ ...login('a'), secretHash: 'all' })).toEqual(['a', 'b', 'fresh'])
    expect(await it.store.findLogin('42com', 'b')).toMatchObject({ secretHash: 'all', role: 'accountant' })
    expect(await it.store.findLogin('42com', 'c')).toMatchObject({ secretHash: 'old of c' })
    const taken = expect.objectContaining({ name: 'Refusal', code: 'duplicate_transaction' })
    await expect(it.store.changeSecret({ ...login('c'), secretHash: 'mine' }, 'one')).rejects.toEqual(taken)
    await expect(it.store.addCredential(login('c'))).rejects.toEqual(taken)
    expect(await it.store.findLogin('42com', 'c')).toMatchObject({
      account: { id: 'x' },
      secretHash: 'old of c',
    })
  })

  test('numbers of an account are listed by their digits', async () => {
    await it.store.addAccount(account('x'), [])
    const line = { number: '+15550', accountId: 'acme', flow: 'pin-line' as const, database: 7 }
    await it.store.addNumber(line)
    await it.store.addNumber({ number: '+15551', accountId: 'x', flow: 'calling-card' })
    const masking = (number: string) => ({ number, accountId: 'acme', flow: 'masking' })
    expect(await it.store.numbers('acme')).toEqual([line, masking(VN2), masking(VN1)])
    expect(await it.store.numbers('nobody')).toEqual([])
  })

  test('a number belongs to an account', async () => {
    const orphan = { number: '+49301234567', accountId: 'nobody', flow: 'masking' } as const
    await expect(it.store.addNumber(orphan)).rejects.not.toMatchObject({ name: 'Refusal' })
  })

  const change = (settings: Partial<AccountSettings>, events: Event[] = []) =>
    it.store.changeAccount('acme', (found) => ({
      save: { ...found!, settings: { ...found!.settings, ...settings } },
      events,
      result: found,
    }))
  const acme = async () => (await it.store.accounts()).find(({ id }) => id === 'acme')

  test('change their settings, all of them and nobody else', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const settings: AccountSettings = {
      ...{ country: 'DE', internationalNumbers: true, timeZone: 'Europe/Berlin', ringStrategy: 'all' },
      ...{ pinEnabled: { a: false, b: true }, pinLength: { a: 5, b: 6 }, maxAllocationMs: null },
      ...{ coolOffMs: 1, ringMs: 2, maxTalkMs: 3, pinAttempts: 4, recordTalks: true },
      ...{ announceRecording: true, keepRecordingsMs: 5, endpoints: { 'caller.refused': ENDPOINT } },
      cards: { ...DEFAULT_CARD_SETTINGS, allowed: ['49', '-49900'], tariffId: 7, currency: 'USD' },
      subscriptions: { strongSignature: true, pinsADay: 7 },
    }
    expect(await change(settings)).toEqual(account('acme', ALL))
    const changed = { ...account('acme'), settings }
    expect(await it.store.accounts()).toEqual([changed, account('other', ALL)])
    expect((await it.store.findNumber(VN1))?.account).toEqual(changed)
    await it.add({ deallocateAt: T0 })
    expect(await it.store.dueAllocations(T0, 1)).toMatchObject([{ account: changed }])
  })

  test('that are not there, or are to stay as they are, change nothing', async () => {
    const look = (id: string) => it.store.changeAccount(id, (found) => ({ result: found?.id ?? 'none' }))
    expect(await look('nobody')).toBe('none')
    expect(await look('acme')).toBe('acme')
    expect(await it.store.accounts()).toEqual([account('acme', ALL)])
  })

  test('that lose an endpoint give up what waits for it, and only that', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const [waits, retried, delivered] = [refused('acme'), refused('acme'), refused('acme')]
    const [kept, elsewhere] = [ended(allocation()), refused('other')]
    await it.store.addEvents([waits, retried, delivered, kept, elsewhere])
    await it.store.deliveryDone(attempt(retried.id), { state: 'retry', dueAt: T0 + 1, reason: 'HTTP 500' })
    await it.store.deliveryDone(attempt(delivered.id), { state: 'delivered', status: 200 })
    await change({ endpoints: { 'allocation.ended': ENDPOINT } })
    expect(await it.eventIds()).toEqual([kept.id, elsewhere.id])
    const gone = { state: 'dead', dueAt: undefined, lastWord: expect.stringMatching(/endpoint/) }
    expect(await it.store.findEvent(waits.id)).toEqual({ event: waits, attempts: 0, ...gone })
    expect(await it.store.findEvent(retried.id)).toEqual({ event: retried, attempts: 1, ...gone })
    expect(await it.store.findEvent(delivered.id)).toMatchObject({ state: 'delivered', lastWord: '200' })
    expect(await it.store.deliveryCounts()).toEqual({ waiting: 2, dead: 2 })
    await change({ endpoints: {} })
    expect(await it.eventIds()).toEqual([elsewhere.id])
  })

  test('that move an endpoint take what waits along', async () => {
    const event = refused('acme')
    await it.store.addEvents([event])
    const endpoint = 'https://new.example/'
    await change({ endpoints: { 'caller.refused': endpoint } })
    expect(await it.store.dueDeliveries(FAR, 10)).toMatchObject([{ event, endpoint, attempts: 0 }])
  })

  test('tell of the change by the endpoints that they have then', async () => {
    const [refusal, over] = [refused('acme'), ended(allocation())]
    await change({ endpoints: { 'allocation.ended': ENDPOINT } }, [refusal, over])
    expect(await it.eventIds()).toEqual([over.id])
    expect(await it.store.findEvent(refusal.id)).toMatchObject({ state: 'no_receiver' })
  })

  test('keep settings and waiting events when the change cannot be kept whole', async () => {
    const event = refused('acme')
    await it.store.addEvents([event])
    await expect(change({ endpoints: {} }, [event])).rejects.toThrow(/UNIQUE/)
    await expect(it.store.changeAccount('acme', failing('no'))).rejects.toThrow('no')
    expect(await it.eventIds()).toEqual([event.id])
    expect((await acme())?.settings.endpoints).toEqual(ALL)
  })

  test('lose no change of several at once', async () => {
    const add = () =>
      it.store.changeAccount('acme', (found) => ({
        save: { ...found!, settings: { ...found!.settings, ringMs: found!.settings.ringMs + 1 } },
        result: undefined,
      }))
    const before = (await acme())!.settings.ringMs
    await Promise.all(Array.from({ length: 20 }, add))
    expect((await acme())?.settings.ringMs).toBe(before + 20)
  })
})
