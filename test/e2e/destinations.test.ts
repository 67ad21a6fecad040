import path from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { importRates } from '../../src/engine/tariff-import.ts'
import type { Card } from '../../src/engine/cards.ts'
import { clientOf, md5, PASSWORD } from '../api/42com/client.ts'
import { FORMS } from '../engine/written-forms.ts'
import { addCardNumber, besides, CARDS, invites, said, stay } from '../support/card-stage.ts'
import { giveCard } from '../support/paid.ts'
import type { Phone } from '../support/phone.ts'
import type { Callee, Step } from '../support/sip-script.ts'
import { useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()
beforeAll(() => addCardNumber(stage()))

/** What lies behind most of what is tried here would be allowed, were it a number like others. */
const ALLOWED = ['49', '44', '1', '87', '88', '97', '-4915']
const busy: Callee = { answers: 'refuses', status: 486 }

let callers = 0
const newcomer = () => `+4930231253${String(callers++).padStart(2, '0')}`

/** A card whose owner calls from its number, with a rate for each of these prefixes. */
async function cardOf(cli: string, destinationAttempts: number, ...prefixes: string[]): Promise<Card> {
  return besides(stage(), async (ctx) => {
    const account = (await ctx.store.accounts()).find(({ sid }) => sid === stage().sid)
    if (!account) throw new Error('the stage has no account')
    const cards = { allowed: ALLOWED, destinationAttempts, account: NO_CAP, card: NO_CAP }
    const card = await giveCard(ctx, account.id, { cli, cards, balanceMicros: 1_000_000 })
    const price = { perMinuteMicros: 60_000, setUpMicros: 0, minimumSeconds: 0, incrementSeconds: 1 }
    async function* rates() {
      for (const [n, prefix] of prefixes.entries()) {
        await Promise.resolve()
        yield { line: n + 1, rate: { prefix, name: `to ${prefix}`, ...price } }
      }
    }
    // The tariff of its group has the card's number for a name.
    const { changed } = await importRates(ctx, account, card.number, rates(), { dryRun: false })
    expect(changed).toBe(1)
    return card
  })
}
const NO_CAP = {
  callsAtOnce: 100,
  callsAnHour: 1_000,
  callsADay: 1_000,
  microsAnHour: 1e12,
  microsADay: 1e12,
}

/** One number after another, each ended by `#`. Of two equal keys in a row the second must not come too soon. */
function keyed(...numbers: string[]): Step[] {
  const runs = numbers
    .map((number) => `${number}#`)
    .join('')
    .replaceAll(/(.)(?=\1)/g, '$1 ')
    .split(' ')
  const wait: Step = { do: 'wait', ms: 350 }
  return [{ do: 'wait', ms: 700 }, ...runs.flatMap((digits): Step[] => [{ do: 'info', digits }, wait])]
}

/** The numbers that were rung, in order. */
function rung(called: Phone): string[] {
  const numbers = new Map<string, string>()
  for (const text of called.messages().split('UDP message received')) {
    const [, number] = /\nINVITE sip:([^@]*)@/.exec(text) ?? []
    const [, id] = /^Call-ID: (.*)$/m.exec(text) ?? []
    if (number !== undefined && id !== undefined) numbers.set(id, number)
  }
  return [...numbers.values()]
}

const DENIED = [
  // Satellites, global networks.
  ...[
    '00882131234567',
    '0088351000123456',
    '00881612345678',
    '00870773123456',
    '00979912345678',
    '00878101234567',
  ],
  ...['011882131234567', '000882131234567', '882131234567', '88161234567890123456'],
  // Whoever answers is paid for it.
  ...[
    '09001234567',
    '00499001234567',
    '004900900123456',
    '01805123456',
    '00449091234567',
    '449091234567',
    '0019005550123',
  ],
  ...['004990012345678', '0103309001234567'],
  // Emergency, service and short numbers.
  ...['110', '112', '0112', '0049112', '00112', '911', '11833', '116117'],
  // Nobody has allowed them.
  ...['0033142685300', '0079161234567', '015112345678', '00491511234567', '33142685300'],
]

test('whatever is keyed that may not be called: the caller is told, nobody is rung and nothing is held', async () => {
  const [EACH, all] = [8, DENIED.length]
  expect(all % EACH).toBe(0)
  const witness = await stage().witness()
  const made: Card[] = []
  await stage().answering(busy, async (called) => {
    const placed = []
    for (let first = 0; first < all; first += EACH) {
      const from = newcomer()
      made.push(await cardOf(from, EACH, '49', '44', '1', '8', '9', '3', '7'))
      placed.push(() =>
        stage().call(CARDS, { from, steps: [...keyed(...DENIED.slice(first, first + EACH)), stay] }),
      )
    }
    const phones = await Promise.all(placed.map((call) => call()))
    expect(await Promise.all(phones.map(({ ended }) => ended))).toEqual(phones.map(() => 0))
    expect(called.messages()).not.toContain('INVITE')
  })
  const told = said(witness).filter((one) => /^pinbridge\/number-(invalid|not-allowed|short)$/.test(one))
  expect(told).toHaveLength(all)
  for (const card of made) expect(holdsOf(card)).toEqual([])
}, 180_000)

test('what may be called is rung by its own number, and paid at its own rate, however it is keyed', async () => {
  const wanted = [
    ['03023125000', '+493023125000', '4930'],
    ['00493023125001', '+493023125001', '4930'],
    ['493023125002', '+493023125002', '4930'],
    ['004908912345670', '+498912345670', '49'],
    ['00442079460018', '+442079460018', '442'],
    ['442079460019', '+442079460019', '442'],
    ['0012025550123', '+12025550123', '1202'],
  ] as const
  await stage().answering(busy, async (called) => {
    const results = await Promise.all(
      wanted.map(async ([keys, number, prefix]) => {
        const from = newcomer()
        return {
          keys,
          number,
          prefix,
          from,
          card: await cardOf(from, 1, '49', '4930', '44', '442', '1', '1202'),
        }
      }),
    )
    const phones = await Promise.all(
      results.map(({ keys, from }) => stage().call(CARDS, { from, steps: [...keyed(keys), stay] })),
    )
    expect(await Promise.all(phones.map(({ ended }) => ended))).toEqual(phones.map(() => 0))
    expect(rung(called).sort()).toEqual(wanted.map(([, number]) => number).sort())
    for (const { number, prefix, card } of results)
      expect(holdsOf(card)).toEqual([{ to: number, state: 'void', name: `to ${prefix}` }])
  })
}, 120_000)

/** All paid calls of a card, answered or not. */
function holdsOf({ id }: Card): { to: string; state: string; name: string }[] {
  const db = new Database(path.join(stage().data, 'pinbridge.db'), { readonly: true })
  try {
    const all = db.prepare<[number], { to: string; state: string; name: string }>(
      `select dialled as "to", state, rate ->> '$.name' as name from hold where card_id = ?`,
    )
    return all.all(id)
  } finally {
    db.close()
  }
}

const SATELLITE = { code: '882', national: '131234567' }
const PREMIUM = { code: '44', national: '9091234567' }

test('whatever is sent to be called back: neither number is rung unless both may be', async () => {
  const card = await cardOf(newcomer(), 1, '49', '44', '1', '8', '9')
  await besides(stage(), ({ store }) =>
    store.addCredential({
      dialect: '42com',
      user: 'shop',
      accountId: card.accountId,
      secretHash: md5(PASSWORD),
      cardId: card.id,
    }),
  )
  const client = clientOf(
    { url: stage().http, ctx: { now: Date.now } as Parameters<typeof clientOf>[0]['ctx'] },
    'shop',
  )
  const ask = async (aNumber: string, bNumber: string) =>
    (await client.post('/v2/?webcallback', { act: 'trycallback', aNumber, bNumber })).envelope.error
  const [ours, theirs] = ['030 23125 010', '+44 20 7946 0019']
  await stage().answering(busy, async (called) => {
    // Without its country code it may be somebody's in Germany.
    for (const { write, reading } of FORMS.filter(({ reading }) => reading !== 'home'))
      for (const denied of [SATELLITE, PREMIUM]) {
        const written = write(denied)
        expect([reading, written, await ask(written, theirs), await ask(ours, written)]).toEqual([
          reading,
          written,
          true,
          true,
        ])
      }
    for (const written of DENIED)
      expect([written, await ask(written, theirs), await ask(ours, written)]).toEqual([written, true, true])
    expect(await ask(ours, '0049 (0)30 23125 010')).toBe(true)
    // After all these, one that may: the only one that rings.
    expect(await ask(ours, theirs)).toBe(false)
    await until(() => expect(rung(called)).toEqual(['+493023125010']), { atMostMs: 20_000 })
    await until(
      async () => expect(await besides(stage(), ({ store }) => store.openCallbacks())).toEqual([]),
      { atMostMs: 20_000 },
    )
    expect(invites(called)).toBe(1)
  })
}, 120_000)
