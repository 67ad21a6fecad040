import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { writePins } from '../../../src/engine/pin-databases.ts'
import { STRANGER } from '../../support/context.ts'
import { until } from '../../support/until.ts'
import { type Door, openDoor } from '../door.ts'
import { type Client, clientOf, use } from './client.ts'

/** The rows that are read at once. */
const PAGE = 2_000

let door: Door
let client: Client
beforeEach(async () => {
  door = await openDoor()
  client = clientOf(door)
})
afterEach(() => door.close())

const always = { beginsAt: undefined, expiresAt: undefined }
const fill = (count: number) =>
  writePins(door.ctx, door.account, 1, { start: '100000', end: String(99_999 + count), ...always }, 1_000_000)

/** 23 MB, far more than sockets take that nobody reads: 200 full pages. */
function fillWithMore(): Promise<void> {
  const [beginsAt, expiresAt] = [Date.UTC(2026), Date.UTC(2027)]
  const range = { start: '100000000000000', end: '100000000399999', beginsAt, expiresAt }
  return writePins(door.ctx, door.account, 1, range, 1_000_000)
}

/** Counts the pages that are asked for. */
function countPages(): { pages: number } {
  const count = { pages: 0 }
  const real = { ...door.ctx.store }
  door.ctx.store.pinsAfter = (...query) => {
    count.pages++
    return real.pinsAfter(...query)
  }
  return count
}

/** The answer, of which nothing has been read. */
async function unread(parameters: Record<string, string>): Promise<IncomingMessage> {
  const [response] = (await once(httpGet(client.url(parameters)), 'response')) as [IncomingMessage]
  return response
}

describe('a download', () => {
  test.each([1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1])(
    'of %d PINs has all of them, in every form',
    async (count) => {
      await fill(count)
      const pins = Array.from({ length: count }, (_, i) => String(100_000 + i))
      expect((await client.get({ action: 'download-db' })).text).toBe(
        pins.map((pin) => `${pin},1,,\n`).join(''),
      )
      const { text } = await client.get({ action: 'download-db', output: 'txt' })
      expect(text).toBe(pins.map((pin) => `${pin}\t1\t\t\n`).join(''))
      const json = await client.get({ action: 'download-db', output: 'json' })
      expect((JSON.parse(json.text) as { pin: string }[]).map(({ pin }) => pin)).toEqual(pins)
    },
  )

  test('of uses and of keys goes over pages too', async () => {
    const count = PAGE + 1
    await fill(count)
    for (let done = 0; done < count; done += 500) {
      const pins = Array.from({ length: Math.min(500, count - done) }, (_, i) => String(100_000 + done + i))
      await Promise.all(pins.map((pin) => use(door, door.account, pin, STRANGER)))
    }
    const uses = await client.records({ action: 'download-uses', year: '2020', month: '03', day: '27' })
    expect(new Set(uses.map(([pin]) => pin)).size).toBe(count)
    expect(uses).toHaveLength(count)
    const keys = await client.records({ action: 'download-keys' })
    expect(keys.map(([pin]) => pin)).toEqual(uses.map(([pin]) => pin).sort())
    expect(await client.records({ action: 'download-keys', pin: '100001' })).toHaveLength(1)
  })

  test.each([
    ['csv', 'text/csv; charset=utf-8; header=absent'],
    ['txt', 'text/tab-separated-values; charset=utf-8; header=absent'],
    ['json', 'application/json; charset=utf-8'],
  ])('as %s says what it is, and is a file', async (output, type) => {
    await fill(1)
    const names = { 'download-db': 'db-1', 'download-dbs': 'dbs', 'download-keys': 'keys-1' }
    for (const [action, name] of Object.entries(names)) {
      const { headers } = await client.get({ action, output })
      expect(headers.get('content-type')).toBe(type)
      expect(headers.get('content-disposition')).toBe(`attachment; filename="${name}.${output}"`)
    }
  })

  test('waits for a client who does not read, and goes on when it does', async () => {
    await fillWithMore()
    const count = countPages()
    const response = await unread({ action: 'download-db' })
    let [seen, quiet] = [0, 0]
    // What the sockets take without being read is full at some time.
    await until(() => {
      quiet = count.pages === seen ? quiet + 1 : 0
      seen = count.pages
      expect(quiet).toBeGreaterThan(5)
    })
    expect(count.pages).toBeLessThan(150)
    let length = 0
    for await (const chunk of response) length += (chunk as Buffer).length
    expect(length).toBe(400_000 * '100000000000000,1,2027-01-01 05:30:00,2026-01-01 05:30:00\n'.length)
    expect(count.pages).toBe(201)
  }, 20_000)

  test('ends when the client leaves, and is no fault', async () => {
    await fillWithMore()
    const count = countPages()
    const response = await unread({ action: 'download-db' })
    response.destroy()
    await until(() => expect(door.lines.join('')).toContain('request broken off'))
    expect(count.pages).toBeLessThan(150)
    expect(door.lines.join('')).not.toContain('request failed')
  }, 20_000)

  test('is cut off when the client takes nothing of it for long', async () => {
    await fillWithMore()
    const count = countPages()
    door.server.setTimeout(200) // listen has set a longer one
    await unread({ action: 'download-db' })
    await until(() => expect(door.lines.join('')).toContain('request broken off'))
    expect(count.pages).toBeLessThan(150)
  }, 20_000)

  test('that fails at once is a 500, and one that fails later is broken off: nobody takes a part for the whole', async () => {
    await fill(2 * PAGE)
    const real = { ...door.ctx.store }
    const fails: { after?: string } = {}
    door.ctx.store.pinsAfter = (account, db, after, limit) =>
      after === fails.after ? Promise.reject(new Error('no disk')) : real.pinsAfter(account, db, after, limit)
    const { status, headers } = await client.get({ action: 'download-db' })
    expect(status).toBe(500)
    expect(headers.get('content-disposition')).toBeNull()
    fails.after = String(99_999 + PAGE)
    const broken = async () => (await unread({ action: 'download-db' })).toArray()
    await expect(broken()).rejects.toThrow('aborted')
    await until(() => expect(door.lines.join('').match(/no disk/g)?.length).toBeGreaterThanOrEqual(2))
  })

  test('sees what is written and deleted meanwhile or not, and never a PIN twice', async () => {
    await fill(3 * PAGE)
    const real = { ...door.ctx.store }
    let changed = false
    door.ctx.store.pinsAfter = async (...query) => {
      const page = await real.pinsAfter(...query)
      if (!changed) {
        changed = true
        await client.get({ action: 'delete-pins', 'start-pin': '100000', 'end-pin': '104999' })
        await client.get({ action: 'write-pins', 'start-pin': '200000', 'end-pin': '200000' })
      }
      return page
    }
    const pins = (await client.records({ action: 'download-db' })).map(([pin]) => pin)
    expect(pins).toHaveLength(PAGE + 1_000 + 1)
    expect(new Set(pins).size).toBe(pins.length)
    expect(pins.at(-1)).toBe('200000')
  })
})
