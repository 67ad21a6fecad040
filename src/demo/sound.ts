import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'

/** Ears, mouth and keypad of one telephone: RTP that speaks PCMU (RFC 3551) and keys as events (RFC 4733). */
export type Sound = {
  /** The UDP port for the telephone's SDP. */
  port: number
  /** Resolves to the instant (milliseconds since the epoch) at which anything is heard. */
  firstHeard: Promise<number>
  /** Presses keys one after another. Resolves after the last one to the instant at which the first was pressed. */
  press: (keys: string) => Promise<number>
  /** Since when the other's voice is heard, and how many milliseconds of it; undefined before that. */
  heard: () => { since: number; ms: number } | undefined
  close: () => void
}

const PACKET_MS = 20
const SAMPLES = 160
const PCMU = 0
/** The payload type that caller.xml and callee.xml offer for keys. */
const EVENTS = 101

const KEYS = '0123456789*#'
/** A key is held for 100 ms; its end is told three times, because a packet may be lost. */
const HELD_PACKETS = 5
const END_PACKETS = 3
const GAP_PACKETS = 5
const VOLUME = 10
/** Who speaks, in RTP's words. There is one speaker on each connection, so it may be any. */
const SOURCE = 0x70696e62

/** What 20 ms carry: a piece of a key, or undefined for speech. */
type Piece = { event: Buffer; starts: boolean } | undefined

/**
 * Opens a telephone's sound. It speaks with `mine` to where the first packet comes from, as telephones behind NAT do,
 * and listens for `theirs`. Packets of a voice are all alike, so what is heard is known to the last bit.
 */
export async function openSound(mine: Buffer, theirs: Buffer): Promise<Sound> {
  const socket = createSocket('udp4')
  const first = Promise.withResolvers<number>()
  const keypad: Piece[] = []
  let heard: { since: number; ms: number } | undefined
  let timer: NodeJS.Timeout | undefined

  socket.on('message', (packet, { address, port }) => {
    if (packet.length < 12 || ((packet[1] ?? 0) & 0x7f) !== PCMU) return
    if (!timer) {
      first.resolve(Date.now())
      const next = speaking(mine, keypad)
      timer = setInterval(() => socket.send(next(), port, address), PACKET_MS)
    }
    if (!packet.subarray(12).equals(theirs)) return
    heard = { since: heard?.since ?? Date.now(), ms: (heard?.ms ?? 0) + PACKET_MS }
  })
  // The far end's port may close before we do.
  socket.on('error', () => undefined)
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))

  return {
    port: socket.address().port,
    firstHeard: first.promise,
    async press(keys) {
      const since = Date.now()
      keypad.push(...Array.from(keys).flatMap(pressed))
      while (keypad.length > 0) await sleep(PACKET_MS)
      return since
    },
    heard: () => heard,
    close() {
      clearInterval(timer)
      keypad.length = 0
      socket.close()
    },
  }
}

/** One RTP packet after another: speech, unless the keypad has something. */
function speaking(voice: Buffer, keypad: Piece[]): () => Buffer {
  let sequence = 0
  let timestamp = 0
  let keyStart = 0
  return () => {
    const key = keypad.shift()
    if (key?.starts) keyStart = timestamp
    const header = Buffer.alloc(12)
    header.writeUInt8(0x80, 0)
    header.writeUInt8((key?.starts ? 0x80 : 0) | (key ? EVENTS : PCMU), 1)
    header.writeUInt16BE(sequence++ & 0xffff, 2)
    // All packets of a key carry the instant at which it was pressed.
    header.writeUInt32BE(key ? keyStart : timestamp, 4)
    header.writeUInt32BE(SOURCE, 8)
    timestamp += SAMPLES
    return Buffer.concat([header, key?.event ?? voice])
  }
}

/** One key, pressed, held, let go, and the pause after it. */
function pressed(key: string): Piece[] {
  const code = KEYS.indexOf(key)
  if (code < 0) throw new Error('there is no such key')
  const part = (n: number): Piece => {
    const samples = Math.min(n, HELD_PACKETS) * SAMPLES
    const ends = n > HELD_PACKETS ? 0x80 : 0
    return { event: Buffer.from([code, ends | VOLUME, samples >> 8, samples & 0xff]), starts: n === 1 }
  }
  const parts = Array.from({ length: HELD_PACKETS + END_PACKETS }, (_, i) => part(i + 1))
  return [...parts, ...Array.from({ length: GAP_PACKETS }, () => undefined)]
}

/** 20 ms of a tone as PCMU. Of a multiple of 50 Hz whole waves fit in, so that all packets are the same. */
export function voice(hertz: number): Buffer {
  const sample = (i: number) => Math.round(8_000 * Math.sin((2 * Math.PI * hertz * i) / 8_000))
  return Buffer.from(Array.from({ length: SAMPLES }, (_, i) => muLaw(sample(i))))
}

/** ITU-T G.711 μ-law of a 16-bit sample. */
function muLaw(sample: number): number {
  const magnitude = Math.min(Math.abs(sample), 32_635) + 0x84
  const exponent = Math.floor(Math.log2(magnitude)) - 7
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff
}
