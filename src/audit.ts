import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { AuditFinding, PaidCallStore } from './engine/paid-call-store.ts'

/** Findings that are told one by one. What is wrong in so many places is wrong as a whole. */
export const MOST_FINDINGS = 100
/** Between two looks when the first has found something, in milliseconds. */
const SECOND_LOOK_MS = 10_000

type Auditor = Pick<PaidCallStore, 'audit' | 'auditSize'>
type OnLooked = NonNullable<Parameters<PaidCallStore['audit']>[1]>

/**
 * Goes through all money again: that each card's ledger adds up to its balance, and that what is held is held for calls that run.
 * Whoever finds something looks again a while later, and tells what is there still: a call that ends, or is recovered, at that very
 * moment is none. At most MOST_FINDINGS. `onLooked` is the store's: what it throws ends the audit.
 */
export async function lastingFindings(
  store: Auditor,
  { pauseMs, onLooked, signal }: { pauseMs: number; onLooked?: OnLooked; signal?: AbortSignal },
): Promise<AuditFinding[]> {
  const first = await store.audit(MOST_FINDINGS, onLooked)
  if (first.length === 0) return first
  await pause(pauseMs, undefined, { signal })
  const keys = new Set(first.map(keyOf))
  return (await store.audit(MOST_FINDINGS, onLooked)).filter((one) => keys.has(keyOf(one)))
}

function keyOf({ what, cardId, detail }: AuditFinding): string {
  return `${what} ${cardId} ${detail}`
}

/** The audit that runs beside the start of the application. */
export type StartAudit = {
  /** For /readyz. Findings keep no calls away: most cards have nothing to do with them, and no sum gets better by waiting. */
  state: () => string
  /** Ends it, and waits until it has ended. */
  stop: () => Promise<void>
}

/** Begins an audit and logs what it finds, once. It takes a turn of the event loop now and then and delays nobody. */
export function startAudit(store: Auditor, log: Logger, pauseMs = SECOND_LOOK_MS): StartAudit {
  const stopping = new AbortController()
  let state = 'being audited'
  const running = audited().catch((error: unknown) => {
    if (stopping.signal.aborted) return
    state = 'not audited'
    log.error({ err: error }, 'the audit of the ledger failed')
  })

  async function audited(): Promise<void> {
    const { signal } = stopping
    const findings = await lastingFindings(store, {
      pauseMs,
      signal,
      onLooked: () => signal.throwIfAborted(),
    })
    const { cards, lines } = await store.auditSize()
    state = findings.length === 0 ? 'ok' : inWords(findings.length)
    if (findings.length === 0) log.info({ cards, lines }, 'the ledger adds up')
    else
      log.error(
        { findings: counted(findings), cards, lines },
        'the ledger does not add up: see pinbridge audit',
      )
  }

  return {
    state: () => state,
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

function inWords(findings: number): string {
  const atLeast = findings === MOST_FINDINGS ? 'at least ' : ''
  return `${atLeast}${findings} ${findings === 1 ? 'finding' : 'findings'}`
}

/** How many of each kind. */
function counted(findings: AuditFinding[]): Partial<Record<AuditFinding['what'], number>> {
  const counts: Partial<Record<AuditFinding['what'], number>> = {}
  for (const { what } of findings) counts[what] = (counts[what] ?? 0) + 1
  return counts
}
