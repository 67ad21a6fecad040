import { describe, expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { changeCampaign } from '../../src/engine/campaigns.ts'
import { until } from '../support/until.ts'
import { useTexts } from './texts-desk.ts'

/** The default of a campaign. */
const RETRY_MS = 30_000

const { sink, desk, acme, one, untilIs } = useTexts()
/** As only another program could have written them. */
const uncheckedHeaders = (headers: Record<string, string>) =>
  desk().ctx.store.changeCampaign(acme().account.id, acme().campaign.id, (found) => {
    if (found?.means.kind !== 'webhook') throw new Error('it has no gateway')
    return { save: { ...found, means: { ...found.means, headers } }, result: undefined }
  })

describe('a PIN', () => {
  test('goes out with the headers of its campaign, on every try', async () => {
    const headers = {
      authorization: 'Bearer {"a": b}',
      'x-api-key': 's3cr3t',
      constructor: '1',
      cookie: 'a=b',
    }
    const keyed = await desk().campaign('keyed', { url: sink().url, headers })
    sink().answer(500, 204)
    desk().start()
    const owed = await one(keyed)
    await untilIs(owed, { state: 'waiting', outcome: 'failed' })
    desk().pass(RETRY_MS)
    await untilIs(owed, { outcome: 'delivered', tries: 2 })
    const own = {
      'content-type': 'application/json',
      'user-agent': 'pinbridge',
      'webhook-id': owed.sending.id,
    }
    expect(sink().received.map((each) => each.headers)).toMatchObject([
      { ...headers, ...own },
      { ...headers, ...own },
    ])
  })

  test('goes out with the headers that its campaign has by then', async () => {
    const keyed = await desk().campaign('keyed', {
      url: sink().url,
      headers: { 'x-old': '1', 'x-key': 'old' },
    })
    const { account, campaign } = keyed
    await one(keyed)
    const { means } = campaign
    if (means.kind === 'webhook')
      await changeCampaign(desk().ctx, account, campaign.id, {
        means: { ...means, headers: { 'x-key': 'new' } },
      })
    desk().start()
    await until(() => expect(sink().received).toHaveLength(1))
    expect(sink().received[0]!.headers).toMatchObject({ 'x-key': 'new' })
    expect(sink().received[0]!.headers).not.toHaveProperty('x-old')
  })

  const OURS = ['content-type', 'content-length', 'user-agent', 'webhook-timestamp', 'webhook-signature']

  test.each([...OURS, 'webhook-id', ...OURS.map((name) => name.toUpperCase())])(
    'has our own %s, though a campaign that was never checked names another',
    async (name) => {
      await uncheckedHeaders({ [name]: '1', 'x-api-key': 's3cr3t' })
      desk().start()
      const owed = await one()
      await untilIs(owed, { outcome: 'delivered' })
      const body = `{"to":"254700001000","text":"Test Campaign ${owed.digits}"}`
      const at = new Date(desk().ctx.clock.ms)
      expect(sink().received).toMatchObject([{ body }])
      expect(sink().received[0]!.headers).toMatchObject({
        ...{ 'x-api-key': 's3cr3t', 'content-type': 'application/json', 'user-agent': 'pinbridge' },
        ...{ 'content-length': String(body.length), 'webhook-id': owed.sending.id },
        'webhook-timestamp': String(Math.floor(desk().ctx.clock.ms / 1_000)),
        'webhook-signature': new Webhook(acme().account.webhookSecret).sign(owed.sending.id, at, body),
      })
    },
  )

  test.each([{ 'x-api-key': 's3cr3t\r\nx-more: 1' }, { 'x-api-key': 's3cr3t\n' }, { 'x s3cr3t': '1' }])(
    'does not go out with what is no header, %j, and the log does not say what it is',
    async (headers) => {
      await uncheckedHeaders(headers)
      desk().start()
      await untilIs(await one(), { state: 'waiting', outcome: 'failed' })
      expect(desk().attempts).toMatchObject([
        { outcome: 'failed', reason: expect.stringMatching(/^ERR_INVALID_/) },
      ])
      expect(JSON.stringify(desk().attempts)).not.toContain('s3cr3t')
      expect(sink().received).toEqual([])
    },
  )
})
