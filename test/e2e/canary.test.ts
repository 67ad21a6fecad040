import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import { canaries, foundIn } from '../support/canaries.ts'
import { keysHeardIn, tones } from '../support/dtmf.ts'
import { addLines, DATABASE, keying, LINE } from '../support/pin-line.ts'
import type { Phone } from '../support/phone.ts'
import { asteriskSays, lookInside } from '../support/root-folder.ts'
import type { Step } from '../support/sip-script.ts'
import { BOB, useStage, VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'

const GATE = '4900'
const stage = useStage({
  env: { PINBRIDGE_LOG_LEVEL: 'trace' },
  fastagi: true,
  dialplan: `
[pinbridge-inbound](+)
exten => ${GATE},1,AGI(agi://\${PINBRIDGE_AGI}/check?db=${DATABASE})
 same => n,Wait(1)
 same => n,Hangup()
`,
})

const PINS = canaries(50)
const stay: Step = { do: 'waitForHangUp' }

/** How three PINs are keyed, each while the caller is asked for it. */
const MODES: Record<string, (pins: string[]) => Step[]> = {
  'RFC 4733': (pins) =>
    pins.flatMap((pin): Step[] => [
      { do: 'wait', ms: 700 },
      { do: 'keys', digits: `${pin}#` },
      { do: 'wait', ms: 4_000 },
    ]),
  'SIP INFO': (pins) => [{ do: 'speak' }, ...keying(...pins)],
  tones: (pins) => [{ do: 'tones', digits: pins.map((pin) => `,${pin}#,`).join('') }],
}

/** Callers of whom nothing is remembered yet. */
let callers = 0
const newcomer = () => `+9198300${String(++callers).padStart(5, '0')}`

let unused = [...PINS]
function take(count: number): string[] {
  const taken = unused.slice(0, count)
  unused = unused.slice(count)
  expect(taken).toHaveLength(count)
  return taken
}

const write = (pin: string) =>
  stage().pins({ action: 'write-pins', db: DATABASE, 'start-pin': pin, 'end-pin': pin })

beforeAll(async () => {
  await addLines(stage())
  await stage().pins({ action: 'write-db', db: DATABASE, 'vn-action': 'dial', target: BOB })
  await stage().settings({ recording_enabled: true, recording_announcement: false })
})

const samplesOf = (wav: Buffer) =>
  Int16Array.from({ length: (wav.length - 44) / 2 }, (_, n) => wav.readInt16LE(44 + 2 * n))

test('what gives a PIN away is found in whatever form', () => {
  const pin = '730951864'
  const spelt = ['digit=7 at 06:10:22.123', 'digit=3 at 06:10:22.323', ...Array.from('0951864')].join('\n')
  const texts = [
    ...[`a${pin}b`, encodeURIComponent(pin), `{"pin":"${pin}"}`, spelt, Array.from(pin).join('","')],
    ...['', 'x', 'xy', 'xyz'].map((before) => Buffer.from(`${before}${pin}#`).toString('base64')),
    ...[Array.from(pin, (d) => `%3${d}`).join(''), Array.from(pin, (d) => `\\u003${d}`).join('')],
  ]
  for (const text of texts) expect([text, foundIn(text, [pin])]).not.toEqual([text, []])
  expect(foundIn(texts.join('\n').replaceAll('6', '8'), ['999999999'])).toEqual([])
})

test('a key as it sounds is heard', async () => {
  expect(await keysHeardIn(tones('147*2580369#'))).toBe('147*2580369#')
})

const looks: string[] = []

test.each(Object.keys(MODES))(
  'PINs keyed by %s on both kinds of line',
  async (mode) => {
    const [lineRight, lineWrong, maskedRight, maskedWrong] = [take(3), take(3), take(3), take(3)]
    await write(lineRight[2]!)
    await stage().allocate({ a: { pin: maskedRight[2] } })
    const call = (to: string, pins: string[]): Promise<Phone> =>
      stage().call(to, { from: newcomer(), steps: [...MODES[mode]!(pins), stay] })
    await stage().answering({ answers: 'after', ringMs: 1, steps: [stay] }, async (called) => {
      const through = await Promise.all([call(LINE, lineRight), call(VN_A, maskedRight)])
      const refused = await Promise.all([call(LINE, lineWrong), call(VN_A, maskedWrong)])
      // From the first prompt on until two pairs talk.
      await until(
        async () => {
          looks.push(await lookInside(stage()))
          expect(await stage().ari('GET', 'bridges')).toHaveLength(2)
        },
        { atMostMs: 40_000 },
      )
      for (const { id } of await stage().talking(4)) {
        const { heard } = await stage().sound(id)
        await until(async () => expect((await stage().sound(id)).heard).toBeGreaterThan(heard + 50))
      }
      looks.push(await lookInside(stage()))
      for (const phone of through) phone.hangUp()
      for (const phone of through) await phone.ended
      for (const phone of refused) expect(await phone.ended).toBe(0)
      looks.push(called.messages())
    })
    const told = await stage().eventsOf({ completed: 1, verified: 1, refused: 1 })
    expect(told.verified[0]).toMatchObject({ pin: maskedRight[2] })
    expect(told.refused[0]).toMatchObject({ pin: maskedWrong[2] })
  },
  120_000,
)

test('PINs keyed to a dialplan that asks by FastAGI', async () => {
  for (const pins of [take(2), take(2)]) {
    await write(pins[1]!)
    const caller = await stage().call(GATE, { from: newcomer(), steps: [...keying(...pins), stay] })
    await until(
      async () => {
        looks.push(await lookInside(stage()))
        expect(looks.at(-1)).toContain('PINSTATUS=OK')
      },
      { atMostMs: 20_000 },
    )
    expect(await caller.ended).toBe(0)
  }
}, 60_000)

test('PINs sent over HTTP', async () => {
  for (const [n, pin] of take(10).entries()) {
    if (n % 2 === 0) await write(pin)
    const asked = { action: 'check-pin', db: DATABASE, pin, key: newcomer() }
    const { status } = await stage().askPins(n < 5 ? 'GET' : 'POST', asked)
    expect(status).toBe(n % 2 === 0 ? 200 : 403)
  }
})

/** The contract's fields. */
const withoutPin = (key: string, value: unknown) =>
  ['pin', 'aparty_pins', 'bparty_pins'].includes(key) ? undefined : value

test('none of them is found anywhere but in the database and where the contract wants it', async () => {
  expect(unused).toEqual([])
  await stage().settled()
  const events = stage().sink.received.map(({ body }) => JSON.parse(body) as object)
  expect(events.length).toBeGreaterThanOrEqual(9)
  const files = stage().written()
  for (const name of ['app.log', 'messages.log', 'astdb.sqlite3', '.wav'])
    expect(files.map(({ file }) => file).join('\n')).toContain(name)
  const texts = [
    ...files.map(({ file, text }) => [file, text]),
    ...events.map((event) => ['webhook', JSON.stringify(event, withoutPin)]),
    ...stage().sink.received.map(({ headers, path }) => ['webhook', JSON.stringify([headers, path])]),
    ...looks.map((look) => ['Asterisk or INVITE', look]),
    ['Asterisk', await asteriskSays(stage().data, 'database show')],
  ] as [string, string][]
  expect(looks.join()).toMatch(/Caller ID: \+9198300/)
  expect(
    texts.map(([where, text]) => [where, foundIn(text, PINS)]).filter(([, found]) => found?.length),
  ).toEqual([])
})

test('and no digit is heard in any recording', async () => {
  const names = readdirSync(stage().recordings)
  expect(names).toHaveLength(2 * Object.keys(MODES).length)
  for (const [n, name] of names.entries()) {
    const heard = samplesOf(readFileSync(path.join(stage().recordings, name)))
    expect(heard.length).toBeGreaterThan(8_000)
    expect([name, await keysHeardIn(heard)]).toEqual([name, ''])
    // Had there been one, it would have been.
    const keys = PINS[n]!.slice(0, 3)
    const both = tones(keys).map((sample, i) => sample + Math.round((heard[i] ?? 0) / 4))
    expect(await keysHeardIn(both)).toBe(keys)
  }
})
