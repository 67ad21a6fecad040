import { constants } from 'node:os'
import { playCall } from './demo/play.ts'
import { steps, talkMs, type Cast, type Evidence } from './demo/story.ts'
import { createLog } from './log.ts'

/** India leaves no numbers for plays. These are from the GreenPin manual's samples, and no call leaves this machine. */
const CAST: Cast = {
  ann: '+919811111111',
  vn: '+916292134471',
  bob: '+919956555625',
  shown: '+916292134465',
}

/** Lines of the log that are shown when something goes wrong. */
const LAST_WORDS = 12

type Line = { seconds: number; what: string }

/** What the demo found, as `--json` prints it. `seconds` count from the moment of dialling. */
type Report = {
  ok: boolean
  timeline: Line[]
  /** What did not happen, in order; the first is the cause of the others as a rule. */
  missing: string[]
  call: Cast & {
    digitsKeyed: number
    talkSeconds: number
    annHeardMs: number
    bobHeardMs: number
    webhooks: number
  }
  tookSeconds: number
}

/**
 * Shows the product at work on this machine: a real Asterisk, a real call between two telephones, a PIN, sound both
 * ways, webhooks. Resolves to the exit code: 0 when all of it really happened, 1 when not, 128 and the signal's number
 * after a signal. Leaves nothing behind.
 */
export async function demo({ json }: { json: boolean }): Promise<number> {
  const started = performance.now()
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort(name))
  const say = (line: string) => process.stderr.write(`demo: ${line}\n`)
  const logged: string[] = []
  const log = createLog('info', { write: (line) => void logged.push(line) })
  try {
    const evidence = await playCall({ cast: CAST, say, log, signal: stop.signal })
    const report = judge(evidence, performance.now() - started)
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : forPeople(report))
    if (!report.ok && !json) process.stderr.write(lastWords([...logged, ...evidence.complaints]))
    return report.ok ? 0 : 1
  } catch (error) {
    const signal = stop.signal.aborted ? (stop.signal.reason as NodeJS.Signals) : undefined
    const message = signal ? `stopped by ${signal}` : (error as Error).message
    if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: { code: 'failed', message } })}\n`)
    else process.stderr.write(`${signal ? '' : lastWords(logged)}demo: ${message}\n`)
    // What a failed start has left of itself holds the process, and nobody watches it any more.
    process.exit(signal ? 128 + constants.signals[signal] : 1)
  }
}

function judge(evidence: Evidence, tookMs: number): Report {
  const { cast, digits: digitsKeyed, annHeardBob, bobHeardAnn, webhooks } = evidence
  const all = steps(evidence)
  const happened = all.flatMap(({ at, what }) => (at === undefined ? [] : [{ at, what }]))
  const start = happened[0]?.at ?? 0
  const missing = all.filter(({ at }) => at === undefined).map(({ missing }) => missing)
  return {
    ok: missing.length === 0,
    timeline: happened
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, what }) => ({ seconds: (at - start) / 1_000, what })),
    missing,
    call: {
      ...cast,
      digitsKeyed,
      talkSeconds: talkMs(evidence.bobsMessages) / 1_000,
      annHeardMs: annHeardBob?.ms ?? 0,
      bobHeardMs: bobHeardAnn?.ms ?? 0,
      webhooks: webhooks.filter(({ genuine }) => genuine).length,
    },
    tookSeconds: Math.round(tookMs / 100) / 10,
  }
}

function forPeople({ ok, timeline, missing, call, tookSeconds }: Report): string {
  const before = `An account, and over HTTP an allocation: whoever dials ${call.vn} and keys its PIN reaches Bob.`
  const lines = timeline.map(({ seconds, what }) => `${seconds.toFixed(2).padStart(6)} s  ${what}`)
  const verdict = ok
    ? `All of it happened, in ${tookSeconds} s. Only the root folder with Asterisk is kept for the next time.`
    : `Not all of it happened: ${missing[0]}.`
  return `\n${before}\n\n${lines.join('\n')}\n\n${verdict}\n`
}

function lastWords(logged: string[]): string {
  return logged
    .slice(-LAST_WORDS)
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}
