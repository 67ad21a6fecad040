import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { writeDatabase, writePins } from '../../src/engine/pin-databases.ts'
import { testAccount, VN1 } from '../support/context.ts'
import { until } from '../support/until.ts'
import { openDoor, TIMES, type TestDoor } from './door.ts'
import type { Caller } from './peer.ts'

const CALLER = '+919811111111'
const LINE = '+916292134480'

let door: TestDoor
let acme: Account

beforeEach(async () => {
  door = await openDoor()
  acme = await testAccount(door.ctx, { sid: 'acme' })
  await write(acme, 1, '4711')
})
afterEach(() => door.close())

const write = (account: Account, database: number, pin: string) =>
  writePins(
    door.ctx,
    account,
    database,
    { start: pin, end: pin, beginsAt: undefined, expiresAt: undefined },
    1,
  )

const uses = async (database = 1, account = acme) => {
  const all = await door.ctx.store.usesAfter(account.id, database, { from: 0, to: Infinity }, undefined, 100)
  return all.map(({ pin, key }) => `${pin} ${key}`)
}

const asks = (script: string, environment: Record<string, string> = {}): Pick<Caller, 'environment'> => ({
  environment: { network_script: script, ...environment },
})

/** What the dialplan is told, how the caller was asked, and what is logged. */
async function told(caller: Caller) {
  const { variables, played, commands, answered } = await door.visited(caller)
  return { status: variables['PINSTATUS'], keys: variables['PINKEY_COUNT'], played, commands, answered }
}

const ENTER = 'pinbridge/enter-pin'
const WRONG = 'pinbridge/pin-wrong'
const SILENT = 'pinbridge/pin-nothing'
const RIGHT = 'auth-thankyou'
/** What Asterisk is asked while the store is. */
const LOOK = 'WAIT FOR DIGIT 20'

describe('the caller is asked', () => {
  test('first of all ERROR is said, so that whatever ends this leaves no earlier answer', async () => {
    const { commands } = await told({ keys: '4711#' })
    expect(commands.slice(0, 3)).toEqual([
      'SET VARIABLE "PINSTATUS" "ERROR"',
      'SET VARIABLE "PINKEY_COUNT" "0"',
      'ANSWER',
    ])
  })

  test('the right PIN over the prompt', async () => {
    const { status, keys, played } = await told({ keys: '4711#' })
    expect([status, keys]).toEqual(['OK', '1'])
    expect(played).toEqual([ENTER, RIGHT])
    expect(await uses()).toEqual([`4711 ${CALLER}`])
  })

  test('after the prompt, key by key, each with its time', async () => {
    const { status, commands } = await told({ keys: '.4711#' })
    expect(status).toBe('OK')
    const waits = commands
      .filter((command) => /^WAIT/.test(command))
      .map((command) => Number(command.slice(15)))
    expect(waits).toEqual([...[TIMES.firstMs, TIMES.nextMs, TIMES.nextMs, TIMES.nextMs, TIMES.nextMs], 20])
  })

  test.each([
    ['a star starts again', '47*4711#', 'OK'],
    ['a star during the prompt too', '*4711#', 'OK'],
    ['no hash: the pause ends it', '4711.', 'OK'],
    ['letters are ignored', 'A4B7C1D1#', 'OK'],
    ['a payment card is taken whole and is one wrong one', '41111111111111111119' + '...', 'REFUSED'],
  ])('%s', async (_what, keys, wanted) => {
    const { status, played } = await told({ keys, ...asks('check?db=1&attempts=1') })
    expect([status, played]).toEqual([wanted, [ENTER, wanted === 'OK' ? RIGHT : WRONG]])
  })

  test('three attempts, as the account says; silence is one of them', async () => {
    const { status, keys, played } = await told({ keys: '1#.....2#3#4711#' })
    expect([status, keys]).toEqual(['REFUSED', '0'])
    expect(played).toEqual([ENTER, WRONG, ENTER, SILENT, ENTER, WRONG])
    expect(await uses()).toEqual([])
  })

  test('as many attempts as the dialplan says', async () => {
    const { status, played } = await told({ keys: '1#2#3#4#4711#', ...asks('check?attempts=5') })
    expect([status, played.filter((file) => file === WRONG).length]).toEqual(['OK', 4])
  })

  test('what is keyed while a PIN is being looked up is the next input', async () => {
    const goOn = door.holdChecks()
    const visiting = door.visit({ keys: '1#>4>711#' })
    await until(() => expect(visiting.commands.filter((one) => one === LOOK).length).toBeGreaterThan(3))
    goOn()
    await visiting.over
    expect([visiting.variables['PINSTATUS'], visiting.played]).toEqual(['OK', [ENTER, RIGHT]])
  })

  test('all keys of one input within a time, however often it is started again', async () => {
    const hasty = await openDoor({ digits: { firstMs: 200, nextMs: 200, totalMs: 300 } })
    try {
      await testAccount(hasty.ctx)
      const since = performance.now()
      const { variables, commands } = await hasty.visited({
        keys: `.${'1*'.repeat(100_000)}`,
        lookMs: -1, // none
        ...asks('check?attempts=1'),
      })
      const tookMs = performance.now() - since
      expect([variables['PINSTATUS'], tookMs > 250, tookMs < 2_000]).toEqual(['REFUSED', true, true])
      const waits = commands
        .flatMap((command) => /^WAIT FOR DIGIT (\d+)$/.exec(command)?.[1] ?? [])
        .map(Number)
      expect([waits[0], waits.some((ms) => ms < 100 && ms !== 20)]).toEqual([200, true])
    } finally {
      await hasty.close()
    }
  })

  test('a prompt that somebody stops from outside is no key', async () => {
    const { status, commands } = await told({ keys: '!4711#' })
    expect(status).toBe('OK')
    expect(commands).toContain(`WAIT FOR DIGIT ${TIMES.firstMs}`)
  })

  test('nobody keys anything', async () => {
    const { status, played } = await told({})
    expect([status, played]).toEqual(['REFUSED', [ENTER, SILENT, ENTER, SILENT, ENTER, SILENT]])
  })

  test('a prompt that is not there is logged once, and the caller gets on without it', async () => {
    const { status } = await told({ keys: '.1#4711#', missing: [ENTER, WRONG] })
    expect(status).toBe('OK')
    expect(door.log().filter(({ level }) => level === 'error')).toEqual([
      expect.objectContaining({ prompts: ['enter-pin', 'pin-wrong'] }),
    ])
  })

  test('unknown, not begun, expired, of one key too many: all sound alike', async () => {
    const { now } = door.ctx
    const beginsAt = now() + 1
    await writePins(door.ctx, acme, 1, { start: '1', end: '1', beginsAt, expiresAt: undefined }, 1)
    await writePins(door.ctx, acme, 1, { start: '2', end: '2', beginsAt: undefined, expiresAt: now() }, 1)
    await writeDatabase(door.ctx, acme, 1, { maxKeys: 1 }, [])
    expect((await told({ keys: '4711#' })).keys).toBe('1')
    const others = { callerid: '+919811111112' }
    for (const pin of ['99', '1', '2', '4711', '0'.repeat(16)]) {
      const { status, keys, played } = await told({
        keys: `.${pin}#`,
        ...asks('check?attempts=1', others),
      })
      expect([status, keys, played]).toEqual(['REFUSED', '0', [ENTER, WRONG]])
    }
  })

  test('who guesses too often is locked out, hears the same, and the right PIN is not looked at', async () => {
    const guesses = '1#2#3#4#5#6#7#8#9#'
    expect((await told({ keys: guesses, ...asks('check?attempts=9') })).status).toBe('REFUSED')
    const second = await told({ keys: guesses, ...asks('check?attempts=9') })
    expect([second.status, second.keys]).toEqual(['LOCKED', '0'])
    expect(second.played.filter((file) => file === WRONG)).toHaveLength(9)
    const third = await told({ keys: '.4711#', ...asks('check?attempts=1') })
    expect([third.status, third.played]).toEqual(['LOCKED', [ENTER, WRONG]])
    expect((await told({ keys: '4711#', ...asks('check', { callerid: '+919811111112' }) })).status).toBe('OK')
    expect(await uses()).toEqual(['4711 +919811111112'])
  })
})

describe('a PIN is given', () => {
  test('it is looked up without a word, a wait or an answer', async () => {
    const { status, keys, commands } = await told(asks('check?db=1&pin=4711'))
    expect([status, keys]).toEqual(['OK', '1'])
    expect(commands).toEqual([
      'SET VARIABLE "PINSTATUS" "ERROR"',
      'SET VARIABLE "PINKEY_COUNT" "0"',
      'SET VARIABLE "PINKEY_COUNT" "1"',
      'SET VARIABLE "PINSTATUS" "OK"',
    ])
  })

  test.each(['4712', '', '*', '47 11', '4711#', 'x'.repeat(99)])('%j is refused', async (pin) => {
    const { status, played } = await told(asks(`check?db=1&pin=${encodeURIComponent(pin)}`))
    expect([status, played]).toEqual(['REFUSED', []])
    expect(await uses()).toEqual([])
  })

  test('as an argument of AGI() too', async () => {
    expect((await told(asks('check?db=1', { arg_1: 'pin=4711' }))).status).toBe('OK')
    expect((await told(asks('check?db=1', { arg_1: 'pin=4711', arg_2: 'db=1' }))).status).toBe('ERROR')
  })

  test('also on a channel that is hung up; there nobody can be asked', async () => {
    expect((await told({ dead: true, ...asks('check?db=1&pin=4711') })).status).toBe('OK')
    const { status, played } = await told({ dead: true, keys: '4711#' })
    expect([status, played]).toEqual(['ERROR', []])
    expect(door.log().at(-1)).toMatchObject({ level: 'info', reason: 'the caller is gone' })
  })
})

describe('whose PINs', () => {
  const sees = async (script: string, environment: Record<string, string> = {}) =>
    (await told(asks(`${script}pin=4711`, environment))).status

  test('there is one account: its own; database 1 unless said otherwise', async () => {
    expect(await sees('check?')).toBe('OK')
    expect(await sees('check?db=2&')).toBe('REFUSED')
    await write(acme, 2, '4711')
    expect(await sees('check?db=2&')).toBe('OK')
    expect([await uses(1), await uses(2)]).toEqual([[`4711 ${CALLER}`], [`4711 ${CALLER}`]])
  })

  test('a name that is nobody’s, although there is only one', async () => {
    expect(await sees('check?account=nobody&')).toBe('ERROR')
    expect(door.log().at(-1)).toMatchObject({ level: 'warn', reason: 'account is none of ours' })
  })

  test('wrong ones are counted for FastAGI and for nothing else', async () => {
    const ways: (string | undefined)[] = []
    const checkPin = door.ctx.store.checkPin.bind(door.ctx.store)
    door.ctx.store.checkPin = (query, decide) => {
      ways.push(query.guesser.way)
      return checkPin(query, decide)
    }
    await told(asks('check?pin=1'))
    await told({ keys: '1#', ...asks('check?attempts=1') })
    expect(ways).toEqual(['fastagi', 'fastagi'])
  })

  describe('there are two', () => {
    let other: Account

    beforeEach(async () => {
      other = await testAccount(door.ctx, { sid: 'other', vns: [] })
      await door.ctx.store.addNumber({ number: LINE, accountId: other.id, flow: 'pin-line', database: 7 })
      await write(other, 7, '4711')
    })

    test.each([
      ['by its name', 'check?account=other&db=7&', {}],
      ['by the number dialled, with its database', 'check?', { dnid: LINE }],
      ['by the number dialled as trunks write it', 'check?', { dnid: LINE.slice(1) }],
      ['by the extension, where the trunk gives no number', 'check?', { dnid: 'unknown', extension: LINE }],
      ['by the extension, where the number dialled is nobody’s', 'check?', { dnid: '4900', extension: LINE }],
      ['by the number dialled before the extension', 'check?', { dnid: LINE, extension: VN1 }],
      ['by its name and the number dialled, with its database', 'check?account=other&', { dnid: LINE }],
    ])('the other one: %s', async (_how, script, environment) => {
      expect(await sees(script, environment)).toBe('OK')
      expect([await uses(1, acme), await uses(7, other)]).toEqual([[], [`4711 ${CALLER}`]])
    })

    test('the named one, although the number dialled is the other one’s', async () => {
      expect(await sees('check?account=acme&', { dnid: LINE })).toBe('OK')
      expect(await uses(1, acme)).toHaveLength(1)
    })

    test('another database than the number’s', async () => {
      expect(await sees('check?db=1&', { dnid: LINE })).toBe('REFUSED')
    })

    test.each([
      ['nothing says which', 'check?', {}],
      ['a name that is nobody’s', 'check?account=nobody&', { dnid: LINE }],
      ['a number that is nobody’s', 'check?', { dnid: '+916292134499' }],
      ['hostile numbers', 'check?', { dnid: "' or 1=1 --", extension: '../../etc' }],
    ])('ERROR, and a reason: %s', async (_why, script, environment) => {
      expect(await sees(script, environment)).toBe('ERROR')
      expect(door.log().at(-1)).toMatchObject({ level: 'warn', status: 'ERROR', reason: /account/ })
      expect([await uses(1, acme), await uses(7, other)]).toEqual([[], []])
    })
  })
})

describe('the key', () => {
  const key = async (environment: Record<string, string>) => {
    expect((await told(asks('check?pin=4711', environment))).status).toBe('OK')
    return (await uses()).at(-1)?.slice(5)
  }

  test.each([
    '+919811111111',
    '00919811111111',
    '09811111111',
    '9811111111',
    '919811111111',
    'tel:+919811111111',
  ])('%s is one caller', async (callerid) => expect(await key({ callerid })).toBe(CALLER))

  test.each([
    ...[{ callerid: 'unknown' }, { callerid: '' }, { callerid: 'anonymous' }, { callerid: '100' }],
    // PRES_PROHIB_… and unavailable, whatever number comes with it.
    ...['32', '33', '34', '35', '67'].map((callingpres) => ({ callingpres })),
  ])('%j is withheld', async (environment) => expect(await key(environment)).toBe('anonymous'))

  test.each(['0', '1', '2', '3', '', 'x'])('presentation %j is not', async (callingpres) =>
    expect(await key({ callingpres })).toBe(CALLER),
  )

  test('guesses of one are not counted for another, withheld ones for all of them', async () => {
    const guesses = { keys: '1#2#3#4#5#6#7#8#9#' }
    const withheld = { callerid: 'unknown' }
    await told({ ...guesses, ...asks('check?attempts=9', withheld) })
    await told({ ...guesses, ...asks('check?attempts=9', withheld) })
    expect((await told(asks('check?pin=4711', { callingpres: '35' }))).status).toBe('LOCKED')
    expect((await told(asks('check?pin=4711'))).status).toBe('OK')
  })
})

describe('what cannot be done is ERROR, unanswered, with a reason in the log', () => {
  test.each([
    ['check?db=1&db=2', 'db is given twice'],
    ['check?pin=730951864&pin=1', 'pin is given twice'],
    ['check?730951864', 'a parameter is unknown'],
    ['other', 'the only script is check'],
    ['', 'the only script is check'],
  ])('%s', async (script, reason) => {
    const { status, keys, answered } = await told(asks(script))
    expect([status, keys, answered]).toEqual(['ERROR', '0', false])
    expect(door.log()).toEqual([expect.objectContaining({ level: 'warn', status: 'ERROR', reason })])
    expect(door.rawLog()).not.toContain('730951864')
  })

  test('a fault of ours: it is logged as an error, and the PIN of it is not', async () => {
    door.ctx.store.checkPin = () => Promise.reject(new Error('the disk is full'))
    expect((await told(asks('check?pin=730951864'))).status).toBe('ERROR')
    expect((await told({ keys: '730951864#' })).status).toBe('ERROR')
    expect(door.log().map(({ level }) => level)).toEqual(['error', 'error'])
    expect(door.rawLog()).toContain('the disk is full')
    expect(door.rawLog()).not.toContain('730951864')
  })
})

describe('the caller hangs up', () => {
  /** With one wrong PIN, one look while it is looked up, and one right one. */
  const keys = '.1#4711#'

  test('during each command: whatever it is, one line is logged and nothing goes on', async () => {
    const { commands } = await told({ keys })
    expect(commands.length).toBeGreaterThan(12)
    for (const closes of [false, true])
      for (const [at, command] of commands.entries()) {
        const before = door.log().length
        const visit = await door.visited({ keys, hangsUpAt: at, closes })
        if (!command.startsWith('SET')) expect(visit.commands.length).toBeLessThanOrEqual(at + 2)
        expect(door.log().slice(before)).toHaveLength(1)
        expect(door.live()).toBe(0)
      }
    for (const { level } of door.log()) expect(level).toBe('info')
  })

  test('while the right PIN is looked up: the use stays, as it is with any caller who leaves then', async () => {
    const goOn = door.holdChecks()
    const visiting = door.visit({ keys: '4711#' })
    await until(() => expect(visiting.commands.at(-1)).toBe(LOOK))
    visiting.socket.end()
    await visiting.over
    expect([door.live(), await uses()]).toEqual([1, []])
    goOn()
    await door.stop(5_000)
    expect([door.live(), await uses()]).toEqual([0, [`4711 ${CALLER}`]])
    expect(door.log()).toEqual([expect.objectContaining({ status: 'ERROR', reason: 'the caller is gone' })])
  })
})

test('one line a call: account, masked caller, status; never a PIN or a whole number', async () => {
  await told({ keys: '730951864#4711#' })
  await told(asks('check?db=1&pin=730951864'))
  await told(asks('check?db=1&pin=4711', { callerid: 'unknown' }))
  const line = { level: 'info', msg: 'FastAGI check', account: 'acme', db: 1 }
  expect(door.log()).toEqual([
    expect.objectContaining({ ...line, from: '+91…11', status: 'OK' }),
    expect.objectContaining({ ...line, from: '+91…11', status: 'REFUSED' }),
    expect.objectContaining({ ...line, from: 'withheld', status: 'OK' }),
  ])
  for (const secret of ['730951864', '4711', '9811111111']) expect(door.rawLog()).not.toContain(secret)
})
