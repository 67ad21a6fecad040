import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from '@jest/globals'
import { muLaw } from './dtmf.ts'
import { rootFolder } from './root-folder.ts'

/** The ears of a phone: all RTP that it is sent. */
export type Ear = {
  /** On 127.0.0.1, UDP. */
  port: number
  /** What was heard in each call so far, in the order of the calls: mu-law, 8000 samples a second, without the silence of nothing sent. */
  heard: () => Buffer[]
  close: () => void
}

const PCMU = 0
const HEADER_BYTES = 12

type Packet = { sequence: number; samples: Buffer }

export async function openEar(): Promise<Ear> {
  const socket = createSocket('udp4')
  /** By their source: each call has one of its own (RFC 3550, SSRC). */
  const calls = new Map<number, Packet[]>()
  socket.on('message', (packet, { address, port }) => {
    if (packet.length < HEADER_BYTES || (packet.readUInt8(1) & 0x7f) !== PCMU) return
    const source = packet.readUInt32BE(8)
    const packets = calls.get(source) ?? []
    calls.set(source, packets)
    packets.push({
      sequence: unwrapped(packet.readUInt16BE(2), packets),
      samples: packet.subarray(HEADER_BYTES),
    })
    // Nothing is said in return, but something is sent: a phone from which nothing comes has vanished.
    const silence = Buffer.from(packet)
    silence.fill(0xff, HEADER_BYTES)
    socket.send(silence, port, address)
  })
  // The far end's port may close before we do.
  socket.on('error', () => undefined)
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
  return {
    port: socket.address().port,
    heard: () => [...calls.values()].map(inOrder),
    close: () => void socket.close(),
  }
}

/** Sequence numbers have 16 bits, and begin anywhere. */
function unwrapped(sequence: number, [first]: Packet[]): number {
  return first && sequence < (first.sequence & 0xffff) - 0x8000 ? sequence + 0x10000 : sequence
}

function inOrder(packets: Packet[]): Buffer {
  const sorted = [...packets].sort((a, b) => a.sequence - b.sequence)
  return Buffer.concat(sorted.map(({ samples }) => samples))
}

/** A sound file of Asterisk's English, as phones hear it: `pinbridge/enter-pin`, or one of its own such as `digits/7`. */
export async function soundFile(name: string): Promise<Buffer> {
  const [, ours] = /^pinbridge\/(.*)$/.exec(name) ?? []
  const folder =
    ours === undefined
      ? path.join(await rootFolder(), 'usr/share/asterisk/sounds/en_US_f_Allison')
      : path.resolve(import.meta.dirname, '../../sounds/en')
  return asHeard(readFileSync(path.join(folder, `${ours ?? name}.wav`)))
}

const WAV_HEADER_BYTES = 44

/**
 * Asterisk ends a WAV file before its end, by as much as its header is long (formats/format_wav.c). Of a sample it takes the upper
 * fourteen bits, and encodes the last one of the four that have them in common (main/ulaw.c).
 */
function asHeard(wav: Buffer): Buffer {
  expect(wav.toString('latin1', 36, 40)).toBe('data')
  const samples = wav.subarray(WAV_HEADER_BYTES, wav.readUInt32LE(40))
  return muLaw(Int16Array.from({ length: samples.length / 2 }, (_, n) => samples.readInt16LE(2 * n) | 3))
}

/** Which of these sounds are in what was heard, each from its first sample to its last, in their order. */
export function soundsIn(heard: Buffer, sounds: ReadonlyMap<string, Buffer>): string[] {
  const found: { name: string; at: number }[] = []
  for (const [name, sound] of sounds)
    for (let at = heard.indexOf(sound); at >= 0; at = heard.indexOf(sound, at + 1)) found.push({ name, at })
  return found.sort((a, b) => a.at - b.at).map(({ name }) => name)
}
