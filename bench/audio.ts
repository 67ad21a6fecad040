import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { EVENTS, ULAW } from './sip.ts'

const KEYS = '0123456789*#'
/** Samples of u-law in one packet of 20 ms. */
const SAMPLES = 160
const PACKET_MS = 20
/** A key is held for this many packets' time: 100 ms, above Asterisk's own minimum of 80. */
const KEY_PACKETS = 5
/** Between two keys, in milliseconds, as handsets dial. Below 50 Asterisk 22 reports a key twice. */
const GAP_MS = 100
/** What a talking party says: a byte that no tone of Asterisk's fills a whole packet with. */
const VOICE = 0x42

/** The audio that one phone sends. */
export type Voice = {
  /** Types the keys as telephone events; resolves to the instant (performance.now) at which the last one was let go. */
  type: (keys: string) => Promise<number>
  /** One packet of speech. */
  speak: () => void
}

export function voice(send: (packet: Buffer) => void): Voice {
  const source = randomInt(2 ** 32)
  let sequence = randomInt(2 ** 15)
  let timestamp = randomInt(2 ** 31)

  function packet(payloadType: number, marker: boolean, payload: Buffer): Buffer {
    const head = Buffer.allocUnsafe(12)
    head.writeUInt8(0x80, 0)
    head.writeUInt8(payloadType | (marker ? 0x80 : 0), 1)
    head.writeUInt16BE(sequence++ & 0xffff, 2)
    head.writeUInt32BE(timestamp >>> 0, 4)
    head.writeUInt32BE(source, 8)
    return Buffer.concat([head, payload])
  }

  /** RFC 4733, 2.3: a key's packets share a timestamp, the last one is sent three times. */
  async function press(key: string): Promise<number> {
    const event = (packets: number, end: boolean) => {
      const payload = Buffer.from([KEYS.indexOf(key), end ? 0x8a : 0x0a, 0, 0])
      payload.writeUInt16BE(packets * SAMPLES, 2)
      send(packet(EVENTS, packets === 1, payload))
    }
    for (let packets = 1; packets < KEY_PACKETS; packets++) {
      await pause(PACKET_MS)
      event(packets, false)
    }
    await pause(PACKET_MS)
    const endedAt = performance.now()
    for (let copy = 1; copy <= 3; copy++) event(KEY_PACKETS, true)
    timestamp += KEY_PACKETS * SAMPLES
    return endedAt
  }

  async function type(keys: string): Promise<number> {
    let endedAt = performance.now()
    for (const [n, key] of Array.from(keys).entries()) {
      if (n > 0) await pause(GAP_MS)
      endedAt = await press(key)
    }
    return endedAt
  }

  return {
    type,
    speak() {
      send(packet(ULAW, false, Buffer.alloc(SAMPLES, VOICE)))
      timestamp += SAMPLES
    },
  }
}

/** Whether a packet is the other phone's speech, and not a tone or a prompt. */
export function isSpeech(packet: Buffer): boolean {
  return packet.length === 12 + SAMPLES && packet[12] === VOICE && packet[100] === VOICE
}
