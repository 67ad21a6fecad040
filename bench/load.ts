import { setTimeout as pause } from 'node:timers/promises'
import { cpuMs } from './cpu.ts'
import { phonesOn, type Outcome } from './call.ts'
import { TWINS, type Stand } from './stand.ts'
import { VNS, type Kind } from './store.ts'

/** Who answers: the product, or the dialplan that does the same. */
export type Answerer = 'pinbridge' | 'dialplan'

export type Variant = { kind: Kind; by: Answerer }

/** Calls of one kind, placed at a steady rate whether or not earlier ones are over. */
type Load = Variant & { count: number; perSecond: number }

/** What they came to. CPU in milliseconds a call; `generatorMs` is our own. */
export type Result = {
  outcomes: Outcome[]
  failures: string[]
  asteriskMs: number
  appMs: number
  generatorMs: number
  /** How late the last call was placed, in milliseconds: the generator itself is at its limit when this grows. */
  lagMs: number
}

export type Bench = { run: (load: Load) => Promise<Result> }

const EVENTS_MS = 15_000
/** What is still at work when the last call is over, in milliseconds. */
const SETTLE_MS = 300
/** Nothing told for so long means that nothing is left to tell, in milliseconds. */
const STILL_MS = 1_000
/** So many failures end a run early. */
const ENOUGH_FAILURES = 3

export function benchOn(stand: Stand): Bench {
  const phones = phonesOn(stand.line)
  const used: Record<Kind, number> = { pin: 0, bridged: 0 }
  let strangers = 0

  function place({ kind, by }: Variant): Promise<Outcome> {
    const pins = stand.pins[kind]
    // A PIN is keyed once only: its second stranger would be less work for the product. To the dialplan all are alike.
    const n = by === 'pinbridge' ? used[kind]++ : strangers % pins.length
    const chosen = pins[n]
    if (!chosen) throw new Error(`all ${pins.length} PINs are used up`)
    return phones.call({
      from: `+9197${10_000_000 + strangers++}`,
      to: by === 'pinbridge' ? VNS[kind] : TWINS[kind],
      keys: `${chosen.pin}#`,
      party: kind === 'bridged' ? chosen.number : undefined,
    })
  }

  return { run: (load) => measured(stand, load, place) }
}

async function measured(
  stand: Stand,
  load: Load,
  place: (variant: Variant) => Promise<Outcome>,
): Promise<Result> {
  const told = stand.sink.received.length
  const cpu = [() => cpuMs(stand.asterisk.pid), () => cpuMs(stand.app.pid), ownMs]
  const before = cpu.map((read) => read())
  const { outcomes, lagMs } = await placeAll(load, place)
  const failures = outcomes.flatMap(({ failed }) => failed ?? [])
  if (failures.length > 0) await untilStill(stand)
  else if (load.by === 'pinbridge') failures.push(...(await untilTold(stand, told, outcomes.length)))
  await pause(SETTLE_MS)
  const [asteriskMs = 0, appMs = 0, generatorMs = 0] = cpu.map(
    (read, n) => (read() - (before[n] ?? 0)) / outcomes.length,
  )
  await stand.quiet()
  return { outcomes, failures, asteriskMs, appMs, generatorMs, lagMs }
}

async function placeAll(
  load: Load,
  place: (variant: Variant) => Promise<Outcome>,
): Promise<{ outcomes: Outcome[]; lagMs: number }> {
  const startedAt = performance.now()
  const under: Promise<Outcome>[] = []
  let [failures, lagMs] = [0, 0]
  while (under.length < load.count && failures < ENOUGH_FAILURES) {
    const dueAt = startedAt + (under.length * 1_000) / load.perSecond
    const wait = dueAt - performance.now()
    if (wait > 1) {
      await pause(wait)
      continue
    }
    lagMs = -wait
    const outcome = place(load)
    under.push(outcome)
    void outcome.then(({ failed }) => (failures += failed === undefined ? 0 : 1))
  }
  return { outcomes: await Promise.all(under), lagMs }
}

function ownMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/**
 * Waits until the product has told the end of as many calls, beginning with the event `from`: that a PIN was right and
 * the call is over, or that no PIN was right. Resolves to what is wrong with that.
 */
async function untilTold({ sink }: Stand, from: number, calls: number): Promise<string[]> {
  const giveUpAt = performance.now() + EVENTS_MS
  for (;;) {
    const bodies = sink.received.slice(from).map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    const over = bodies.filter((body) => 'call_type' in body).length
    const right = bodies.filter((body) => 'pin' in body && 'greenpin_id' in body).length
    const heard = bodies.flatMap((body) =>
      'pin' in body && !('greenpin_id' in body) ? String(body['pin']) : [],
    )
    const wrong = heard.map((pin) => `the product heard "${pin}"`)
    if (right === over && over + heard.length >= calls) return wrong
    if (performance.now() > giveUpAt)
      return [...wrong, `${calls - over - heard.length} calls were not told of`]
    await pause(50)
  }
}

/** Calls that failed leave behind what the next ones must not be charged with. */
async function untilStill({ sink }: Stand): Promise<void> {
  let told: number
  do {
    told = sink.received.length
    await pause(STILL_MS)
  } while (sink.received.length > told)
}
