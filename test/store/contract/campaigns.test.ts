import { expect, test } from '@jest/globals'
import type { Campaign, Means } from '../../../src/engine/campaigns.ts'
import { account, ALL, contract, failing, T0 } from './given.ts'
import { addCampaign, addSent, write } from './subscription-given.ts'

contract('campaigns', (it) => {
  const change = (id: string, save: Campaign, accountId = 'acme') =>
    it.store.changeCampaign(accountId, id, (found) => ({ save, result: found }))
  const find = async (id: string) => (await it.store.findCampaign(id))?.campaign

  test('come back as they were, with their account, whether all is chosen or as little as can be', async () => {
    const plain = await addCampaign(it.store)
    const headers = { authorization: 'Bearer "x\\y"', 'x-api-key': "'; drop table campaign; --" }
    const body = '{"to":"{to}","text":"\\u00fc {pin}"}'
    const chosen = await addCampaign(it.store, {
      ...{ id: 'Old-Provider_42', name: 'Ünique "x"', service: '1', keyword: 'JOIN', status: 'paused' },
      means: {
        kind: 'webhook',
        url: 'https://sms.example/?a=1&b=2',
        contentType: 'application/json',
        body,
        headers,
      },
      ...{ allowed: ['49', '-49900'], callerId: '+4930123456', pinLength: 9, attempts: 1, pinTtlMs: 60_000 },
      ...{ tries: 5, retryMs: 1_000, pinsOfNumberADay: 0, pinsAnHour: 0, createdAt: T0 + 1 },
    })
    expect(await it.store.findCampaign(plain.id)).toStrictEqual({
      campaign: plain,
      account: account('acme', ALL),
    })
    expect(await find(chosen.id)).toStrictEqual(chosen)
    expect(await find('old-provider_42')).toBeUndefined()
    expect(await find('')).toBeUndefined()
  })

  test('that were kept before a gateway had headers have none', async () => {
    const webhook = {
      kind: 'webhook',
      url: 'https://sms.example/',
      contentType: 'text/plain',
      body: '{{pin}}',
    }
    const old = await addCampaign(it.store, { means: webhook as Means })
    const means = { ...webhook, headers: {} }
    expect(await find(old.id)).toStrictEqual({ ...old, means })
    expect(await it.store.campaigns('acme')).toStrictEqual([{ ...old, means }])
    expect(await change(old.id, old)).toStrictEqual({ ...old, means })
  })

  test('exist once, whoever asks', async () => {
    await it.store.addAccount(account('other'), [])
    const mine = await addCampaign(it.store)
    const theirs = addCampaign(it.store, { id: mine.id, accountId: 'other' })
    await expect(theirs).rejects.toMatchObject({ name: 'Refusal', code: 'duplicates' })
    expect(await find(mine.id)).toEqual(mine)
    const orphan = addCampaign(it.store, { accountId: 'nobody' })
    await expect(orphan).rejects.toThrow(/FOREIGN KEY/)
    expect(await it.store.campaigns()).toEqual([mine])
  })

  test('are listed of one account or of all, by the instant they were made and then by id', async () => {
    await it.store.addAccount(account('other'), [])
    const late = await addCampaign(it.store, { id: 'a', createdAt: T0 + 1 })
    const theirs = await addCampaign(it.store, { id: 'b', accountId: 'other' })
    const [d, c] = [await addCampaign(it.store, { id: 'd' }), await addCampaign(it.store, { id: 'c' })]
    expect(await it.store.campaigns()).toEqual([theirs, c, d, late])
    expect(await it.store.campaigns('acme')).toEqual([c, d, late])
    expect(await it.store.campaigns('nobody')).toEqual([])
  })

  test('are changed by their account alone, and can lose what they need not have', async () => {
    await it.store.addAccount(account('other'), [])
    const old = await addCampaign(it.store, { keyword: 'JOIN', callerId: '+4930123456' })
    const bystander = await addCampaign(it.store)
    const save: Campaign = { ...old, keyword: undefined, callerId: undefined, attempts: 7, status: 'paused' }
    expect(await change(old.id, save, 'other')).toBeUndefined()
    expect(await change('none', save)).toBeUndefined()
    expect(await find(old.id)).toEqual(old)
    expect(await change(old.id, save)).toEqual(old)
    expect(await find(old.id)).toStrictEqual(save)
    expect(await find(bystander.id)).toEqual(bystander)
    await expect(it.store.changeCampaign('acme', old.id, failing('bug'))).rejects.toThrow('bug')
    expect(await it.store.changeCampaign('acme', old.id, (found) => ({ result: found }))).toEqual(save)
  })

  test('lose no change of several at once', async () => {
    const { id } = await addCampaign(it.store, { pinsAnHour: 0 })
    const more = () =>
      it.store.changeCampaign('acme', id, (found) => ({
        save: { ...found!, pinsAnHour: found!.pinsAnHour + 1 },
        result: 0,
      }))
    await Promise.all(Array.from({ length: 20 }, more))
    expect(await find(id)).toMatchObject({ pinsAnHour: 20 })
  })

  test('know how many numbers are in each state, whatever these went through', async () => {
    const [mine, bystander] = [await addCampaign(it.store), await addCampaign(it.store)]
    const none = { pending_pin: 0, subscribed: 0, unsubscribed: 0 }
    expect(await it.store.subscriptionCounts(mine.id)).toEqual(none)
    expect(await it.store.subscriptionCounts('none')).toEqual(none)
    const [, second, third] = await Promise.all(
      ['+491', '+492', '+493'].map(
        async (msisdn) => (await addSent(it.store, mine, { msisdn })).subscription,
      ),
    )
    await addSent(it.store, bystander)
    expect(await it.store.subscriptionCounts(mine.id)).toEqual({ ...none, pending_pin: 3 })
    const subscribed = { ...second!, state: 'subscribed', pin: undefined, subscribedAt: T0 } as const
    await write(it.store, second!, { save: subscribed })
    await write(it.store, second!, { save: { ...subscribed, subscriber: { name: 'x' } } })
    const left = { ...third!, state: 'unsubscribed', pin: undefined, unsubscribedAt: T0 } as const
    await write(it.store, third!, { save: left })
    expect(await it.store.subscriptionCounts(mine.id)).toEqual({
      pending_pin: 1,
      subscribed: 1,
      unsubscribed: 1,
    })
    await write(it.store, third!, { save: third! })
    expect(await it.store.subscriptionCounts(mine.id)).toEqual({ ...none, pending_pin: 2, subscribed: 1 })
    expect(await it.store.subscriptionCounts(bystander.id)).toEqual({ ...none, pending_pin: 1 })
  })
})
