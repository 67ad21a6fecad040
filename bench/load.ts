import { setTimeout as pause } from 'node:timers/promises'
import { cpuMs } from './cpu.ts'
import { phonesOn, type Outcome, type Phones } from './call.ts'
import { TWINS, type Stand } from './stand.ts'
import { VNS, type Kind } from './store.ts'

/** Who answers: the product, or the dialplan that does the same. */
export type Answerer = 'pinbridge' | 'dialplan'

export type Variant = { kind: Kind; by: Answerer }

/** Calls of one kind, placed at a steady rate whether or not earlier ones are over. */
export type Load = Variant & { count: number; perSecond: number }

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

/** The product tells two things about each call: that the PIN was right, and that the call is over. */
const EVENTS_A_CALL = 2
const EVENTS_MS = 15_000
/** What is still at work when the last call is over, in milliseconds. */
const SETTLE_MS = 300
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
  const expected = told + (load.by === 'pinbridge' ? EVENTS_A_CALL * outcomes.length : 0)
  if (failures.length === 0) await untilTold(stand, expected)
  await pause(SETTLE_MS)
  const [asteriskMs = 0, appMs = 0, generatorMs = 0] = cpu.map(
    (read, n) => (read() - (before[n] ?? 0)) / outcomes.length,
  )
  await stand.quiet()
  return { outcomes, failures, asteriskMs, appMs, generatorMs, lagMs }
}

async function placeAll(
  load: Load,
  place: Phones['call'] extends (...plan: never) => infer R ? (variant: Variant) => R : never,
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

async function untilTold({ sink }: Stand, count: number): Promise<void> {
  const giveUpAt = performance.now() + EVENTS_MS
  while (sink.received.length < count) {
    if (performance.now() > giveUpAt)
      throw new Error(`the product told ${sink.received.length} of ${count} events`)
    await pause(20)
  }
}
