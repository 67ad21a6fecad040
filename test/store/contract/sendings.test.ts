import { expect, test } from '@jest/globals'
import type { Sending } from '../../../src/engine/subscription-store.ts'
import { account, contract, failing, T0 } from './given.ts'
import { addCampaign, addSent, look, write } from './subscription-given.ts'

const NOW = T0 + 100

contract('sendings', (it) => {
  const see = (id: string) => it.store.changeSending(id, (seen) => ({ result: seen }))
  const ids = async (means: Sending['means'], ofEach: number, now = NOW) =>
    (await it.store.sendingsToMake(means, now, ofEach)).map(({ id }) => id)

  test('are seen with their subscription and campaign, and changed in all that changes', async () => {
    const ofCampaign = await addCampaign(it.store, { keyword: 'JOIN' })
    const { subscription, sendings } = await addSent(it.store, ofCampaign, {}, {}, { means: 'webhook' })
    const [call, webhook] = sendings as [Sending, Sending]
    expect(await see(webhook.id)).toStrictEqual({ sending: webhook, subscription, campaign: ofCampaign })
    const states: Sending[] = [
      { ...call, state: 'trying', tries: 1 },
      { ...call, state: 'waiting', outcome: 'busy', tries: 1, dueAt: T0 + 30_000 },
      { ...call, state: 'trying', outcome: 'not_needed', tries: 2 },
      { ...call, state: 'speaking', outcome: 'busy', tries: 2 },
      { ...call, state: 'waiting', outcome: 'busy', tries: 2, means: 'webhook' },
      { ...call, state: 'ended', outcome: 'delivered', tries: 2, endedAt: T0 + 40_000 },
    ]
    for (const save of states) {
      await it.store.changeSending(call.id, () => ({ save, result: 0 }))
      expect(await see(call.id)).toStrictEqual({ sending: save, subscription, campaign: ofCampaign })
    }
    expect((await see(webhook.id))?.sending).toEqual(webhook)
    expect(await see('none')).toBeUndefined()
    const save = states[0]!
    expect(
      await it.store.changeSending('none', (seen) => ({ save: { ...save, id: 'none' }, result: seen })),
    ).toBe(undefined)
    expect(await it.store.sendings(ofCampaign.id, 9)).toHaveLength(2)
  })

  test('know of a PIN that was used or forgotten since', async () => {
    const ofCampaign = await addCampaign(it.store)
    const { subscription, sendings } = await addSent(it.store, ofCampaign, {}, {})
    const save = { ...subscription, state: 'subscribed', pin: undefined, subscribedAt: T0 } as const
    await write(it.store, subscription, { save })
    expect((await see(sendings[0]!.id))?.subscription).toEqual(save)
  })

  test('stay as they were when a decision fails, and end with an instant and an outcome', async () => {
    const { sendings } = await addSent(it.store, await addCampaign(it.store), {}, {})
    const [one] = sendings as [Sending]
    await expect(it.store.changeSending(one.id, failing('bug'))).rejects.toThrow('bug')
    const bad: Partial<Sending>[] = [
      { state: 'ended', endedAt: T0 },
      { state: 'ended', outcome: 'busy' },
      { endedAt: T0 },
      { tries: -1 },
    ]
    for (const wrong of bad) {
      const save = { ...one, ...wrong }
      await expect(it.store.changeSending(one.id, () => ({ save, result: 0 }))).rejects.toThrow(/CHECK/)
    }
    expect((await see(one.id))?.sending).toEqual(one)
  })

  test('are made in turns: all that were begun, and of each campaign those that have been due longest', async () => {
    await it.store.addAccount(account('other'), [])
    const mine = await addCampaign(it.store, { id: 'campaign-b' })
    const mineToo = await addCampaign(it.store, { id: 'campaign-a' })
    const theirs = await addCampaign(it.store, { id: 'campaign-c', accountId: 'other' })
    expect(await ids('call', 9)).toEqual([])
    const over = { state: 'ended', outcome: 'failed', endedAt: T0 } as const
    await addSent(
      it.store,
      mine,
      {},
      { id: 'third', dueAt: T0 + 3 },
      { id: 'not yet', dueAt: NOW + 1 },
      { id: 'now', dueAt: NOW },
      { id: 'first', dueAt: T0 + 1, createdAt: T0 + 50, outcome: 'busy', tries: 1 },
      { ...over, id: 'over' },
      { id: 'webhook', means: 'webhook' },
      { id: 'posting', means: 'webhook', state: 'trying', tries: 1 },
    )
    await addSent(it.store, mineToo, {}, { id: 'second', dueAt: T0 + 2 }, { id: 'fourth', dueAt: T0 + 4 })
    await addSent(
      it.store,
      theirs,
      {},
      { id: 'theirs', dueAt: NOW },
      { id: 'speaking', state: 'speaking', createdAt: T0 + 2, dueAt: NOW + 9 },
      { id: 'same due', dueAt: NOW },
      { id: 'trying', state: 'trying', createdAt: T0 + 1 },
    )
    const begun = ['trying', 'speaking']
    expect(await ids('call', 1)).toEqual([...begun, 'first', 'second', 'theirs'])
    expect(await ids('call', 2)).toEqual([
      ...[...begun, 'first', 'second', 'third', 'fourth', 'theirs', 'same due'],
    ])
    expect(await ids('call', 9)).toEqual([
      ...[...begun, 'first', 'second', 'third', 'fourth', 'now', 'theirs', 'same due'],
    ])
    expect(await ids('call', 9, T0)).toEqual(begun)
    expect(await ids('call', 0)).toEqual(begun)
    expect(await ids('webhook', 9)).toEqual(['posting', 'webhook'])
  })

  test('of a campaign are listed, newest first, so many of them', async () => {
    const [mine, bystander] = [await addCampaign(it.store), await addCampaign(it.store)]
    const sent = [{ createdAt: T0 + 1 }, { createdAt: T0 }, { createdAt: T0 + 2 }, { createdAt: T0 + 2 }]
    const [first, , third, fourth] = (await addSent(it.store, mine, {}, ...sent)).sendings
    await addSent(it.store, bystander, {}, {})
    expect(await it.store.sendings(mine.id, 3)).toEqual([fourth, third, first])
    expect(await it.store.sendings(mine.id, 9)).toHaveLength(4)
    expect(await it.store.sendings('none', 9)).toEqual([])
  })
})

contract('PINs that were sent', (it) => {
  test('are counted by number, campaign and account, from the instant itself on and no further than the limit', async () => {
    await it.store.addAccount(account('other'), [])
    const [news, weather] = [await addCampaign(it.store), await addCampaign(it.store)]
    const theirs = await addCampaign(it.store, { accountId: 'other' })
    const at = (...after: number[]) => after.map((ms) => ({ createdAt: T0 + ms }))
    const { subscription } = await addSent(it.store, news, {}, ...at(0, 1, 2))
    await addSent(it.store, news, { msisdn: '+491' }, ...at(1, 2))
    await addSent(it.store, weather, {}, ...at(2, 3))
    await addSent(it.store, theirs, {}, ...at(0, 1, 2, 3, 4))
    const count = async (since: number, limit = 99, until = 99) => {
      const each = { since: T0 + since, limit }
      const counting = { until: T0 + until, number: each, campaign: each, account: each }
      const { sent } = await look(it.store, subscription, counting)
      return [sent.number, sent.campaign, sent.account]
    }
    expect(await count(-1)).toEqual([5, 5, 7])
    expect(await count(0)).toEqual([5, 5, 7])
    expect(await count(1)).toEqual([4, 4, 6])
    expect(await count(2)).toEqual([3, 2, 4])
    expect(await count(3)).toEqual([1, 0, 1])
    expect(await count(4)).toEqual([0, 0, 0])
    expect(await count(0, 6)).toEqual([5, 5, 6])
    expect(await count(0, 5)).toEqual([5, 5, 5])
    expect(await count(0, 1)).toEqual([1, 1, 1])
    expect(await count(0, 0)).toEqual([0, 0, 0])
    // Up to the instant itself, too.
    expect(await count(0, 99, 2)).toEqual([4, 5, 6])
    expect(await count(0, 99, 0)).toEqual([1, 1, 1])
    expect(await count(1, 99, 1)).toEqual([1, 2, 2])
    expect(await count(1, 99, 0)).toEqual([0, 0, 0])
    expect(await count(0, 99, -1)).toEqual([0, 0, 0])
    const [number, campaign, ofAccount] = [0, 2, 3].map((ms) => ({ since: T0 + ms, limit: 99 }))
    const counting = { until: T0 + 99, number: number!, campaign: campaign!, account: ofAccount! }
    expect((await look(it.store, subscription, counting)).sent).toEqual({
      number: 5,
      campaign: 2,
      account: 1,
    })
    expect((await look(it.store, subscription)).sent).toEqual({ number: 0, campaign: 0, account: 0 })
    // Also for a number that has none.
    const nobody = { ...subscription, msisdn: '+4999' }
    expect((await look(it.store, nobody, counting)).sent).toEqual({ number: 0, campaign: 2, account: 1 })
  })

  test('are counted exactly over hours, between any instants, however the clock was set meanwhile', async () => {
    const ofCampaign = await addCampaign(it.store)
    const HOUR_MS = 3_600_000
    const random = (n: number) => (n * 48_271 * 7_919) % 2_147_483_647
    // Several in some minutes, none in others, on both sides of their beginning and their end.
    const instants = Array.from({ length: 400 }, (_, n) => {
      const ms = T0 + (random(n + 1) % (3 * HOUR_MS))
      const minute = ms - (ms % 60_000)
      return [ms, minute, minute - 1, minute + 1][n % 4]!
    })
    const { subscription } = await addSent(
      it.store,
      ofCampaign,
      {},
      ...instants.map((createdAt) => ({ createdAt })),
    )
    const edges = [T0 - HOUR_MS, T0 + 4 * HOUR_MS, ...instants, ...instants.map((ms) => ms + 1)]
    for (const [n, since] of edges.entries()) {
      const each = { since, limit: 1_000 }
      // Some after the last, some at others, before and within the same minute as `since` too.
      for (const until of [T0 + 5 * HOUR_MS, edges[(n * 7) % edges.length]!, since + (n % 100)]) {
        const counting = { until, number: each, campaign: each, account: each }
        const { sent } = await look(it.store, subscription, counting)
        const count = instants.filter((ms) => ms >= since && ms <= until).length
        expect([since, until, sent]).toEqual([
          ...[since, until, { number: count, campaign: count, account: count }],
        ])
      }
    }
  })
})
