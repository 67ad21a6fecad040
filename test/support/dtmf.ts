import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inRootFolder } from './root-folder.ts'

/** Of telephones, and of what they record. */
const SAMPLES_A_SECOND = 8_000
/** What multimon-ng wants to hear. */
const DECODER_RATE = 22_050
const KEY_MS = 100
const PAUSE_MS = 100
const LONG_PAUSE_MS = 1_000
/** Each of the two tones of a key, of full scale 32767. */
const LOUDNESS = 6_000

/** Rows and columns of the keypad (ITU-T Q.23), in hertz. */
const ROWS: [number, string][] = [
  [697, '123A'],
  [770, '456B'],
  [852, '789C'],
  [941, '*0#D'],
]
const COLUMNS = [1209, 1336, 1477, 1633]

/** Keys as they sound, `,` for a second of silence: 16 bits, 8000 samples a second. */
export function tones(keys: string): Int16Array {
  const pieces = Array.from(keys, (key) =>
    key === ',' ? silence(LONG_PAUSE_MS) : [...tone(key), ...silence(PAUSE_MS)],
  )
  return Int16Array.from(pieces.flat())
}

function silence(ms: number): number[] {
  return Array.from({ length: (ms * SAMPLES_A_SECOND) / 1_000 }, () => 0)
}

function tone(key: string): number[] {
  const [row, keys] = ROWS.find(([, row]) => row.includes(key)) ?? []
  const column = COLUMNS[keys?.indexOf(key) ?? -1]
  if (row === undefined || column === undefined) throw new Error(`no key ${key}`)
  const wave = (hertz: number, n: number) => Math.sin((2 * Math.PI * hertz * n) / SAMPLES_A_SECOND)
  return silence(KEY_MS).map((_, n) => Math.round(LOUDNESS * (wave(row, n) + wave(column, n))))
}

/** ITU-T G.711, mu-law. */
export function muLaw(samples: Int16Array): Buffer {
  return Buffer.from(samples.map(toMuLaw))
}

function toMuLaw(sample: number): number {
  const BIAS = 132
  const magnitude = Math.min(Math.abs(sample), 32_635) + BIAS
  const exponent = Math.floor(Math.log2(magnitude)) - 7
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff
}

/** The keys that multimon-ng hears in sound of 8000 samples a second. */
export async function keysHeardIn(samples: Int16Array): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-dtmf-'))
  try {
    writeFileSync(path.join(folder, 'sound.raw'), Buffer.from(resampled(samples).buffer))
    const decoder = ['multimon-ng', '-q', '-a', 'DTMF', '-t', 'raw', '/srv/sipp/sound.raw']
    const heard = await inRootFolder({ folder, inside: '/srv/sipp' }, decoder)
    return Array.from(heard.matchAll(/^DTMF: (.)$/gm), ([, key]) => key).join('')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Between two samples lies what lies between them. */
function resampled(samples: Int16Array): Int16Array {
  const length = Math.floor(((samples.length - 1) * DECODER_RATE) / SAMPLES_A_SECOND)
  return Int16Array.from({ length }, (_, n) => {
    const at = (n * SAMPLES_A_SECOND) / DECODER_RATE
    const [before = 0, after = 0] = samples.subarray(Math.floor(at), Math.floor(at) + 2)
    return before + (after - before) * (at % 1)
  })
}
