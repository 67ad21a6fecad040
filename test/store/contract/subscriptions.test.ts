import { expect, test } from '@jest/globals'
import type { Blame } from '../../../src/engine/guard.ts'
import type { Sending, Subscription } from '../../../src/engine/subscription-store.ts'
import { account, contract, failing, T0 } from './given.ts'
import {
  addCampaign,
  addSent,
  GUESSER,
  look,
  MSISDN,
  queryOf,
  sendingOf,
  sentPin,
  subscription,
  write,
} from './subscription-given.ts'

const NOTHING_SENT = { number: 0, campaign: 0, account: 0 }
const NO_TALLIES = { caller: undefined, place: undefined, way: undefined }
const tally = (n: number) => ({ emptyAt: T0 + n, lockedUntil: T0 + 2 * n, strikes: n })
const BLAME: Blame = {
  caller: { ...tally(1), forgetAt: T0 + 9 },
  place: { ...tally(2), forgetAt: T0 + 9 },
  way: { ...tally(3), forgetAt: T0 + 9 },
}
const TALLIES = { caller: tally(1), place: tally(2), way: tally(3) }

contract('subscriptions', (it) => {
  const found = (of: Subscription) => it.store.findSubscription(of.campaignId, of.msisdn)

  test('come back as they were, in each of their states, with the last sending', async () => {
    const ofCampaign = await addCampaign(it.store)
    const first = subscription(ofCampaign, { subscriber: { name: 'Ünal "x"', age: '7' } })
    expect(await found(first)).toBeUndefined()
    const unknown = {
      ...{ subscription: undefined, sending: undefined, sent: NOTHING_SENT },
      suspicion: { tallies: NO_TALLIES, known: false, pinsAlike: 1 },
    }
    expect(await write(it.store, first, { save: first })).toEqual(unknown)
    expect(await found(first)).toStrictEqual({ subscription: first, sending: undefined })
    const states: Subscription[] = [
      { ...first, pin: sentPin({ digits: '000000001', wrong: 2 }) },
      { ...first, pin: undefined },
      { ...first, state: 'subscribed', pin: undefined, subscribedAt: T0 + 1, subscriber: {} },
      {
        ...first,
        state: 'unsubscribed',
        pin: undefined,
        ...{ subscribedAt: T0 + 1, unsubscribedAt: T0 + 2 },
      },
      { ...first, unsubscribedAt: T0 + 2 },
    ]
    for (const save of states) {
      await write(it.store, first, { save })
      expect(await found(first)).toStrictEqual({ subscription: save, sending: undefined })
      expect(await look(it.store, first)).toStrictEqual({ ...unknown, subscription: save })
    }
    const sending = sendingOf(first)
    await write(it.store, first, { addSending: sending })
    expect(await found(first)).toStrictEqual({ subscription: states.at(-1), sending })
    expect(await look(it.store, first)).toMatchObject({ subscription: states.at(-1), sending })
  })

  test('are of one campaign and one number each', async () => {
    await it.store.addAccount(account('other'), [])
    const [news, weather] = [await addCampaign(it.store), await addCampaign(it.store)]
    const theirs = await addCampaign(it.store, { accountId: 'other' })
    const all = [
      ...[subscription(news), subscription(weather), subscription(theirs)],
      subscription(news, { msisdn: '+4915201234568' }),
    ]
    for (const save of all) await write(it.store, save, { save })
    for (const one of all) expect((await found(one))?.subscription).toEqual(one)
    const other = subscription(news, { msisdn: '+4915201234569' })
    // What is there is never overwritten by another one.
    await expect(write(it.store, other, { save: { ...other, msisdn: MSISDN } })).rejects.toThrow(/UNIQUE/)
    expect((await found(all[0]!))?.subscription).toEqual(all[0])
    // An account writes nothing into a campaign of another.
    const stolen = subscription(news, { accountId: 'other', msisdn: '+491' })
    await expect(write(it.store, stolen, { save: stolen })).rejects.toThrow(/FOREIGN KEY/)
  })

  test('have a PIN only while they wait for one, and none that was guessed at too often', async () => {
    const ofCampaign = await addCampaign(it.store)
    const save = subscription(ofCampaign)
    const bad: Partial<Subscription>[] = [
      { state: 'subscribed', subscribedAt: T0 },
      { state: 'unsubscribed', unsubscribedAt: T0 },
      { pin: sentPin({ wrong: 3, attempts: 3 }) },
      { state: 'subscribed', pin: undefined },
      { state: 'unsubscribed', pin: undefined },
    ]
    for (const one of bad)
      await expect(write(it.store, save, { save: { ...save, ...one } })).rejects.toThrow(/CHECK/)
    expect(await found(save)).toBeUndefined()
  })

  test('have as their last sending the one made last, even in the same millisecond or with the clock set back', async () => {
    const { subscription: one } = await addSent(it.store, await addCampaign(it.store))
    const over = { state: 'ended', outcome: 'not_needed', endedAt: T0 } as const
    const times: [id: string, createdAt: number][] = [
      ...([['z', T0], ['a', T0], ['m', T0]] as [string, number][]), // prettier-ignore
      ['early', T0 - 3_600_000],
    ]
    let last: Sending | undefined
    for (const [id, createdAt] of times) {
      const addSending = sendingOf(one, { id, createdAt })
      const ended: Sending | undefined = last && { ...last, ...over }
      const seen = await write(it.store, one, { addSending, ...(ended && { endSending: ended }) })
      expect(seen.sending).toEqual(last)
      expect((await found(one))?.sending).toEqual(addSending)
      last = addSending
    }
    expect(await it.store.sendings(one.campaignId, 9)).toMatchObject(
      ['m', 'a', 'z', 'early'].map((id) => ({ id, state: id === 'early' ? 'waiting' : 'ended' })),
    )
  })

  test('remember wrong PINs by the names of who named them', async () => {
    const { subscription: one } = await addSent(it.store, await addCampaign(it.store))
    expect((await write(it.store, one, { blame: BLAME })).suspicion.tallies).toEqual(NO_TALLIES)
    expect((await look(it.store, one)).suspicion).toEqual({ tallies: TALLIES, known: false, pinsAlike: 1 })
    const stranger = { ...queryOf(one), guesser: { ...GUESSER, caller: 'other' } }
    const seen = await it.store.changeSubscription(stranger, ({ suspicion }) => ({ result: suspicion }))
    expect(seen.tallies).toEqual({ ...TALLIES, caller: undefined })
  })

  test('are changed with all that belongs to it, or not at all', async () => {
    const ofCampaign = await addCampaign(it.store)
    const { subscription: one, sendings } = await addSent(it.store, ofCampaign, {}, {})
    const [sending] = sendings
    const before = await look(it.store, one)
    const wanted = {
      save: { ...one, state: 'unsubscribed', pin: undefined, unsubscribedAt: T0 } as const,
      endSending: { ...sending!, state: 'ended', outcome: 'not_needed', endedAt: T0 } as const,
      addSending: sendingOf(one),
      blame: BLAME,
    }
    await expect(it.store.changeSubscription(queryOf(one), failing('bug'))).rejects.toThrow('bug')
    // The last thing that is written cannot be.
    const twice = { ...wanted, addSending: { ...wanted.addSending, id: sending!.id } }
    await expect(write(it.store, one, twice)).rejects.toThrow(/UNIQUE/)
    const minutes = { since: 0, limit: 9 }
    expect(await look(it.store, one)).toEqual(before)
    const counting = { until: T0, number: minutes, campaign: minutes, account: minutes }
    expect((await look(it.store, one, counting)).sent).toEqual({ number: 1, campaign: 1, account: 1 })
    const states = { pending_pin: 1, subscribed: 0, unsubscribed: 0 }
    expect(await it.store.subscriptionCounts(ofCampaign.id)).toEqual(states)

    await write(it.store, one, wanted)
    expect(await look(it.store, one)).toMatchObject({
      ...{ subscription: wanted.save, sending: wanted.addSending, suspicion: { tallies: TALLIES } },
    })
    expect(await it.store.sendings(ofCampaign.id, 9)).toEqual([wanted.addSending, wanted.endSending])
  })

  test('keep, of what is written with one that is new, nothing when it cannot be kept whole', async () => {
    const save = subscription(await addCampaign(it.store))
    const addSending = sendingOf({ ...save, id: 'another' })
    await expect(write(it.store, save, { save, addSending, blame: BLAME })).rejects.toThrow(/FOREIGN KEY/)
    expect(await look(it.store, save)).toMatchObject({
      ...{ subscription: undefined, sending: undefined, suspicion: { tallies: NO_TALLIES } },
    })
  })

  test('lose no change of several at once', async () => {
    const { subscription: one } = await addSent(it.store, await addCampaign(it.store), {
      pin: sentPin({ attempts: 10 }),
    })
    const wrong = () =>
      it.store.changeSubscription(queryOf(one), ({ subscription: seen }) => ({
        save: { ...seen!, pin: { ...seen!.pin!, wrong: seen!.pin!.wrong + 1 } },
        result: seen!.pin!.wrong,
      }))
    expect(await Promise.all(Array.from({ length: 9 }, wrong))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect((await found(one))?.subscription.pin?.wrong).toBe(9)
  })
})
