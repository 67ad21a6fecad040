import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../../src/engine/accounts.ts'
import { clientWay } from '../../../src/engine/guard.ts'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { STRANGER, testAccount, type TestContext } from '../../support/context.ts'
import { type Door, openDoor } from '../door.ts'
import { type Client, clientOf, use } from './client.ts'

let door: Door
let client: Client
beforeEach(async () => {
  door = await openDoor()
  client = clientOf(door)
  await client.get({ action: 'write-pins', 'start-pin': '7000', 'end-pin': '7009' })
})
afterEach(() => door.close())

const check = (parameters: Record<string, string> = {}) =>
  client.get({ action: 'check-pin', pin: '7000', key: STRANGER, ...parameters })
const uses = async () =>
  (await client.records({ action: 'download-uses', year: '2020', month: '03', day: '27' })).length

describe('check-pin', () => {
  test('a right PIN is 200 and a use; the record says how many keys it has', async () => {
    expect(await check()).toMatchObject({ status: 200, text: '7000,1,OK,1\n' })
    expect(await check()).toMatchObject({ status: 200, text: '7000,1,OK,1\n' })
    expect(await check({ key: 'seat-12' })).toMatchObject({ status: 200, text: '7000,1,OK,2\n' })
    expect(await uses()).toBe(3)
  })

  test('a wrong PIN is 403, so that whoever looks at nothing but the status lets nobody in', async () => {
    expect(await check({ pin: '7777' })).toMatchObject({ status: 403, text: '7777,1,REFUSED,0\n' })
    expect(await check({ db: '2' })).toMatchObject({ status: 403, text: '7000,2,REFUSED,0\n' })
    expect(await uses()).toBe(0)
  })

  test('a key too many is 403', async () => {
    await client.get({ action: 'write-db', 'max-keys': '1' })
    await check()
    expect(await check({ key: 'other' })).toMatchObject({ status: 403, text: '7000,1,REFUSED,0\n' })
    expect(await client.records({ action: 'download-keys' })).toHaveLength(1)
  })

  test('whoever sent too many wrong ones is not even compared', async () => {
    for (let i = 0; i < 10; i++) await check({ pin: String(800_000_000_000 + i) })
    expect(await check()).toMatchObject({ status: 403, text: '7000,1,LOCKED,0\n' })
    expect(await check({ key: 'other' })).toMatchObject({ status: 200 })
  })

  test('wrong ones of visitors whom the client does not name lock out nobody else', async () => {
    for (let i = 0; i < 20; i++) await client.get({ action: 'check-pin', pin: String(800_000_000_000 + i) })
    expect((await client.get({ action: 'check-pin', pin: '7000' })).text).toBe('7000,1,OK,1\n')
    // On a line all withheld numbers are one caller.
    expect(await use(door, door.account, '7000')).toEqual({ status: 'ok', keys: 1 })
    for (let i = 0; i < 10; i++) await use(door, door.account, String(800_000_000_000 + i))
    expect((await use(door, door.account, '7000')).status).toBe('locked')
    expect((await client.get({ action: 'check-pin', pin: '7000' })).text).toBe('7000,1,OK,1\n')
  })

  test("a flood of wrong ones by HTTP shuts the account's HTTP door to strangers, and not the lines", async () => {
    // Twelve digits: no PIN there has as many, so none of them could have hit.
    const flood = Array.from({ length: 1_000 }, (_, i) =>
      use(
        door,
        door.account,
        String(800_000_000_000 + i),
        `guesser-${i}`,
        1,
        clientWay(door.account.id, 'pins'),
      ),
    )
    await Promise.all(flood)
    expect((await check({ key: 'new-here' })).text).toBe('7000,1,LOCKED,0\n')
    expect((await use(door, door.account, '7000', 'new-here')).status).toBe('ok')
    expect((await check({ key: 'new-here' })).text).toBe('7000,1,OK,1\n')
  })

  test('is written as the other records are', async () => {
    expect(await check({ output: 'txt' })).toMatchObject({ status: 200, text: '7000\t1\tOK\t1\n' })
    const { text, headers } = await check({ output: 'json', pin: '1' })
    expect(text).toBe('[{"pin":"1","db":1,"status":"REFUSED","keys":0}]\n')
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
  })

  test('one number is one key however it is written, on a line and here; who is not named is one too', async () => {
    for (const key of [
      STRANGER,
      '09812345678',
      '9812345678',
      '00919812345678',
      '+91 98123-45678',
      '(098123) 45678',
    ])
      expect((await check({ key })).text).toBe('7000,1,OK,1\n')
    await use(door, door.account, '7000', STRANGER)
    await use(door, door.account, '7000')
    const parameters = { action: 'check-pin', pin: '7000' }
    expect((await client.get(parameters)).text).toBe('7000,1,OK,2\n')
    const keys = await client.records({ action: 'download-keys', pin: '7000' })
    expect(keys.map(([, , key]) => key)).toEqual([STRANGER, 'anonymous'])
  })
})

describe('delete-keys', () => {
  test('forgets all keys of one PIN and of no other', async () => {
    await Promise.all(['a', 'b', 'c'].map((key) => check({ key })))
    await check({ pin: '7001', key: 'a' })
    expect(await client.get({ action: 'delete-keys', pin: '7000' })).toMatchObject({ status: 200, text: '' })
    expect(await client.records({ action: 'download-keys' })).toEqual([
      ['7001', '1', 'a', '2020-03-27 11:57:09'],
    ])
  })
})

describe('write-db', () => {
  const find = () => door.ctx.store.findPinDatabase(door.account.id, 1)

  test('changes what is said and leaves the rest', async () => {
    const action = 'write-db'
    for (const more of [
      { 'max-keys': '3' },
      { label: 'Größe "L", =1' },
      { 'vn-action': 'dial', target: '09812345678' },
      {},
    ] as Record<string, string>[])
      expect(await client.get({ action, ...more })).toMatchObject({ status: 200, text: '' })
    expect(await find()).toMatchObject({
      ...{ maxKeys: 3, label: 'Größe "L", =1' },
      action: { do: 'dial', number: STRANGER },
    })
    await client.get({ action, 'vn-action': 'continue', target: 'after-pin,s' })
    const { text } = await client.get({ action: 'download-dbs', output: 'json' })
    expect(JSON.parse(text)).toEqual([
      {
        ...{ db: 1, pins: 10, label: 'Größe "L", =1', 'max-keys': 3 },
        ...{ 'vn-action': 'continue', target: 'after-pin,s' },
      },
    ])
    await client.get({ action, 'vn-action': 'confirm' })
    expect(await find()).toMatchObject({ maxKeys: 3, action: { do: 'confirm' } })
  })

  test.each([
    ['dial', '+447700900123', 'no number'],
    ['dial', '+88212345678', 'no number'],
    ['dial', 'x', 'no number'],
    ['continue', 'default,s', 'may not use'],
    ['continue', 'after-pin', 'invalid'],
    ['continue', 'after-pin,s,1', 'invalid'],
    ['continue', 'after-pin,${SHELL(id)}', 'invalid'],
    ['continue', 'after-pin,', 'invalid'],
    ['continue', 'after-pin,h', 'invalid'],
    ['continue', 'after-pin,i', 'invalid'],
    ['confirm', 'after-pin,s', 'invalid'],
  ])('%s %s is refused', async (action, target, why) => {
    const { status, text } = await client.get({ action: 'write-db', 'vn-action': action, target })
    expect({ status, text }).toEqual({
      status: 403,
      text: expect.stringMatching(`target .*${why}`) as unknown,
    })
    expect(await find()).toMatchObject({ action: { do: 'confirm' } })
  })
})

describe('200 checks of one PIN at once, over HTTP and from lines, from 50 keys with a limit of 3', () => {
  const ROUNDS = 100
  /** Long: wrong ones of so many strangers must not be what keeps the rest out. */
  const PIN = '700000000000'
  let folder: string
  let onDisk: Door
  let ctx: TestContext

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-'))
    ctx = { ...door.ctx, store: openSqlite(path.join(folder, 'db')) }
    onDisk = await openDoor({ ctx })
  })
  afterEach(async () => {
    await onDisk.close()
    await ctx.store.close()
    rmSync(folder, { recursive: true })
  })

  /** An account of its own for each round, so that wrong ones of one do not lock those of the next out. */
  async function started(round: number, meanwhile?: (disk: Client, key: string, i: number) => void) {
    const account = await testAccount(ctx, { sid: `disk-${round}`, vns: [] })
    ctx.clock.ms += 3 * 3_600_000
    const disk = clientOf(onDisk, account.sid)
    await disk.get({ action: 'write-db', 'max-keys': '3' })
    await disk.get({ action: 'write-pins', 'start-pin': PIN, 'end-pin': PIN })
    const asked = Array.from({ length: 200 }, async (_, i) => {
      const key = `+9198123450${10 + (i % 50)}`
      meanwhile?.(disk, key, i)
      const isHttp = i % 2 === 0
      const isGranted = isHttp
        ? (await disk.get({ action: 'check-pin', pin: PIN, key })).status === 200
        : (await use({ ctx }, account, PIN, key)).status === 'ok'
      return isGranted ? [key] : []
    })
    return { account, disk, granted: Promise.all(asked).then((keys) => keys.flat()) }
  }

  async function result(account: Account, disk: Client) {
    const keys = (await disk.records({ action: 'download-keys', pin: PIN })).map(([, , key]) => key)
    const day = { from: 0, to: Infinity }
    const uses = await ctx.store.usesAfter(account.id, 1, day, undefined, 1_000)
    return { keys, used: uses.map(({ key }) => key) }
  }

  test('exactly 3 keys, and each grant is one use', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { account, disk, granted } = await started(round)
      const grants = await granted
      const { keys, used } = await result(account, disk)
      expect(keys).toHaveLength(3)
      // Each key asks four times.
      expect(grants).toHaveLength(12)
      expect(new Set(grants)).toEqual(new Set(keys))
      expect(used.sort()).toEqual(grants.sort())
    }
  }, 120_000)

  test('while keys are deleted: never more than 3 at a time, and each grant is one use', async () => {
    let freed = 0
    for (let round = 0; round < ROUNDS; round++) {
      const others: Promise<void>[] = []
      const { account, disk, granted } = await started(round, (client, value, i) => {
        // Whoever has a key by then loses it again and again, and others get in.
        if (i < 50 || i % 3 > 0) return
        others.push(
          client
            .get({ action: 'delete-key', pin: PIN, value })
            .then(({ status }) => expect(status).toBe(200)),
          client.records({ action: 'download-keys', pin: PIN }).then((keys) => {
            expect(keys.length).toBeLessThanOrEqual(3)
          }),
        )
      })
      const grants = await granted
      await Promise.all(others)
      const { keys, used } = await result(account, disk)
      expect(keys.length).toBeLessThanOrEqual(3)
      for (const key of keys) expect(grants).toContain(key)
      expect(used.sort()).toEqual(grants.sort())
      freed += new Set(grants).size - 3
    }
    // A deleted key made room for another one.
    expect(freed).toBeGreaterThan(0)
  }, 120_000)
})
