/**
 * What a call costs: a PIN call and a bridged call through the product, against the same calls by dialplan alone, on the
 * same Asterisk and in turns. Prints Markdown; bench/README.md says how to read it.
 *
 *     npm run bench:calls [-- --quick] [-- --profile FOLDER]
 */
import { parseArgs } from 'node:util'
import { benchOn, type Answerer, type Bench, type Result, type Variant } from './load.ts'
import { searchRate } from './rate.ts'
import { report, type Figures } from './report.ts'
import { setUp } from './stand.ts'
import { KINDS } from './store.ts'

type Effort = {
  /** Calls that the product takes before anything is measured: V8 compiles what is hot in the first few hundred. */
  warmUp: number
  rounds: number
  /** Calls of each variant in each round. */
  calls: number
  /** Steps of each search for the highest rate, and how long each lasts in seconds. */
  steps: number
  stepSeconds: number
  /** No step is begun later than this after the start, in milliseconds. */
  stopAtMs: number
}

const FULL: Effort = { warmUp: 400, rounds: 5, calls: 150, steps: 7, stepSeconds: 4, stopAtMs: 420_000 }
const QUICK: Effort = { warmUp: 100, rounds: 3, calls: 40, steps: 3, stepSeconds: 2, stopAtMs: 90_000 }
/** The dialplan is as fast at once. */
const TWIN_WARM_UP = 20

/** Calls a second while CPU is measured: little enough that nothing waits for a core. */
const RATE = 25
/** PINs of four digits, and each is keyed once only. */
const PINS = 10_000

const ANSWERERS: readonly Answerer[] = ['dialplan', 'pinbridge']
const VARIANTS: readonly Variant[] = KINDS.flatMap((kind) => ANSWERERS.map((by) => ({ kind, by })))

const say = (line: string) => console.error(line)

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, profile: { type: 'string' } } })
const startedAt = performance.now()
const stand = await setUp({ pins: PINS, profile: values.profile, say })
// Asterisk has a session of its own, so that a signal to our group would leave it running.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stand.close().finally(() => process.exit(130)))
try {
  const figures = await measure(benchOn(stand), values.quick ? QUICK : FULL)
  console.log(report(figures, { asterisk: stand.version, quick: values.quick ?? false, perSecond: RATE }))
  say(`took ${Math.round((performance.now() - startedAt) / 1_000)} s`)
} finally {
  await stand.close()
}

async function measure(bench: Bench, effort: Effort): Promise<Figures[]> {
  for (const variant of VARIANTS) {
    const count = variant.by === 'pinbridge' ? effort.warmUp : TWIN_WARM_UP
    await bench.run({ ...variant, count, perSecond: RATE })
  }
  const figures = VARIANTS.map((variant) => ({ ...variant, rounds: [] as Result[] }))
  for (let round = 1; round <= effort.rounds; round++)
    for (const figure of figures) {
      const result = await bench.run({ ...figure, count: effort.calls, perSecond: RATE })
      figure.rounds.push(result)
      say(`round ${round}, ${shown(figure)}: ${described(result)}`)
    }
  const searches = figures.map((figure) => ({ ...figure, search: searchRate(figure.rounds) }))
  for (let step = 1; step <= effort.steps; step++)
    for (const { search, ...variant } of searches) {
      if (performance.now() - startedAt > effort.stopAtMs) break
      const perSecond = search.next()
      const result = await bench.run({
        ...variant,
        perSecond,
        count: Math.ceil(perSecond * effort.stepSeconds),
      })
      search.tell(perSecond, result)
      say(`${perSecond.toFixed(0)} calls/s, ${shown(variant)}: ${described(result)}`)
    }
  return searches.map(({ search, ...figure }) => ({ ...figure, rate: search.best() }))
}

function shown({ kind, by }: Variant): string {
  return `${kind} call by ${by}`
}

function described({ asteriskMs, appMs, generatorMs, failures }: Result): string {
  const [first] = failures
  const cpu = `Asterisk ${asteriskMs.toFixed(2)} + app ${appMs.toFixed(2)} ms a call, generator ${generatorMs.toFixed(2)}`
  return first === undefined ? cpu : `${cpu}; ${failures.length} failed, the first: ${first}`
}
