import { afterEach, expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { lastingFindings, MOST_FINDINGS, startAudit, type StartAudit } from '../src/audit.ts'
import type { AuditFinding } from '../src/engine/paid-call-store.ts'
import { until } from './support/until.ts'

const finding = (cardId: number, what: AuditFinding['what'] = 'balance'): AuditFinding => {
  return { what, cardId, detail: `card ${cardId}` }
}

/** A store that finds something else each time it looks. */
function storeOf(...looks: (AuditFinding[] | Error)[]) {
  const left = [...looks]
  return {
    looked: () => looks.length - left.length,
    audit: jest.fn((_limit: number, onLooked?: (part: 'ledger', rows: number) => void) => {
      onLooked?.('ledger', 1)
      const found = left.shift()
      if (found === undefined) throw new Error('looked too often')
      return found instanceof Error ? Promise.reject(found) : Promise.resolve(found)
    }),
    auditSize: () => Promise.resolve({ cards: 3, lines: 7 }),
  }
}

let lines: string[] = []
let running: StartAudit | undefined
const log = pino({ base: null, timestamp: false }, { write: (line) => void lines.push(line) })
const told = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)

function start(store: ReturnType<typeof storeOf>, pauseMs = 1): StartAudit {
  running = startAudit(store, log, pauseMs)
  return running
}

afterEach(async () => {
  await running?.stop()
  lines = []
})

test('where all adds up it looks once', async () => {
  const store = storeOf([])
  const audit = start(store)
  expect(audit.state()).toBe('being audited')
  await until(() => expect(audit.state()).toBe('ok'))
  expect(store.looked()).toBe(1)
  expect(told()).toEqual([{ level: 30, cards: 3, lines: 7, msg: 'the ledger adds up' }])
})

test('what is gone at a second look was a call that ended just then', async () => {
  const audit = start(storeOf([finding(1), finding(2, 'hold')], [finding(3, 'hold')]))
  await until(() => expect(audit.state()).toBe('ok'))
  expect(told()).toMatchObject([{ level: 30 }])
})

test('what is still there is told once, counted by kind', async () => {
  const found = [finding(1), finding(2), finding(2, 'hold')]
  const audit = start(storeOf([...found, finding(4)], [finding(5), ...found]))
  await until(() => expect(audit.state()).toBe('3 findings'))
  expect(told()).toEqual([
    {
      ...{ level: 50, findings: { balance: 2, hold: 1 }, cards: 3, lines: 7 },
      msg: 'the ledger does not add up: see pinbridge audit',
    },
  ])
})

test('more than are told one by one are said to be more', async () => {
  const found = Array.from({ length: MOST_FINDINGS }, (_, n) => finding(n))
  const audit = start(storeOf(found, found))
  await until(() => expect(audit.state()).toBe('at least 100 findings'))
})

test('one that fails is told, and ends nothing else', async () => {
  const audit = start(storeOf(new Error('disk I/O error')))
  await until(() => expect(audit.state()).toBe('not audited'))
  expect(told()).toMatchObject([{ level: 50, err: { message: 'disk I/O error' } }])
})

test('it can be stopped before its second look, and between two portions of one', async () => {
  const store = storeOf([finding(1)], [finding(1)])
  const audit = start(store, 3_600_000)
  await until(() => expect(store.looked()).toBe(1))
  await audit.stop()
  expect([store.looked(), told()]).toEqual([1, []])

  const portions = Promise.withResolvers<AuditFinding[]>()
  let portion: (() => void) | undefined
  const endless = {
    audit: (_limit: number, onLooked?: (part: 'ledger', rows: number) => void) => {
      portion = () => {
        try {
          onLooked?.('ledger', 1)
        } catch (error) {
          portions.reject(error)
        }
      }
      return portions.promise
    },
    auditSize: () => Promise.resolve({ cards: 0, lines: 0 }),
  }
  const other = startAudit(endless, log)
  const stopped = other.stop()
  portion?.()
  await stopped
  expect(told()).toEqual([])
})

test('how far it has come is told through both looks', async () => {
  const onLooked = jest.fn()
  expect(await lastingFindings(storeOf([finding(1)], [finding(1)]), { pauseMs: 1, onLooked })).toEqual([
    finding(1),
  ])
  expect(onLooked.mock.calls).toEqual([
    ['ledger', 1],
    ['ledger', 1],
  ])
})
