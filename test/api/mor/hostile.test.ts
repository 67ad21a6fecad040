import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { cardsIn, errorXml, hashFor, type Mor, openMor } from './client.ts'

let mor: Mor
beforeEach(async () => {
  mor = await openMor()
})
afterEach(() => mor.door.close())

const UNREADABLE = errorXml('Request can not be read', { bare: true })
const hash = hashFor('calling_cards_get', {})
const path = `/api/calling_cards_get?u=admin&hash=${hash}`
const json = (body: string) => ({ body, headers: { 'Content-Type': 'application/json' } })
const form = (body: string) => ({ body, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })

async function expectUnreadable(url: string, init?: RequestInit): Promise<void> {
  const { status, text, headers } = await mor.send(url, init)
  expect({ status, text }).toEqual({ status: 200, text: UNREADABLE })
  expect(headers.get('content-type')).toBe('text/xml; charset=utf-8')
}

describe('a request that can be read in two ways, or not at all, does nothing', () => {
  test.each([
    'name=a&name=b',
    'u=admin',
    'name=%00',
    'name=%0d%0a',
    'name=%ff',
    'name=%ed%a0%80',
    Array.from({ length: 51 }, (_, i) => `a${i}=1`).join('&'),
  ])('a query with %s', (query) => expectUnreadable(`${path}&${query}`))

  test.each(['u=admin', 'name=a&name=b', 'name=%00', 'name=%ff', `name=${'a'.repeat(70_000)}`])(
    'a form with %s',
    (body) => expectUnreadable(path, form(body)),
  )

  test.each([
    '{',
    '[]',
    '"u"',
    'null',
    '1',
    '{"u":"admin"}',
    '{"name":{"a":1}}',
    '{"name":["a"]}',
    '{"name":"\\u0000"}',
    '{"name":"a\\nb"}',
    '{"name":"\\ud800"}',
    '{"number":12345678901234567890}',
    '{"number":1e400}',
    '{"__proto__":{"role":"admin"}}',
    '{"constructor":"x"}',
    `{"name":"${'x'.repeat(300_000)}"}`,
    `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  ])('JSON such as %s', (body) => expectUnreadable(path, json(body)))

  test('JSON that is compressed, or no UTF-8', async () => {
    const headers = { 'Content-Type': 'application/json' }
    await expectUnreadable(path, { body: '{}', headers: { ...headers, 'Content-Encoding': 'gzip' } })
    await expectUnreadable(path, { body: new Uint8Array([0x7b, 0xff, 0x7d]), headers })
  })

  test('names that objects have mean nothing', async () => {
    await mor.card('1111111119')
    const query = 'constructor=x&__proto__=x&toString=x&number%5B%5D=1&number%5Ba%5D=1'
    expect(cardsIn(await mor.send(`${path}&${query}`))).toHaveLength(1)
  })

  test('a body of a kind that is not read', async () => {
    await mor.card('1111111119')
    for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'text/xml', 'application/jsonx'])
      expect((await mor.send(path, { body: 'name=x', headers: { 'Content-Type': type } })).text).toBe(
        UNREADABLE,
      )
  })
})

describe('a POST in the middle of which the client stops', () => {
  test('is answered when its time is over', async () => {
    const { openDoor } = await import('../door.ts')
    const patient = await openMor(await openDoor({ bodyTimes: { withinMs: 50, afterAnswerMs: 50 } }))
    const head =
      'POST /api/calling_cards_get HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{'
    const { status, body } = await patient.door.raw(head)
    expect({ status, body }).toEqual({ status: 200, body: UNREADABLE })
    await patient.door.close()
  })
})

test('the log has the route and the account, and nothing of what was sent or found', async () => {
  const canaries = {
    name: 'canary-name',
    pin: '31337',
    number: '9876512340',
    key: 'canary-key',
    callerid: '+919812345678',
  }
  const { name, pin, number, key, callerid } = canaries
  const { ctx, account } = mor.door
  const group = await ctx.store.addCardGroup({ ...mor.group, name: 'other', pinLength: 5 })
  await mor.login('canary-user', undefined, key)
  const card = await mor.card(number, { name, pin, cli: callerid }, 0, group)
  expect((await mor.ask('calling_cards_get', { name, pin, number, callerid })).text).toContain(pin)
  await mor.ask('calling_card_update', { card_id: String(card.id), pin, name })
  await mor.ask('card_balance_get', { number })
  await mor.ask('calling_cards_get', { pin }, 'nobody')
  await mor.send(`/api/calling_cards_get?u=canary-user&pin=${pin}&hash=${pin}`)
  await mor.send(path, json(`{"pin":"${pin}","number":{"${number}":1}}`))
  await mor.send(`/billing/api/${name}?pin=${pin}`)
  ctx.store.cardsMatching = () => Promise.reject(new Error('no disk'))
  await mor.ask('calling_cards_get', { pin })
  while (mor.door.lines.length < 8) await new Promise(setImmediate)
  const log = mor.door.lines.join('')
  for (const secret of [
    ...Object.values(canaries),
    'canary',
    'secret',
    hash,
    hashFor('calling_cards_get', {}, key),
  ])
    expect(log).not.toContain(secret)
  const lines = mor.door.lines.map((line) => JSON.parse(line) as { route: string; account?: string })
  expect(lines.map(({ route, account: who }) => [route, who])).toEqual([
    ['/billing/api/calling_cards_get', account.sid],
    ['/billing/api/calling_card_update', account.sid],
    ['/billing/api/card_balance_get', account.sid],
    // Whoever has not shown the key is nobody yet.
    ['/billing/api/calling_cards_get', undefined],
    ['/api/calling_cards_get', undefined],
    ['/api/calling_cards_get', undefined],
    ['none', undefined],
    ['/billing/api/calling_cards_get', account.sid],
  ])
  expect(JSON.parse(mor.door.lines.at(-1)!)).toMatchObject({ status: 200, err: { message: 'no disk' } })
})

test('no answer may be stored, sniffed or named to another site', async () => {
  for (const { headers } of [await mor.send(path), await mor.send('/api/calling_cards_get')])
    expect(Object.fromEntries(headers)).toMatchObject({
      ...{
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      },
    })
})
