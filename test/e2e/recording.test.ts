import { chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Phone } from '../support/phone.ts'
import type { Callee, Step } from '../support/sip-script.ts'
import { BOB, freePort, STRANGER, useStage, VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'
import type { Witness } from '../support/witness.ts'

const stage = useStage()

const SAMPLES_A_SECOND = 8_000
const stay: Step = { do: 'waitForHangUp' }
const pin: Step = { do: 'info', digits: '4711#' }
const answers: Callee = { answers: 'after', ringMs: 300, steps: [stay] }
const leaves: Callee = { answers: 'after', ringMs: 300, steps: [{ do: 'wait', ms: 500 }, { do: 'hangUp' }] }
const REACHED = { completed: 1, verified: 1, refused: 0 }
/** Of the phones' speech, the same nine samples over and over. */
const VOICE_PERIOD = 9

beforeAll(() => stage().settings({ recording_enabled: true }))

afterEach(() => {
  for (const file of files()) rmSync(path.join(stage().recordings, file))
})

const files = () => readdirSync(stage().recordings)

/** The samples of a recording; throws unless it is one that anything can play: 8 kHz, 16 bit, mono, and whole. */
function samples(wav: Buffer): Int16Array {
  expect(wav.toString('latin1', 0, 4) + wav.toString('latin1', 8, 16)).toBe('RIFFWAVEfmt ')
  const format = [wav.readUInt16LE(20), wav.readUInt16LE(22), wav.readUInt32LE(24), wav.readUInt16LE(34)]
  expect(format).toEqual([1, 1, SAMPLES_A_SECOND, 16])
  expect(wav.toString('latin1', 36, 40)).toBe('data')
  expect(wav.readUInt32LE(40)).toBe(wav.length - 44)
  return Int16Array.from({ length: (wav.length - 44) / 2 }, (_, i) => wav.readInt16LE(44 + 2 * i))
}

/** How like `a` the samples of `b` from `from` on are (Pearson): 1 is the same but for loudness. */
function likeness(a: Int16Array, b: Int16Array, from: number): number {
  let [sumA, sumB, ab, aa, bb] = [0, 0, 0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[from + i] ?? 0]
    sumA += x
    sumB += y
    ab += x * y
    aa += x * x
    bb += y * y
  }
  const spread = Math.sqrt((aa - (sumA * sumA) / a.length) * (bb - (sumB * sumB) / a.length))
  return (ab - (sumA * sumB) / a.length) / (spread || 1)
}

/**
 * How well `part` fits into `whole`, quarter of a second by quarter of a second, each at its best place: what most of them
 * reach. Asterisk leaves out a packet, or says one twice, when the machine is late; all that follows is shifted by that.
 */
function contains(whole: Int16Array, part: Int16Array): number {
  const length = SAMPLES_A_SECOND / 4
  const best: number[] = []
  for (let at = 0; at + length <= part.length; at += length) {
    const piece = part.subarray(at, at + length)
    if (loudness(piece) < loudness(part) / 4) continue // silence is like nothing
    let most = 0
    for (let from = 0; from + length <= whole.length; from++)
      most = Math.max(most, likeness(piece, whole, from))
    best.push(most)
  }
  expect(best.length).toBeGreaterThan(3)
  return best.sort((a, b) => a - b)[Math.floor(best.length / 2)] ?? 0
}

/** Root mean square. */
function loudness(sound: Int16Array): number {
  return Math.sqrt(sound.reduce((sum, sample) => sum + sample * sample, 0) / sound.length)
}

/** How long the two were joined, in seconds, by the clock of Asterisk and the eyes of somebody else. */
function talkSeconds({ seen }: Witness): number {
  const at = (type: string, nth: number) => {
    const events = seen.filter((event) => event.type === type) as { timestamp?: string }[]
    return Date.parse(events.at(nth)?.timestamp ?? '')
  }
  return (at('ChannelLeftBridge', 0) - at('ChannelEnteredBridge', -1)) / 1000
}

/** A stranger gets through to Bob. */
async function callThrough(callee = answers): Promise<Phone> {
  await stage().allocate({ a: { pin: '4711' } })
  await stage().answer(callee)
  return stage().call(VN_A, { from: STRANGER, steps: [{ do: 'speak' }, pin, stay] })
}

const soundOf = async () => {
  const [up] = await stage().talking(2)
  return stage().sound(up!.id)
}

/** The two talk for so long, measured by what Asterisk has sent to one of them: 50 packets a second. */
async function talkOn(seconds: number): Promise<void> {
  const since = (await soundOf()).spoken
  await until(async () => expect((await soundOf()).spoken).toBeGreaterThan(since + 50 * seconds), {
    atMostMs: 1000 * (seconds + 10),
  })
}

/** The one recording that there is, which is what the webhook's address gives. */
async function recordingTold(): Promise<Int16Array> {
  const { completed } = await stage().eventsOf(REACHED)
  const { recording_url: url, call_type: type } = completed[0]!
  expect(type).toBe('completed')
  const [file = '', ...others] = files()
  expect(others).toEqual([])
  expect(new URL(String(url)).pathname).toBe(`/recordings/${file}`)
  const fetched = await fetch(String(url), { headers: { connection: 'close' } })
  expect(fetched.status).toBe(200)
  const wav = Buffer.from(await fetched.arrayBuffer())
  expect(wav.equals(readFileSync(path.join(stage().recordings, file)))).toBe(true)
  return samples(wav)
}

/** What the phones speak is in there, from the instant in seconds to the end. */
function isSpeech(heard: Int16Array, since: number): void {
  for (const from of [since, heard.length / SAMPLES_A_SECOND - 0.7]) {
    const half = heard.subarray(from * SAMPLES_A_SECOND).subarray(0, SAMPLES_A_SECOND / 2)
    const after = (lag: number) => likeness(half.subarray(0, half.length - lag), half, lag)
    expect(after(VOICE_PERIOD)).toBeGreaterThan(0.9)
    expect(after(VOICE_PERIOD - 4)).toBeLessThan(0.5)
  }
}

test('what is said can be fetched and played, is as long as the talk, and nobody is told unless that is wanted', async () => {
  await stage().settings({ recording_announcement: false })
  const witness = await stage().witness()
  const caller = await callThrough()
  await stage().talking(2)
  await talkOn(3)
  caller.hangUp()
  await caller.ended
  const heard = await recordingTold()
  expect(talkSeconds(witness)).toBeGreaterThan(2.5)
  expect(Math.abs(heard.length / SAMPLES_A_SECOND - talkSeconds(witness))).toBeLessThan(0.5)
  isSpeech(heard, 0.5)
  expect(witness.played().filter((media) => media.includes('recorded'))).toEqual([])
}, 60_000)

test('the announcement is heard by both, and is in the recording', async () => {
  await stage().settings({ recording_announcement: true })
  const witness = await stage().witness()
  await stage().allocate({ a: { pin: '4711' } })
  const called = await stage().answer({ answers: 'after', ringMs: 2_000, steps: [stay] })
  const deafOn = await freePort('udp')
  const caller = await stage().call(VN_A, { from: STRANGER, deafOn, steps: [pin, stay] })
  await until(() => expect(called.messages()).toContain('SIP/2.0 180'), { atMostMs: 10_000 })
  // What Asterisk sends to each of them, from before they are joined.
  const channels = (await stage().ari('GET', 'channels')) as { id: string }[]
  expect(channels).toHaveLength(2)
  for (const [n, { id }] of channels.entries()) {
    await stage().ari('POST', `channels/${id}/snoop?app=witness&spy=out&snoopId=snoop-${n}`)
    await until(() => expect(witness.seen.map(({ channel }) => channel?.id)).toContain(`snoop-${n}`))
    await stage().ari('POST', `channels/snoop-${n}/record?name=heard-${n}&format=wav`)
  }
  const about = (type: string) =>
    witness.seen.filter((event) => event.type === type && event.playback?.media_uri.includes('recorded'))
  await until(() => expect(about('PlaybackStarted')).not.toEqual([]), { atMostMs: 10_000 })
  const [told] = about('PlaybackStarted')
  expect(told?.playback).toMatchObject({ media_uri: 'sound:pinbridge/call-recorded' })
  expect(told?.playback?.target_uri).toMatch(/^bridge:pinbridge-/)
  const { id: playback } = told?.playback as unknown as { id: string }
  await until(async () =>
    expect(await stage().ari('GET', `playbacks/${playback}`)).toMatchObject({
      message: 'Playback not found',
    }),
  )
  caller.hangUp()
  await caller.ended
  await stage().settled()
  const soundOfPrompt = (name: string) =>
    samples(readFileSync(path.join(import.meta.dirname, `../../sounds/en/${name}.wav`)))
  const prompt = soundOfPrompt('call-recorded')
  for (const n of [0, 1]) {
    const file = path.join(stage().recordings, `heard-${n}.wav`)
    // A channel is gone a moment before its recording is whole.
    await until(() => void samples(readFileSync(file)))
    expect(contains(samples(readFileSync(file)), prompt)).toBeGreaterThan(0.5)
    rmSync(file)
  }
  // Bob's phone plays back what it hears: its echo is in there as well, and leaves 0.7 of the likeness.
  const recorded = await recordingTold()
  expect(contains(recorded, prompt)).toBeGreaterThan(0.5)
  expect(contains(recorded, soundOfPrompt('try-later'))).toBeLessThan(0.45)
}, 60_000)

test.each(['the caller', 'the other party'])(
  '%s hangs up during the announcement: it ends, and what was said until then is there',
  async (who) => {
    await stage().settings({ recording_announcement: true })
    const witness = await stage().witness()
    const caller = await callThrough(who === 'the caller' ? answers : leaves)
    await until(() => expect(witness.played().at(-1)).toBe('sound:pinbridge/call-recorded'), {
      atMostMs: 10_000,
    })
    if (who === 'the caller') caller.hangUp()
    await caller.ended
    const heard = await recordingTold()
    expect(Math.abs(heard.length / SAMPLES_A_SECOND - talkSeconds(witness))).toBeLessThan(0.5)
  },
  60_000,
)

test.each<[string, Step[], Callee, Partial<typeof REACHED>]>([
  [
    'wrong PINs',
    [{ do: 'info', digits: '1#2#3#' }, stay],
    answers,
    { completed: 0, verified: 0, refused: 1 },
  ],
  ['a party that is busy', [pin, stay], { answers: 'refuses', status: 486 }, {}],
  ['a party that does not answer', [pin, stay], { answers: 'never' }, {}],
])(
  '%s: nothing is recorded',
  async (_what, steps, callee, told) => {
    await stage().settings({ ring_time: '5s' })
    await stage().allocate({ a: { pin: '4711' } })
    await stage().answer(callee)
    const caller = await stage().call(VN_A, { from: STRANGER, steps })
    expect(await caller.ended).toBe(0)
    const { completed } = await stage().eventsOf({ ...REACHED, ...told })
    for (const { recording_url } of completed) expect(recording_url).toBeNull()
    await stage().settled()
    expect(files()).toEqual([])
  },
  60_000,
)

test('kill -9 of the application during the talk: the recording goes on to the end, and is told', async () => {
  await stage().settings({ recording_announcement: true })
  const witness = await stage().witness()
  const caller = await callThrough()
  await until(() => expect(files()).toHaveLength(1), { atMostMs: 10_000 })
  await talkOn(1)
  await stage().app().kill('SIGKILL')
  await talkOn(1)
  await stage().restart()
  await talkOn(1)
  caller.hangUp()
  await caller.ended
  const heard = await recordingTold()
  expect(talkSeconds(witness)).toBeGreaterThan(3)
  expect(Math.abs(heard.length / SAMPLES_A_SECOND - talkSeconds(witness))).toBeLessThan(0.5)
  isSpeech(heard, 2) // the announcement comes first
  // Nobody was told again. Of a bridge, each event reaches somebody who sees everything twice.
  const told = witness.seen
    .filter(({ playback }) => playback?.media_uri.includes('recorded'))
    .map(({ playback }) => (playback as unknown as { id: string }).id)
  expect(new Set(told).size).toBe(1)
}, 60_000)

test('Asterisk cannot write the recording, and does not say so: we do, and the talk goes on', async () => {
  await stage().settings({ recording_announcement: false })
  stage().expectError('a talk is not recorded')
  const errors = () =>
    stage()
      .app()
      .log()
      .filter(({ msg }) => msg === 'a talk is not recorded')
  chmodSync(stage().recordings, 0o000)
  try {
    const caller = await callThrough()
    await until(() => expect(errors()).toHaveLength(1), { atMostMs: 15_000 })
    await talkOn(1)
    caller.hangUp()
    await caller.ended
  } finally {
    chmodSync(stage().recordings, 0o750)
  }
  const { completed } = await stage().eventsOf(REACHED)
  expect(completed[0]).toMatchObject({ call_type: 'completed', to: BOB, recording_url: null })
  expect(files()).toEqual([])
}, 60_000)
