import { duplexPair, type Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { agiConnection, type AgiConnection } from '../../src/agi/connection.ts'
import { Hangup } from '../../src/calls/call.ts'
import { fakeTime } from '../calls/time.ts'
import { environmentOf } from './peer.ts'

let peer: Duplex
let socket: Duplex
let agi: AgiConnection
let heard: string

function begin(): void {
  ;[peer, socket] = duplexPair()
  heard = ''
  peer.on('data', (piece) => (heard += String(piece)))
  peer.on('error', () => undefined)
  agi = agiConnection(socket as unknown as Socket)
}

beforeEach(() => {
  fakeTime()
  begin()
})
afterEach(() => {
  socket.destroy()
  peer.destroy()
  jest.useRealTimers()
})

/** Until everything that is under way has come through. */
const turns = async (count = 4) => {
  for (let i = 0; i < count; i++) await new Promise((turn) => setImmediate(turn))
}

/** Exactly these pieces, one after another. */
async function send(...pieces: (string | Buffer)[]): Promise<void> {
  for (const piece of pieces) {
    peer.write(piece)
    await turns(2)
  }
}

const greet = () => send(environmentOf())
const NOOP = () => agi.command('NOOP', [], 1_000)

describe('the environment', () => {
  const TEXT = environmentOf({ calleridname: 'Ann: “Bé” \\ 100%', accountcode: '', arg_1: 'a:b::c ' })
  const bytes = Buffer.from(TEXT)

  test('is read the same wherever it is cut in two', async () => {
    for (let at = 1; at < bytes.length; at++) {
      begin()
      await send(bytes.subarray(0, at), bytes.subarray(at))
      const read = await agi.environment
      expect(read.get('request')).toBe('agi://127.0.0.1:4573/check?db=1')
      expect(read.get('calleridname')).toBe('Ann: “Bé” \\ 100%')
      expect([read.get('accountcode'), read.get('arg_1'), read.size]).toEqual(['', 'a:b::c ', 12])
      socket.destroy()
    }
  })

  test('is read the same byte by byte, and with carriage returns', async () => {
    await send(...Array.from(bytes, (byte) => Buffer.from([byte])))
    expect((await agi.environment).size).toBe(12)
    begin()
    await send(TEXT.replaceAll('\n', '\r\n'))
    expect((await agi.environment).get('extension')).toBe('s')
  })

  test.each([
    ['a line that is none', 'GET / HTTP/1.1\r\n'],
    ['a name that is not one of Asterisk', 'pin: 4711\n'],
    ['a name twice', 'agi_dnid: 1\nagi_dnid: 2\n'],
    ['a line without end', 'agi_dnid: ' + 'x'.repeat(9_000)],
    ['a line that is too long', `agi_dnid: ${'x'.repeat(8_200)}\n`],
    ['more lines than there can be', Array.from({ length: 300 }, (_, i) => `agi_arg_${i}: x\n`).join('')],
    [
      'more than there can be',
      Array.from({ length: 20 }, (_, i) => `agi_arg_${i}: ${'x'.repeat(8_000)}\n`).join(''),
    ],
    ['TLS', Buffer.from('160301020001000001fc0303', 'hex').toString('latin1') + '\n'],
  ])('%s ends it', async (_what, text) => {
    await send(text)
    await expect(agi.environment).rejects.toThrow(Hangup)
    expect(agi.fault()).toMatch(/environment|too long/)
    expect(socket.destroyed).toBe(true)
    expect(heard).toBe('')
  })

  test('that does not come in time ends it', async () => {
    await send('agi_network: yes\n')
    jest.advanceTimersByTime(4_999)
    expect(socket.destroyed).toBe(false)
    jest.advanceTimersByTime(1)
    await expect(agi.environment).rejects.toThrow(Hangup)
    expect(agi.fault()).toBe('it sends no environment')
    expect(socket.destroyed).toBe(true)
  })
})

describe('answers', () => {
  beforeEach(greet)

  test.each([
    ['200 result=0', { code: 200, result: 0 }],
    ['200 result=-1', { code: 200, result: -1 }],
    ['200 result=53 endpos=1234', { code: 200, result: 53 }],
    ['200 result=1 (a value: with (brackets) and 520-)', { code: 200, result: 1 }],
    ['510 Invalid or unknown command', { code: 510, result: undefined }],
    ['511 Command Not Permitted on a dead channel or intercept routine', { code: 511, result: undefined }],
    ['520 Invalid command syntax.  Proper usage not available.', { code: 520, result: undefined }],
    [
      '520-Invalid command syntax.  Proper usage follows:\nUsage: NOOP\nHANGUP\n200 result=1\n\n520-x\n520 End of proper usage.',
      { code: 520, result: undefined },
    ],
    ['100 result=0 Trying...\n200 result=7', { code: 200, result: 7 }],
  ])('%j is understood wherever it is cut', async (text, answer) => {
    const bytes = Buffer.from(`${text}\n`)
    for (let at = 1; at <= bytes.length; at++) {
      const answered = NOOP()
      await send(bytes.subarray(0, at), bytes.subarray(at))
      expect(await answered).toEqual(answer)
    }
    expect(agi.fault()).toBeUndefined()
  })

  test('a command is sent when the one before it is answered, in the order of asking', async () => {
    const answers = ['A', 'B', 'C'].map((name) => agi.command(name, [], 1_000))
    await turns()
    expect(heard).toBe('A\n')
    await send('200 result=1\n')
    expect(heard).toBe('A\nB\n')
    await send('511 No\n')
    expect(heard).toBe('A\nB\nC\n')
    await send('200 result=3\n')
    expect((await Promise.all(answers)).map(({ code, result }) => [code, result])).toEqual([
      [200, 1],
      [511, undefined],
      [200, 3],
    ])
  })

  test.each([
    ['none to a command', '200 result=1\n'],
    ['two to one', '200 result=1\n200 result=1\n'],
    ['a line that is none', 'What?\n'],
    ['an empty line', '\n'],
    ['a 200 without result', '200 OK\n'],
    ['a result that is no number', '200 result=x\n'],
    ['a result beyond all numbers', '200 result=99999999999999999999\n'],
    ['a usage text without end', '520-Usage\n' + 'x\n'.repeat(600)],
    ['a line without end', '2'.repeat(10_000)],
  ])('%s ends the connection', async (what, text) => {
    const answered = what === 'none to a command' ? undefined : NOOP()
    answered?.catch(() => undefined)
    await send(text)
    expect(agi.fault()).toBeDefined()
    expect(socket.destroyed).toBe(true)
    if (what !== 'two to one') await expect(answered ?? NOOP()).rejects.toThrow(Hangup)
    await expect(NOOP()).rejects.toThrow(Hangup)
  })

  test('one that does not come in time ends the connection', async () => {
    const answered = Promise.all([NOOP(), NOOP()])
    answered.catch(() => undefined)
    jest.advanceTimersByTime(999)
    await turns()
    expect(socket.destroyed).toBe(false)
    jest.advanceTimersByTime(1)
    await expect(answered).rejects.toThrow(Hangup)
    expect(agi.fault()).toBe('it does not answer')
    expect(socket.destroyed).toBe(true)
  })

  test('each command has its own time, and none runs between two', async () => {
    const first = agi.command('A', [], 60_000)
    jest.advanceTimersByTime(59_000)
    await send('200 result=0\n')
    await first
    jest.advanceTimersByTime(3_600_000)
    const second = agi.command('B', [], 1_000)
    await send('200 result=5\n')
    expect((await second).result).toBe(5)
    expect(jest.getTimerCount()).toBe(0)
  })

  test('a peer that answers without reading is dropped', async () => {
    peer.pause()
    const text = 'x'.repeat(1_900)
    let sent = 0
    while (!socket.destroyed && sent < 200) {
      const answered = agi.command('NOOP', [text], 1_000)
      answered.catch(() => undefined)
      sent++
      await send('200 result=0\n')
    }
    expect(agi.fault()).toBe('it does not read')
  })
})

describe('a hang-up', () => {
  beforeEach(greet)

  test.each([
    ['HANGUP with nothing asked', 0, 'HANGUP\n'],
    ['HANGUP with a command under way', 1, 'HANGUP\n'],
    ['HANGUP with commands waiting', 3, 'HANGUP\n'],
    ['HANGUP and more of it', 2, 'HANGUP\nHANGUP\n200 result=1\nrubbish\n'],
    ['HANGUP in two pieces', 2, 'HANG|UP\n'],
  ])('%s: all that waits is rejected, and no more is sent', async (_what, count, text) => {
    const waiting = Array.from({ length: count }, NOOP)
    for (const one of waiting) one.catch(() => undefined)
    await turns()
    const before = heard
    await send(...text.split('|'))
    for (const one of waiting) await expect(one).rejects.toThrow(Hangup)
    await expect(NOOP()).rejects.toThrow(Hangup)
    expect([heard, agi.fault()]).toEqual([before, undefined])
    expect(socket.writableEnded).toBe(true)
  })

  test('after the answer -1 leaves that answer as it is', async () => {
    const [first, second] = [NOOP(), NOOP()]
    second.catch(() => undefined)
    await send('200 result=-1\nHANGUP\n')
    expect(await first).toEqual({ code: 200, result: -1 })
    await expect(second).rejects.toThrow(Hangup)
  })

  test.each([
    ['Asterisk closes the connection', () => peer.end()],
    ['the connection breaks', () => socket.destroy(new Error('ECONNRESET'))],
    ['we end it', () => agi.end()],
  ])('%s: all that waits is rejected', async (_what, happens) => {
    const waiting = [NOOP(), NOOP()]
    for (const one of waiting) one.catch(() => undefined)
    await turns()
    happens()
    await turns()
    for (const one of waiting) await expect(one).rejects.toThrow(Hangup)
    expect(agi.fault()).toBeUndefined()
  })

  test('what we have ended and Asterisk does not close is closed all the same', async () => {
    agi.end()
    await turns()
    expect(socket.destroyed).toBe(false)
    jest.advanceTimersByTime(5_000)
    await turns()
    expect(socket.destroyed).toBe(true)
    expect(jest.getTimerCount()).toBe(0)
  })
})

describe('the words of a command', () => {
  beforeEach(greet)

  /** What means something to Asterisk, now and then with what would end the line. */
  const LETTERS = fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom('"', '\\', ' ', 'a', '“', '🙂') },
    { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\0', '\t') },
  )

  test.each([
    [['a b', 7, ''], 'X "a b" 7 ""\n'],
    [['say "hi"', '\\', '\\"'], 'X "say \\"hi\\"" "\\\\" "\\\\\\""\n'],
    [['${SHELL(id)}; x'], 'X "${SHELL(id)}; x"\n'],
  ])('%j are sent as %j', async (words, line) => {
    agi.command('X', words, 1_000).catch(() => undefined)
    await turns()
    expect(heard).toBe(line)
  })

  test.each([
    ['a line feed', 'a\nHANGUP'],
    ['a carriage return', 'a\rb'],
    ['a zero', 'a\0b'],
    ['an escape', 'a\x1bb'],
    ['a control character beyond ASCII', 'a\u0085b'],
    ['more than Asterisk reads', 'x'.repeat(2_000)],
  ])('%s is not sent', async (_what, word) => {
    await expect(agi.command('X', [word], 1_000)).rejects.toThrow(/AGI/)
    await turns()
    expect(heard).toBe('')
    const next = NOOP()
    await send('200 result=0\n')
    expect((await next).code).toBe(200)
  })

  test('whatever they are, Asterisk reads the same words', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 30, unit: LETTERS })), async (words) => {
        begin()
        await greet()
        agi.command('X', words, 1_000).catch(() => undefined)
        await turns()
        const sendable = words.every((word) => !/\p{Cc}/u.test(word)) && Buffer.byteLength(words.join()) < 900
        if (sendable) expect(wordsOf(heard)).toEqual(['X', ...words])
        else expect(heard === '' || wordsOf(heard).length === words.length + 1).toBe(true)
        expect(heard.split('\n').length).toBeLessThanOrEqual(2)
        socket.destroy()
      }),
      { numRuns: 200 },
    ))
})

test('whatever a peer sends, in whatever pieces, the connection goes on or ends and nothing is thrown', () =>
  fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(
        fc.oneof(
          fc.constantFrom(
            'HANGUP\n',
            '200 result=1\n',
            '520-x\n',
            '520 \n',
            '\n',
            '200',
            ' result=',
            '\r',
            'agi_x: 1\n',
          ),
          fc.string({ unit: 'binary' }),
        ),
      ),
      async (greeted, pieces) => {
        begin()
        if (greeted) await greet()
        const asked = Promise.allSettled([NOOP(), NOOP()])
        for (const piece of pieces) if (!socket.destroyed) peer.write(piece)
        await turns()
        agi.end()
        for (const { status, ...rest } of await asked)
          if (status === 'rejected') expect((rest as { reason: unknown }).reason).toBeInstanceOf(Hangup)
        socket.destroy()
      },
    ),
    { numRuns: 300 },
  ))

/** How Asterisk takes a line apart (res_agi.c, parse_args): in its own order, character by character. */
function wordsOf(line: string): string[] {
  const words: string[] = []
  let [quoted, escaped, between] = [false, false, true]
  const add = (text: string) => {
    if (between) words.push('')
    between = false
    words.push((words.pop() ?? '') + text)
  }
  for (const character of line.replace(/\n$/, '')) {
    if (character === '"' && !escaped) {
      quoted = !quoted
      if (quoted) add('')
    } else if (/[ \t]/.test(character) && !quoted && !escaped) between = true
    else if (character === '\\' && !escaped) {
      escaped = true
      continue
    } else add(character)
    escaped = false
  }
  return words
}
