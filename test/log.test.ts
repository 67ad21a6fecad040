import { expect, test } from '@jest/globals'
import { createLog, type Log } from '../src/log.ts'

const PIN = '739164'
const TOKEN = 'tok_8fJq2LxVbN0aYw'
const NUMBER = '+919876512345'

/** What the log wrote while `work` ran, as text and line by line. */
function written(work: (log: Log) => void): { text: string; lines: Record<string, unknown>[] } {
  const chunks: string[] = []
  work(createLog('trace', { write: (chunk) => void chunks.push(chunk) }))
  const text = chunks.join('')
  const lines = text.split('\n').filter((line) => line !== '')
  return { text, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

/** An error as clients of HTTP throw it: with the answer hanging on it. */
function failedRequest(): Error {
  const body = { token: TOKEN, note: `the body ${PIN}` }
  return Object.assign(new Error('answered 500'), { code: 'E_STATUS', status: 500, body, response: { body } })
}

test('a line is one JSON object with level, ISO time, fields and message, and nothing about the machine', () => {
  const { text, lines } = written((log) => log.child({ call: 'c1' }).info({ flow: 'masking' }, 'call'))
  expect(text.endsWith('}\n')).toBe(true)
  expect(lines).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      call: 'c1',
      flow: 'masking',
      msg: 'call',
    },
  ])
})

test('the level is the least important that is written', () => {
  const chunks: string[] = []
  const log = createLog('warn', { write: (chunk) => void chunks.push(chunk) })
  log.info('no')
  log.warn('yes')
  log.child({ a: 1 }).debug('no')
  expect(chunks).toHaveLength(1)
})

const leaks: [string, (log: Log) => void][] = [
  ['a field', (log) => log.info({ pin: PIN, digits: PIN, token: TOKEN, from: NUMBER }, 'x')],
  [
    'names written otherwise',
    (log) => log.info({ PIN, a_pin: PIN, partyPin: PIN, apiToken: TOKEN, takenPins: [PIN] }, 'x'),
  ],
  ['a field ten deep', (log) => log.info(deep(10, { pin: PIN, password: TOKEN, to: NUMBER }), 'x')],
  [
    'a list',
    (log) => log.info({ parties: [{ pin: PIN, numbers: [NUMBER, NUMBER.slice(1)], secret: TOKEN }] }, 'x'),
  ],
  ['a number that is one', (log) => log.info({ pin: Number(PIN), caller: Number(NUMBER) }, 'x')],
  ['a child', (log) => log.child({ vn: NUMBER, a: { dtmf: PIN, authorization: TOKEN } }).info('x')],
  [
    "a child's child",
    (log) => log.child({ vn: NUMBER }).child({ digits: PIN }).child({ cookie: TOKEN }).warn({}, 'x'),
  ],
  ['headers', (log) => log.info({ headers: { 'x-authorization': TOKEN, authorization: TOKEN } }, 'x')],
  ['a message', (log) => log.info(`${NUMBER} logged in with Bearer ${TOKEN}, pin ${PIN}, token=${TOKEN}`)],
  ['a formatted message', (log) => log.info('call of %s with token: %s, %j', NUMBER, TOKEN, { pin: PIN })],
  [
    'an address',
    (log) => log.info({ url: `/check?pin=${PIN}&token=${TOKEN}&cli=%2B${NUMBER.slice(1)}` }, 'x'),
  ],
  ['Basic in a text', (log) => log.info({ header: `Basic ${Buffer.from(TOKEN).toString('base64')}` }, 'x')],
  ['an error', (log) => log.error(failedRequest())],
  ['an error under err', (log) => log.error({ err: failedRequest() }, 'x')],
  ['an error under error', (log) => log.error({ error: failedRequest() }, 'x')],
  ['an error as cause', (log) => log.error({ err: new Error(`to ${NUMBER}`, { cause: failedRequest() }) })],
  [
    'errors together',
    (log) => log.error({ err: new AggregateError([failedRequest(), new Error(NUMBER)], 'all') }),
  ],
  ['a thrown thing', (log) => log.error({ err: { body: { token: TOKEN, pin: PIN, from: NUMBER } } }, 'x')],
]

test.each(leaks)('no PIN, token or number gets out through %s', (_name, work) => {
  const { text, lines } = written(work)
  expect(lines).toHaveLength(1)
  const secrets = [PIN, TOKEN, Buffer.from(TOKEN).toString('base64'), NUMBER.slice(1)]
  for (const secret of secrets) expect(text).not.toContain(secret)
})

test('of a number, its country and last digits stay; what is no number stays whole', () => {
  const fields = {
    from: NUMBER,
    to: 'local',
    vn: '+44…21',
    number: 'withheld',
    numbers: [NUMBER],
    id: '0123456789012',
  }
  expect(written((log) => log.info(fields, `to ${NUMBER}`)).lines[0]).toMatchObject({
    from: '+91…45',
    to: 'local',
    vn: '+44…21',
    number: 'withheld',
    numbers: ['+91…45'],
    id: '0123456789012',
    msg: 'to +91…45',
  })
})

test('what only looks like a secret by its name stays', () => {
  const fields = {
    pinLength: 4,
    pinAttempts: 3,
    spin: 1,
    shopping: 'x',
    tokens_left: 2,
    fromCache: true,
    total: 5,
  }
  expect(written((log) => log.info(fields, 'x')).lines[0]).toMatchObject(fields)
})

test('an error keeps what finds the fault', () => {
  const cause = Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' })
  const { lines } = written((log) => log.error({ err: new TypeError('cannot post', { cause }) }, 'delivery'))
  expect(lines[0]).toMatchObject({
    msg: 'delivery',
    err: {
      type: 'TypeError',
      message: 'cannot post',
      stack: expect.stringContaining('log.test.ts'),
      cause: { message: 'no route', code: 'EHOSTUNREACH' },
    },
  })
  const loop = new Error('in a circle')
  loop.cause = loop
  expect(written((log) => log.error(loop)).lines[0]).toMatchObject({ err: { message: 'in a circle' } })
})

function deep(levels: number, inner: object): object {
  return levels === 0 ? inner : { next: deep(levels - 1, inner) }
}
