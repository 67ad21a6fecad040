import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseDay, parseSentDate } from '../../../src/api/dialects/42com/dates.ts'
import { isSignature, signedBy } from '../../../src/api/dialects/42com/signature.ts'
import {
  addLogin,
  type Answer,
  answer,
  type CardDoor,
  expectFault,
  granted,
  md5,
  openCardDoor,
  PASSWORD,
  phpDate,
  signed,
} from './client.ts'

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

const ask = (headers: Record<string, string>): Promise<Answer> => door.demo.get('/v2/?account', headers)
const WRONG = [401, 'Credentials Missing Or Wrong'] as const
const qyotta = (user: string, date: string) => {
  const signature = createHmac('sha1', md5(PASSWORD)).update(`${PASSWORD}\n${date}`).digest('base64')
  return { 'x-date': date, 'x-authorization': `${user}:${signature}` }
}

describe('the signature', () => {
  // Made by hand from the vendor's formula with the password `demo`; no example of the vendor's can be recomputed.
  const GOLDEN = [
    ['2014-02-20 19:44:49.000000 GMT+0000', 'dPekrt6IefY86DWmnLBOHWIEAr4='],
    ['2026-01-02T03:04:05.678Z', 'iuWBzl2V+AEpO79kBY+Ls8oZXQQ='],
  ] as const
  test.each(GOLDEN)('of the password demo and %s is %s', async (date, signature) => {
    door.ctx.clock.ms = Date.parse(date.replace(/ GMT.*/, 'Z').replace(' ', 'T'))
    granted(await ask({ 'x-date': date, 'x-authorization': `demo:${signature}` }))
    expect(isSignature(signature, date, md5('demo'))).toBe(true)
    expect(isSignature(signature, `${date} `, md5('demo'))).toBe(false)
  })

  test('of the password itself counts only for logins that are made for it, and these take both', async () => {
    const { ctx, account, card } = door
    await addLogin(ctx, account, 'qyotta', card.id, `plain:${PASSWORD}`)
    const date = phpDate(ctx.now())
    granted(await ask(qyotta('qyotta', date)))
    granted(await ask(signed('qyotta', date)))
    expectFault(await ask(qyotta('demo', date)), ...WRONG)
  })
})

describe('what is not signed right is refused, always with the same answer', () => {
  const date = () => phpDate(door.ctx.now())
  const good = () => signed('demo', date())
  const withSignature = (text: string) => ({ ...good(), 'x-authorization': text })
  const of = () => good()['x-authorization']!.slice('demo:'.length)
  /** The four bits that the last letter has too many say nothing: each signature could be written four ways. */
  const respelled = () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const last = letters.indexOf(of()[26]!)
    return `${of().slice(0, 26)}${letters[last + 1]!}=`
  }
  const CASES: [string, () => Record<string, string>][] = [
    ['nothing', () => ({})],
    ['no date', () => ({ 'x-authorization': good()['x-authorization']! })],
    ['no signature', () => ({ 'x-date': date() })],
    ['another date than the signed one', () => ({ ...good(), 'x-date': phpDate(door.ctx.now(), 1) })],
    ['another user', () => withSignature(`shop2:${of()}`)],
    ['an unknown user', () => signed('nobody', date())],
    ['the name of a property of objects', () => signed('__proto__', date())],
    ['a wrong password', () => signed('demo', date(), 'Demo')],
    ['the MD5 as the password', () => signed('demo', date(), md5('demo'))],
    ['the password itself, signed', () => qyotta('demo', date())],
    ['no user', () => withSignature(of())],
    ['an empty user', () => withSignature(`:${of()}`)],
    ['an empty signature', () => withSignature('demo:')],
    ['a signature that is cut', () => withSignature(`demo:${of().slice(0, 20)}`)],
    ['a signature and more', () => withSignature(`demo:${of()}AAAA`)],
    ['a signature spelled another way', () => withSignature(`demo:${respelled()}`)],
    ['hex in place of base64', () => withSignature(`demo:${Buffer.from(of(), 'base64').toString('hex')}`)],
    ['a Basic login', () => ({ Authorization: `Basic ${btoa('demo:demo')}` })],
    ['a date that is none, and a wrong password', () => signed('demo', 'yesterday', 'x')],
    ['a date of long ago, and a wrong password', () => signed('demo', phpDate(0), 'x')],
  ]
  test.each(CASES)('%s', async (_what, headers) => {
    expectFault(await ask(headers()), ...WRONG)
  })

  test('whatever the request is for, and nothing of it is looked at', async () => {
    const bad = signed('shop', date(), 'x')
    for (const path of [
      '/v2/?m=mycard-v2&act=insert&Telefon=4917990000000&Amount=1',
      '/v2/',
      '/v3/x',
      '/x',
      '/',
    ])
      expectFault(await door.shop.get(path, bad), ...WRONG)
    expectFault(await door.shop.post('/v2/', '{"m":', bad), ...WRONG)
    expect(
      await door.ctx.store.findCard({ accountId: door.account.id, cli: '+4917990000000' }),
    ).toBeUndefined()
  })

  test('of a login of another dialect', async () => {
    await door.ctx.store.addCredential({
      ...{ dialect: 'mor', user: 'mor-user', accountId: door.account.id, secretHash: md5(PASSWORD) },
    })
    expectFault(await ask(signed('mor-user', date())), ...WRONG)
  })

  test('for nobody is computed and compared as well', async () => {
    const { account } = door
    const found = { account, secretHash: md5(PASSWORD) }
    const took = { somebody: [] as number[], nobody: [] as number[] }
    // Long enough that signing is nearly all of it.
    const headers = { ...signed('x', date(), 'wrong'), 'x-date': 'x'.repeat(100_000) }
    for (let i = 0; i < 400; i++) {
      for (const [who, result] of [
        ['somebody', found],
        ['nobody', undefined],
      ] as const) {
        const started = performance.now()
        await signedBy({ findLogin: () => Promise.resolve(result) }, headers, 0).catch(() => undefined)
        took[who].push(performance.now() - started)
      }
    }
    const median = (all: number[]) => all.sort((x, y) => x - y)[200]!
    expect(median(took.nobody) / median(took.somebody)).toBeGreaterThan(0.7)
    expect(median(took.nobody) / median(took.somebody)).toBeLessThan(1.4)
  })
})

describe('a date', () => {
  const NOW = Date.UTC(2020, 2, 27, 6, 27, 9)
  test.each([
    ['180 s old', -180_000, undefined],
    ['a millisecond older', -180_001, [1011, 'Wrong x-date Too Old.']],
    ['a year old', -365 * 86_400_000, [1011, 'Wrong x-date Too Old.']],
    ['180 s ahead', 180_000, undefined],
    ['a millisecond further', 180_001, [1012, 'Wrong x-date In The Future.']],
    ['a year ahead', 365 * 86_400_000, [1012, 'Wrong x-date In The Future.']],
  ] as const)('%s', async (_what, offset, fault) => {
    expect(door.ctx.now()).toBe(NOW)
    const got = await ask(signed('demo', phpDate(NOW + offset)))
    if (fault) expectFault(got, fault[0], fault[1])
    else granted(got)
  })

  test('that is none is told to whoever has signed it', async () => {
    for (const date of ['2020-13-01 00:00:00.000000 GMT+0000', 'yesterday', String(NOW)])
      expectFault(await ask(signed('demo', date)), 403, 'Header x-date Not Valid')
  })

  const INSTANT = Date.UTC(2014, 1, 20, 18, 23, 38)
  test.each([
    ['2014-02-20 18:23:38.000000 GMT+0000', 0],
    ['2014-02-20 18:23:38.678912 GMT+0000', 678],
    ['2014-02-20 18:23:38.0 GMT+0000', 0],
    ['2014-02-20 18:23:38.05 GMT+0000', 50],
    ['2014-02-20 18:23:38 GMT+0000', 0],
    ['2014-02-20 18:23:38 GMT', 0],
    ['2014-02-20 18:23:38 UTC', 0],
    ['2014-02-20 19:23:38.000000 GMT+0100', 0],
    ['2014-02-20 12:53:38.000000 GMT-0530', 0],
    ['2014-02-20 18:23:38+0000', 0],
    ['2014-02-20T18:23:38.678Z', 678],
    ['2014-02-20T18:23:38Z', 0],
    ['2014-02-20T19:23:38.678+01:00', 678],
    ['2014-02-20T19:23:38.678+0100', 678],
    ['2014-02-21T08:23:38+14:00', 0],
    ['Thu Feb 20 2014 18:23:38 GMT+0000 (Coordinated Universal Time)', 0],
    ['Thu Feb 20 2014 19:23:38 GMT+0100 (Mitteleurop\u00e4ische Normalzeit)', 0],
    ['Fri Feb 21 2014 00:23:38 GMT+0600', 0],
  ])('%j is understood', (text, ms) => {
    expect(parseSentDate(text)).toBe(INSTANT + ms)
  })

  test.each([
    ...[
      '',
      ' ',
      '0',
      '1392920618',
      '2014-02-20',
      '18:23:38',
      'now',
      'Thu Feb 20 2014',
      '2014-02-20 18:23 GMT',
    ],
    ...[
      '2014-13-20 18:23:38 GMT',
      '2014-00-20 18:23:38 GMT',
      '2014-02-30 18:23:38 GMT',
      '2013-02-29 18:23:38 GMT',
    ],
    ...[
      '2014-02-20 24:00:00 GMT',
      '2014-02-20 18:60:38 GMT',
      '2014-02-20 18:23:60 GMT',
      '2014-2-20 18:23:38 GMT',
    ],
    // Without an offset it could be any of a day's instants.
    ...['2014-02-20 18:23:38', '2014-02-20T18:23:38.678', '2014-02-20 18:23:38.000000 CET'],
    ...['2014-02-20 18:23:38 GMT+1500', '2014-02-20 18:23:38 GMT+0060', '2014-02-20 18:23:38 GMT+1'],
    ...['2014-02-20 18:23:38. GMT', '2014-02-20 18:23:38.0000000 GMT', '2014-02-20 18:23:38,5 GMT'],
    ...[
      '0099-02-20 18:23:38 GMT',
      '+002014-02-20T18:23:38Z',
      '2014-02-20 18:23:38 GMT x',
      'x 2014-02-20 18:23:38 GMT',
    ],
    // It was a Thursday.
    ...[
      'Fri Feb 20 2014 18:23:38 GMT+0000',
      'Thu Fev 20 2014 18:23:38 GMT+0000',
      'Thu Feb 31 2014 18:23:38 GMT+0000',
    ],
    ...[
      'Thu, 20 Feb 2014 18:23:38 GMT',
      '\uff12\uff10\uff11\uff14-02-20 18:23:38 GMT',
      '2014-02-20 18:23:38 GMT\n',
    ],
  ])('%j is none', (text) => {
    expect(parseSentDate(text)).toBeUndefined()
  })

  test('of any instant is what its three ways to be written say', () => {
    const instants = fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2100, 0) })
    const property = fc.property(instants, fc.integer({ min: 0, max: 999 }), (instant, micros) => {
      expect(parseSentDate(phpDate(instant, micros))).toBe(instant)
      expect(parseSentDate(new Date(instant).toISOString())).toBe(instant)
      // JavaScript's own text, in the time zone of this process.
      expect(parseSentDate(new Date(instant).toString())).toBe(instant - (instant % 1_000))
    })
    fc.assert(property, { numRuns: 1_000 })
  })

  test('of any text is an instant or none, and never an error', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(parseSentDate(text)).toBeUndefined()))
  })
})

describe('a day', () => {
  const DAY_MS = 86_400_000
  test.each([
    ['14.02.2014', 'UTC', Date.UTC(2014, 1, 14), DAY_MS],
    ['2014-02-14', 'UTC', Date.UTC(2014, 1, 14), DAY_MS],
    ['14.02.2014', 'Europe/Berlin', Date.UTC(2014, 1, 13, 23), DAY_MS],
    ['2026-03-29', 'Europe/Berlin', Date.UTC(2026, 2, 28, 23), DAY_MS - 3_600_000],
    ['25.10.2026', 'Europe/Berlin', Date.UTC(2026, 9, 24, 22), DAY_MS + 3_600_000],
    ['2028-02-29', 'UTC', Date.UTC(2028, 1, 29), DAY_MS],
    ['31.12.2026', 'Asia/Kolkata', Date.UTC(2026, 11, 30, 18, 30), DAY_MS],
  ])('%s in %s', (text, zone, from, length) => {
    expect(parseDay(text, zone)).toEqual({ from, to: from + length })
  })

  test.each([
    '30.02.2014',
    '2014-13-01',
    '14.2.2014',
    '14-02-2014',
    '2014.02.14',
    '02/14/2014',
    '',
    '2014-02-14 10:00:00',
  ])('%j is none', (text) => expect(parseDay(text, 'Europe/Berlin')).toBeUndefined())
})

test('GET and POST only: HEAD would act as GET does', async () => {
  for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const url = `${door.url}/api/rest/v2/?m=mycard-v2&act=insert&Telefon=4917990000000&Amount=1`
    const got = await fetch(url, { method, headers: door.shop.sign() })
    expect(got.status).toBe(200)
    if (method !== 'HEAD') expect(await got.text()).toContain('the method must be GET or POST')
    expect(
      await door.ctx.store.findCard({ accountId: door.account.id, cli: '+4917990000000' }),
    ).toBeUndefined()
  }
})

test('a browser sends these headers for nobody on its own, so a page of another site can ask for nothing', async () => {
  const headers = {
    Cookie: 'x-authorization=x',
    'Sec-Fetch-Site': 'cross-site',
    Origin: 'https://evil.example',
  }
  expectFault(await answer(fetch(`${door.url}/api/rest/v2/?account`, { headers })), ...WRONG)
  const preflight = {
    ...headers,
    'Access-Control-Request-Method': 'GET',
    'Access-Control-Request-Headers': 'x-date',
  }
  const got = await fetch(`${door.url}/api/rest/v2/?account`, { method: 'OPTIONS', headers: preflight })
  expect([...got.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
})
