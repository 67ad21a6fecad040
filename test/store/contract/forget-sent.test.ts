import { expect, test } from '@jest/globals'
import type { Sending, Subscription } from '../../../src/engine/subscription-store.ts'
import { contract, T0 } from './given.ts'
import { addCampaign, addSent, sentPin } from './subscription-given.ts'

contract('PINs that are not good any more', (it) => {
  test('end, when they are forgotten, the sendings that wait to bring them, and no others', async () => {
    const news = await addCampaign(it.store)
    const over = { state: 'ended', outcome: 'not_needed', endedAt: T0 } as const
    const states: Partial<Sending>[][] = [
      [{ ...over, endedAt: T0 + 1 }, {}],
      [{ outcome: 'busy', tries: 1 }],
      [{ state: 'trying', tries: 1 }],
      [{ state: 'speaking', tries: 1 }],
      [{ state: 'ended', outcome: 'delivered', tries: 1, endedAt: T0 + 1 }],
      [{ createdAt: T0 + 900_000 }],
      [],
    ]
    const made: Sending[][] = []
    for (const [n, sendings] of states.entries())
      made.push((await addSent(it.store, news, { msisdn: `+4915${n}` }, ...sendings)).sendings)
    const pin = sentPin({ expiresAt: T0 + 600_001 })
    await addSent(it.store, news, { msisdn: '+4916', pin }, { id: 'good still' })
    const left = async () =>
      Object.fromEntries((await it.store.sendings(news.id, 99)).map((one) => [one.id, one]))
    const before = await left()
    expect(await it.store.forgetSentPins(T0 + 600_000, 9)).toBe(states.length)
    const [[, waits], [busy], , , , [ahead]] = made as [Sending[], Sending[], never, never, never, Sending[]]
    const at = { ...over, endedAt: T0 + 600_000 }
    expect(await left()).toEqual({
      ...before,
      [waits!.id]: { ...waits, ...at },
      [busy!.id]: { ...busy, ...at },
      // None ends before it was made.
      [ahead!.id]: { ...ahead, ...over, endedAt: T0 + 900_000 },
    })
  })

  test('are forgotten when they expire so late that a wrong clock must have sent them', async () => {
    const [news, DAY_MS] = [await addCampaign(it.store), 86_400_000]
    const latest = T0 + DAY_MS + 3_600_000
    const expiries = [latest + 2, latest + 1, latest, T0 + 1, T0]
    for (const [n, expiresAt] of expiries.entries())
      await addSent(it.store, news, { msisdn: `+4915${n}`, pin: sentPin({ expiresAt }) }, { id: `${n}` })
    const withPin = async () => {
      const all = expiries.map(async (expiresAt, n) => {
        const seen = await it.store.findSubscription(news.id, `+4915${n}`)
        expect(seen?.sending?.state).toBe(seen?.subscription.pin ? 'waiting' : 'ended')
        return seen?.subscription.pin && expiresAt
      })
      return (await Promise.all(all)).filter(Boolean)
    }
    // What has expired goes first.
    expect(await it.store.forgetSentPins(T0, 2)).toBe(2)
    expect(await withPin()).toEqual([latest + 2, latest, T0 + 1])
    expect(await it.store.forgetSentPins(T0, 2)).toBe(1)
    expect(await it.store.forgetSentPins(T0, 2)).toBe(0)
    expect(await withPin()).toEqual([latest, T0 + 1])
  })

  test('are forgotten when they have expired, the oldest first, so many at a time, and nothing else', async () => {
    const ofCampaign = await addCampaign(it.store)
    const all: Subscription[] = []
    for (const [i, after] of [3, 1, 2, 4].entries()) {
      const pin = sentPin({ expiresAt: T0 + after })
      const made = await addSent(it.store, ofCampaign, {
        msisdn: `+49152${i}`,
        pin,
        subscriber: { i: `${i}` },
      })
      all.push(made.subscription)
    }
    const withPin = async () => {
      const seen = await Promise.all(
        all.map(async (one) => (await it.store.findSubscription(ofCampaign.id, one.msisdn))!.subscription),
      )
      expect(seen).toEqual(all.map((one, i) => ({ ...one, pin: seen[i]!.pin && one.pin })))
      return seen.filter(({ pin }) => pin).map(({ pin }) => pin!.expiresAt - T0)
    }
    expect(await it.store.forgetSentPins(T0, 9)).toBe(0)
    expect(await it.store.forgetSentPins(T0 + 3, 2)).toBe(2)
    expect(await withPin()).toEqual([3, 4])
    // At the instant itself it is good for nothing.
    expect(await it.store.forgetSentPins(T0 + 3, 9)).toBe(1)
    expect(await it.store.forgetSentPins(T0 + 3, 9)).toBe(0)
    expect(await withPin()).toEqual([4])
  })
})
