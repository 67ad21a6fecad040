import path from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import {
  addLines,
  DATABASE,
  fromNow,
  keysOf,
  LINE,
  media,
  REFUSED,
  SECOND_DATABASE,
  SECOND_LINE,
  usesOf,
  visit,
  visits,
  writePins,
} from '../support/pin-line.ts'
import { ALICE, STRANGER, useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()

beforeAll(() => addLines(stage()))

/** Callers of whom nothing is remembered yet. */
let callers = 0
const newcomer = () => `+9198200${String(++callers).padStart(5, '0')}`

test('the use is in the database before the caller hears that the PIN was right', async () => {
  await writePins(stage(), '410001')
  const witness = await stage().witness()
  const startOf = (prompt: string) => {
    const events = witness.seen as unknown as {
      type: string
      timestamp: string
      playback?: { media_uri: string }
    }[]
    const found = events.find(
      ({ type, playback }) => type === 'PlaybackStarted' && playback?.media_uri === prompt,
    )
    return Date.parse(found?.timestamp ?? '')
  }
  const db = new Database(path.join(stage().data, 'pinbridge.db'))
  const caller = await stage().call(LINE, {
    from: STRANGER,
    steps: [{ do: 'info', digits: '410001#' }, { do: 'waitForHangUp' }],
  })
  await until(() => expect(caller.messages()).toContain('Signal=1'), { atMostMs: 10_000 })
  // Nothing can be written from here on.
  db.exec('begin immediate')
  try {
    await until(() => expect(caller.messages()).toContain('Signal=#'))
    // Another caller, for whom nothing is written, is served meanwhile.
    await stage().call('+916292130000', { from: ALICE, refusedWith: 404, steps: [] })
    await until(() => expect(startOf('sound:ss-noservice')).toBeGreaterThan(0))
    expect(startOf(media.right)).toBeNaN()
  } finally {
    db.exec('commit')
  }
  const released = Date.now()
  expect(await caller.ended).toBe(0)
  db.close()
  expect(startOf(media.right)).toBeGreaterThanOrEqual(released)
  expect(await usesOf(stage(), '410001')).toEqual([STRANGER])
}, 60_000)

test('PINs that are expired, have not begun, are of another database or of none sound alike and leave no use', async () => {
  await writePins(stage(), '420001', '420001', { 'expires-at': fromNow(-1_000) })
  await writePins(stage(), '420002', '420002', { 'begins-at': fromNow(60_000) })
  await writePins(stage(), '420003', '420003', { db: SECOND_DATABASE })
  const witness = await stage().witness()
  const pins = ['420001', '420002', '420003', '420004']
  const callers = pins.map((pin) => ({ from: newcomer(), pins: [pin, pin, pin] }))
  expect(await visits(stage(), witness, callers)).toEqual(pins.map(() => REFUSED))
  for (const pin of pins) {
    expect(await usesOf(stage(), pin)).toEqual([])
    expect(await keysOf(stage(), pin)).toEqual([])
  }
  const from = newcomer()
  expect(await visit(stage(), witness, from, ['420003'], SECOND_LINE)).toEqual([media.ask, media.right])
  expect(await usesOf(stage(), '420003', SECOND_DATABASE)).toEqual([from])
}, 120_000)

test('of four callers with a PIN for three the last is refused, until a key is deleted', async () => {
  await writePins(stage(), '430001')
  await stage().pins({ action: 'write-db', db: DATABASE, 'max-keys': '3' })
  const witness = await stage().witness()
  const callers = [newcomer(), newcomer(), newcomer(), newcomer()] as const
  const tries = (from: string) => visit(stage(), witness, from, ['430001'])
  const refused = (from: string) => visit(stage(), witness, from, ['430001', '430001', '430001'])
  for (const from of callers.slice(0, 3)) expect(await tries(from)).toEqual([media.ask, media.right])
  const [first, , , fourth] = callers
  expect(await refused(fourth)).toEqual(REFUSED)
  // The three go on being served.
  expect(await tries(first)).toEqual([media.ask, media.right])
  await stage().pins({ action: 'delete-key', db: DATABASE, pin: '430001', value: first })
  expect(await tries(fourth)).toEqual([media.ask, media.right])
  expect(await keysOf(stage(), '430001')).toEqual(callers.slice(1))
  expect(await refused(first)).toEqual(REFUSED)
  expect(await usesOf(stage(), '430001')).toEqual([...callers.slice(0, 3), first, fourth])
  await stage().pins({ action: 'write-db', db: DATABASE, 'max-keys': '0' })
}, 180_000)

const WRITTEN = [
  ...['+919833333333', '00919833333333', '09833333333', '919833333333', '9833333333'],
  ...['%2B919833333333', '+919833333333;user=phone', '+91-98333-33333'],
]

test('eight written forms of one number are one key', async () => {
  await writePins(stage(), '440001')
  await stage().pins({ action: 'write-db', db: DATABASE, 'max-keys': '1' })
  const witness = await stage().witness()
  const heard = await visits(
    stage(),
    witness,
    WRITTEN.map((from) => ({ from, pins: ['440001'] })),
  )
  expect(heard).toEqual(WRITTEN.map(() => [media.ask, media.right]))
  expect(await keysOf(stage(), '440001')).toEqual(['+919833333333'])
  expect(await usesOf(stage(), '440001')).toEqual(WRITTEN.map(() => '+919833333333'))
  await stage().pins({ action: 'write-db', db: DATABASE, 'max-keys': '0' })
}, 180_000)

test('whoever withholds the number shares one key with all others who do', async () => {
  await writePins(stage(), '450001')
  await stage().pins({ action: 'write-db', db: DATABASE, 'max-keys': '1' })
  const witness = await stage().witness()
  const withheld = ['anonymous', 'unavailable', '1001'].map((from) => ({ from, pins: ['450001'] }))
  expect(await visits(stage(), witness, withheld)).toEqual(withheld.map(() => [media.ask, media.right]))
  expect(await keysOf(stage(), '450001')).toEqual(['anonymous'])
  expect(await visit(stage(), witness, newcomer(), ['450001', '450001', '450001'])).toEqual(REFUSED)
  await stage().pins({ action: 'write-db', db: DATABASE, 'max-keys': '0' })
}, 120_000)

test('after ten wrong PINs a right one is refused like any other, and everybody else is served', async () => {
  await writePins(stage(), '460001')
  const witness = await stage().witness()
  const guesser = newcomer()
  const tries = (pins: string[], from = guesser) => visit(stage(), witness, from, pins)
  for (const n of [1, 2, 3]) expect(await tries([`46${n}991`, `46${n}992`, `46${n}993`])).toEqual(REFUSED)
  expect(await tries(['464991', '460001', '460001'])).toEqual(REFUSED)
  expect(await tries(['460001', '460001', '460001'])).toEqual(REFUSED)
  expect(await usesOf(stage(), '460001')).toEqual([])
  const other = newcomer()
  expect(await tries(['460001'], other)).toEqual([media.ask, media.right])
  expect(await usesOf(stage(), '460001')).toEqual([other])
}, 180_000)
