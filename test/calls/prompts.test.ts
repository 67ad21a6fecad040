import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import type { PromptName } from '../../src/calls/call.ts'
import { media } from '../../src/calls/prompts.ts'

const SOUNDS = path.resolve(import.meta.dirname, '../../sounds')

/** The compiler sees to it that this is every prompt that a flow can play. */
const PLAYED: Record<PromptName, true> = {
  'enter-pin': true,
  'pin-wrong': true,
  'pin-nothing': true,
  'pin-right': true,
  goodbye: true,
  'number-not-active': true,
  'not-allowed': true,
  'party-busy': true,
  'party-no-answer': true,
  'party-unreachable': true,
  'call-recorded': true,
  'try-later': true,
  'you-have': true,
  'less-than': true,
  and: true,
  euro: true,
  euros: true,
  dollar: true,
  dollars: true,
  pound: true,
  pounds: true,
  cent: true,
  cents: true,
  penny: true,
  pence: true,
  minute: true,
  minutes: true,
  second: true,
  seconds: true,
  'enter-number': true,
  'number-nothing': true,
  'number-invalid': true,
  'number-short': true,
  'number-not-allowed': true,
  'no-money': true,
  'money-not-enough': true,
  'card-busy': true,
  'card-not-usable': true,
  'call-ends-soon': true,
  'time-over': true,
  'code-press-key': true,
  'code-is': true,
  'code-again': true,
  pause: true,
}

/** Whose recordings are ours is said by the folder in their name; the others come with Asterisk. */
const rows = readFileSync(path.join(SOUNDS, 'prompts.csv'), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [, name = '', language = '', file = '', text = ''] =
      /^([^,]+),([^,]+),([^,]+),"(.+)"$/.exec(line) ?? []
    return { name, language, file, text, ours: file.startsWith('pinbridge/') }
  })
const recording = (language: string, file: string) =>
  path.join(SOUNDS, language, `${path.basename(file)}.wav`)

test('the list holds every prompt of a flow once in each language, and nothing else', () => {
  for (const language of new Set(rows.map((row) => row.language))) {
    const listed = rows.filter((row) => row.language === language).map(({ name }) => name)
    expect(listed.sort()).toEqual(Object.keys(PLAYED).sort())
  }
})

test.each(rows)('$name in $language: $file is what is played', ({ name, language, file, text, ours }) => {
  expect(media(name as PromptName)).toBe(`sound:${file}`)
  expect(text).not.toBe('')
  expect(existsSync(recording(language, file))).toBe(ours)
})

test('every recording of ours is one of the list', () => {
  const languages = readdirSync(SOUNDS, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const there = languages.flatMap(({ name }) =>
    readdirSync(path.join(SOUNDS, name)).map((file) => `${name}/${file}`),
  )
  const listed = rows.filter(({ ours }) => ours)
  expect(there.sort()).toEqual(
    listed.map(({ language, file }) => `${language}/${path.basename(file)}.wav`).sort(),
  )
})

test.each(rows.filter(({ ours }) => ours))('$file in $language is WAV of 8 kHz, 16 bit, mono', (row) => {
  const head = readFileSync(recording(row.language, row.file))
  expect(head.toString('latin1', 0, 4) + head.toString('latin1', 8, 16)).toBe('RIFFWAVEfmt ')
  // Format 1 is PCM; then channels, samples a second, and bits at the end.
  const format = [head.readUInt16LE(20), head.readUInt16LE(22), head.readUInt32LE(24), head.readUInt16LE(34)]
  expect(format).toEqual([1, 1, 8000, 16])
})

test('a pause is as long as the list says, and nothing is heard in it', () => {
  const { language, file, text } = rows.find(({ name }) => name === 'pause')!
  const samples = readFileSync(recording(language, file)).subarray(44)
  expect(text).toBe(`(${samples.length / 2 / 8_000} seconds of silence)`)
  expect(samples.every((byte) => byte === 0)).toBe(true)
})
