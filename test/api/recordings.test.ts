import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { signedLinks } from '../../src/api/links.ts'
import { type Door, openDoor } from './door.ts'

const CALL = '01890000-0000-7000-8000-000000000001'
const OTHER = '01890000-0000-7000-8000-000000000002'
const KEY = 'the key of this installation'
const SOUND = Buffer.from('RIFF....WAVEfmt and so on')

let parent: string
let door: Door
beforeEach(async () => {
  parent = mkdtempSync(path.join(tmpdir(), 'pinbridge-recordings-'))
  writeFileSync(path.join(parent, `${CALL}.wav`), SOUND)
  door = await openDoor({ recordings: { folder: parent, key: KEY } })
})
afterEach(async () => {
  await door.close()
  rmSync(parent, { recursive: true })
})

/** The path of a link that lives so long. */
function link(callId: string, lifeMs = 60_000, key = KEY): string {
  return signedLinks(key, () => '').recording(callId, door.ctx.now() + lifeMs)
}
const get = (where: string) => request(door.url).get(where)

describe('a link', () => {
  test('is an address below the public one', () => {
    const made = signedLinks(KEY, () => 'https://pins.example/base').recording(CALL, 1_700_000_000_999)
    const signature =
      /^https:\/\/pins\.example\/base\/recordings\/(.*)\.wav\?expires=1700000000&signature=([\w-]{43})$/
    expect(signature.exec(made)?.[1]).toBe(CALL)
  })

  test('gives the recording as a file, to whoever has it and as often as they like', async () => {
    for (let i = 0; i < 2; i++) {
      const answer = await get(link(CALL)).buffer()
      expect(answer.status).toBe(200)
      expect(answer.body).toEqual(SOUND)
      expect(answer.headers).toMatchObject({
        'content-type': 'audio/wav',
        'content-disposition': `attachment; filename="${CALL}.wav"`,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
    }
  })

  test('gives parts of it, so that a player can jump', async () => {
    const part = await get(link(CALL)).set('Range', 'bytes=0-3').buffer()
    expect([part.status, String(part.body)]).toEqual([206, 'RIFF'])
    const beyond = await get(link(CALL)).set('Range', 'bytes=9999-')
    expect([beyond.status, beyond.body]).toEqual([416, { error: 'no_such_range' }])
    expect(beyond.headers).not.toHaveProperty('content-disposition')
  })

  test('ends at its instant', async () => {
    const made = link(CALL, 60_000)
    door.ctx.clock.ms += 59_000
    expect((await get(made)).status).toBe(200)
    door.ctx.clock.ms += 1_000
    expect((await get(made)).status).toBe(403)
  })

  test('to a recording that is gone is a 404', async () => {
    const answer = await get(link(OTHER))
    expect([answer.status, answer.body]).toEqual([404, { error: 'not_found' }])
  })
})

describe('nobody gets anything', () => {
  test.each<[string, (good: URL) => string]>([
    ['without a signature', (good) => good.pathname],
    ['with an empty one', (good) => change(good, 'signature', '')],
    ['with one of another key', () => link(CALL, 60_000, 'another key')],
    ['with one of another call', (good) => link(OTHER).replace(OTHER, CALL) + good.hash],
    ['with a longer life than was signed', (good) => change(good, 'expires', '9999999999')],
    ['with no expiry', (good) => change(good, 'expires', '')],
    ['with an expiry that is no number', (good) => change(good, 'expires', 'Infinity')],
    ['with a letter that differs in case', (good) => flip(good)],
  ])('%s', async (_what, hostile) => {
    const answer = await get(hostile(new URL(link(CALL), 'http://here')))
    expect([answer.status, answer.body]).toEqual([403, { error: 'forbidden' }])
  })

  test('with a parameter twice', async () => {
    const answer = await get(`${link(CALL)}&expires=1`)
    expect([answer.status, answer.body]).toEqual([400, { error: 'bad_request' }])
  })

  test.each([
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e/etc/passwd',
    '....//etc/passwd',
    '..%5cpasswd',
    '%252e%252e%252fpasswd',
    `${CALL}.wav%00.txt`,
    `${CALL}%2f..%2f${CALL}.wav`,
    `${CALL}.WAV`,
    CALL,
    'x'.repeat(4_096),
    '.wav',
    '%E2%88%95etc',
  ])('by the path %s', async (name) => {
    // Even rightly signed: the name itself is none of ours.
    const signed = new URL(
      signedLinks(KEY, () => 'http://here').recording(decode(name), door.ctx.now() + 60_000),
    )
    const answer = await get(`/recordings/${name}${signed.search}`)
    expect([403, 404]).toContain(answer.status)
    expect(answer.text).not.toContain('root')
  })

  test('through a link that leads out of the folder', async () => {
    symlinkSync('/etc/passwd', path.join(parent, `${OTHER}.wav`))
    const answer = await get(link(OTHER))
    expect([answer.status, answer.body]).toEqual([404, { error: 'not_found' }])
  })
})

test('the log shows that a recording was fetched, and nothing by which it could be fetched again', async () => {
  await get(link(CALL))
  while (door.lines.length === 0) await new Promise(setImmediate)
  expect(door.lines.join()).toContain('/recordings/:file')
  expect(door.lines.join()).not.toMatch(/signature|expires/)
  expect(door.lines.join()).not.toContain(CALL)
})

function change(good: URL, name: string, value: string): string {
  good.searchParams.set(name, value)
  return good.pathname + good.search
}

function flip(good: URL): string {
  const signature = good.searchParams.get('signature') ?? ''
  const at = signature.search(/[a-zA-Z]/)
  const letter = signature[at] ?? ''
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
  return change(good, 'signature', signature.slice(0, at) + other + signature.slice(at + 1))
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name).replace(/\.wav$/, '')
  } catch {
    return name
  }
}
