import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { testAccount } from '../../support/context.ts'
import type { Account } from '../../../src/engine/accounts.ts'
import { type Door, openDoor } from '../door.ts'
import { type Client, clientOf, use } from './client.ts'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

async function accountIn(timeZone: string): Promise<{ account: Account; client: Client }> {
  const account = await testAccount(door.ctx, { sid: timeZone, vns: [], settings: { timeZone } })
  return { account, client: clientOf(door, timeZone) }
}

const write = (client: Client, dates: Record<string, string>) =>
  client.get({ action: 'write-pins', 'start-pin': '7', 'end-pin': '7', ...dates })

/** The instants that the store has after this was written, and what a download prints. */
async function written(timeZone: string, expires: string) {
  const { account, client } = await accountIn(timeZone)
  expect((await write(client, { 'expires-at': expires })).status).toBe(200)
  const [pin] = await door.ctx.store.pinsAfter(account.id, 1, undefined, 1)
  const [[, , printed] = []] = await client.records({ action: 'download-db' })
  const { expiresAt = NaN } = pin ?? {}
  return { at: expiresAt === Infinity ? 'never' : new Date(expiresAt).toISOString(), printed }
}

describe('dates are those of the clock on the wall of the account', () => {
  test.each([
    ['Asia/Kolkata', '2026-01-01 00:00:00', '2025-12-31T18:30:00.000Z'],
    ['Europe/London', '2026-01-01 00:00:00', '2026-01-01T00:00:00.000Z'],
    ['Europe/London', '2026-07-01 00:00:00', '2026-06-30T23:00:00.000Z'],
    ['America/New_York', '2026-02-28 23:59:59', '2026-03-01T04:59:59.000Z'],
    ['Asia/Kathmandu', '2024-02-29 12:00:00', '2024-02-29T06:15:00.000Z'],
    ['Australia/Lord_Howe', '2026-01-01 00:00:00', '2025-12-31T13:00:00.000Z'],
    ['Europe/London', '1900-01-01 00:00:00', '1900-01-01T00:00:00.000Z'],
    ['Asia/Kolkata', '9999-12-31 23:59:59', '9999-12-31T18:29:59.000Z'],
    ['UTC', '9999-12-31 23:59:59', '9999-12-31T23:59:59.000Z'],
    // Past the end of what has four digits in UTC: for ever, which prints as the same.
    ['America/New_York', '9999-12-31 23:59:59', 'never'],
  ])('in %s %s is %s, and is printed as it was written', async (timeZone, date, at) => {
    expect(await written(timeZone, date)).toEqual({ at, printed: date })
  })
})

describe('where clocks go forward and back', () => {
  test('a time that the clock shows twice is the first, and prints as it was written', async () => {
    const first = '2026-10-25T00:30:00.000Z'
    expect(await written('Europe/London', '2026-10-25 01:30:00')).toEqual({
      at: first,
      printed: '2026-10-25 01:30:00',
    })
  })

  test('a time that the clock skips is read by the clock before the change, and prints as what the clock then shows', async () => {
    expect(await written('Europe/London', '2026-03-29 01:30:00')).toEqual({
      at: '2026-03-29T01:30:00.000Z',
      printed: '2026-03-29 02:30:00',
    })
    expect(await written('America/New_York', '2026-03-08 02:30:00')).toEqual({
      at: '2026-03-08T07:30:00.000Z',
      printed: '2026-03-08 03:30:00',
    })
  })

  test.each([
    ['Europe/London', '2026-03-29', '2026-03-29T00:00:00Z', 23],
    ['Europe/London', '2026-10-25', '2026-10-24T23:00:00Z', 25],
    ['Asia/Kolkata', '2026-03-29', '2026-03-28T18:30:00Z', 24],
    ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00Z', 24.5],
    // The first hour of that day did not happen.
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00Z', 23],
    ['UTC', '9999-12-31', '9999-12-31T00:00:00Z', 23],
  ])('the uses of a day in %s: %s begins at %s and has %d hours', async (timeZone, date, begins, hours) => {
    const { account, client } = await accountIn(timeZone)
    const from = Date.parse(begins)
    await write(client, {})
    const [last, after] = [from + hours * 3_600_000 - 1_000, from + hours * 3_600_000]
    for (const at of [from - 1, from, last, ...(date.startsWith('9999') ? [] : [after])]) {
      door.ctx.clock.ms = at
      expect((await use(door, account, '7', `at-${at}`)).status).toBe('ok')
    }
    const [year = '', month = '', day = ''] = date.split('-')
    const uses = await client.records({ action: 'download-uses', year, month, day })
    expect(uses.map(([, , , key]) => key)).toEqual([`at-${from}`, `at-${last}`])
    for (const [, , at] of uses) expect(at).toMatch(new RegExp(`^${date} `))
  })
})

test('a PIN opens from the first second on and not in the last', async () => {
  const { account, client } = await accountIn('Europe/London')
  await write(client, { 'begins-at': '2026-07-01 12:00:00', 'expires-at': '2026-07-01 13:00:00' })
  const noon = Date.parse('2026-07-01T11:00:00Z')
  const seen: string[] = []
  for (const at of [noon - 1, noon, noon + 3_599_999, noon + 3_600_000]) {
    door.ctx.clock.ms = at
    seen.push((await use(door, account, '7')).status)
  }
  expect(seen).toEqual(['refused', 'ok', 'ok', 'refused'])
})
