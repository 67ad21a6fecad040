import { cpus, loadavg, release } from 'node:os'
import type { Answerer, Result, Variant } from './load.ts'
import { table } from './markdown.ts'
import { quantile } from './statistics.ts'
import { KINDS, type Kind } from './store.ts'

/** What was measured of one variant. `rate` is in calls a second, undefined where none was held. */
export type Figures = Variant & { rounds: Result[]; rate: number | undefined }

export type Circumstances = { asterisk: string; quick: boolean; perSecond: number }

const NAMES: Record<Kind, string> = { pin: 'PIN call', bridged: 'bridged call' }

/** The machine's load when this file is loaded, before the benchmark adds its own. */
const [LOAD = 0] = loadavg()

/** The figures as Markdown. */
export function report(figures: Figures[], circumstances: Circumstances): string {
  const tables = [
    [
      [
        '',
        'answered by',
        'CPU ms a call',
        'of it the app',
        '÷ dialplan, each round',
        'last key → decision p50 / p99 ms',
        'calls failed',
        'calls/s',
      ],
      ...figures.map((figure) => row(figure, of(figures, figure.kind, 'dialplan'))),
    ],
    [['metric', 'goal', 'measured', ''], ...KINDS.flatMap((kind) => goals(figures, kind))],
  ]
  return [facts(figures, circumstances), ...tables.map(table)].join('\n\n')
}

function facts(figures: Figures[], { asterisk, quick, perSecond }: Circumstances): string {
  const [first] = figures
  const [rounds, calls] = [first?.rounds.length ?? 0, first?.rounds[0]?.outcomes.length ?? 0]
  const [cpu] = cpus()
  return [
    `${new Date().toISOString().slice(0, 16)}Z, \`npm run bench:calls${quick ? ' -- --quick' : ''}\`.`,
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, Linux ${release()}, load ${LOAD.toFixed(1)} before;`,
    `Node ${process.version}, ${asterisk}.`,
    `CPU: ${rounds} rounds of ${calls} calls at ${perSecond} calls/s, medians.`,
  ].join('\n')
}

function row(figure: Figures, twin: Figures): string[] {
  const { kind, by, rounds, rate } = figure
  const decisions = rounds.flatMap(({ outcomes }) => outcomes.map(({ decisionMs }) => decisionMs))
  const failed = rounds.reduce((sum, { failures }) => sum + failures.length, 0)
  return [
    NAMES[kind],
    by,
    median(rounds, cpuOf).toFixed(2),
    median(rounds, ({ appMs }) => appMs).toFixed(2),
    figure === twin ? '1' : ratios(figure, twin).map(shown).join(' '),
    `${quantile(decisions, 0.5).toFixed(1)} / ${quantile(decisions, 0.99).toFixed(1)}`,
    `${failed} of ${decisions.length}`,
    rate?.toFixed(0) ?? 'none held',
  ]
}

/** The goals of the whole product: durable commits, events told and call records included. */
const GOALS: Record<Kind, { cpu: number; rate: number }> = {
  pin: { cpu: 1.25, rate: 0.9 },
  bridged: { cpu: 1.5, rate: 0.65 },
}
/** Goals of the PIN call's decision: p50 in times of the dialplan's, p99 in milliseconds. */
const DECISION = { p50: 2, p99Ms: 10 }

function goals(figures: Figures[], kind: Kind): string[][] {
  const [app, twin] = [of(figures, kind, 'pinbridge'), of(figures, kind, 'dialplan')]
  const name = NAMES[kind]
  const decision = ({ rounds }: Figures, q: number) =>
    quantile(
      rounds.flatMap(({ outcomes }) => outcomes.map(({ decisionMs }) => decisionMs)),
      q,
    )
  const goal = GOALS[kind]
  const rows = [
    atMost(`${name}: CPU ÷ dialplan`, goal.cpu, quantile(ratios(app, twin), 0.5), ''),
    atLeast(`${name}: calls/s ÷ dialplan`, goal.rate, (app.rate ?? NaN) / (twin.rate ?? NaN)),
  ]
  if (kind === 'bridged') return rows
  return [
    ...rows,
    atMost(
      `${name}: last key → decision p50 ÷ dialplan`,
      DECISION.p50,
      decision(app, 0.5) / decision(twin, 0.5),
      '',
    ),
    atMost(`${name}: last key → decision p99`, DECISION.p99Ms, decision(app, 0.99), ' ms'),
  ]
}

function atMost(metric: string, goal: number, value: number, unit: string): string[] {
  return [metric, `≤ ${goal}${unit}`, `${shown(value)}${unit}`, verdict(value, value <= goal)]
}

function atLeast(metric: string, goal: number, value: number): string[] {
  return [metric, `≥ ${goal}`, shown(value), verdict(value, value >= goal)]
}

function shown(ratio: number): string {
  return Number.isNaN(ratio) ? '–' : ratio.toFixed(2)
}

function verdict(value: number, reached: boolean): string {
  if (Number.isNaN(value)) return 'not measured'
  return reached ? 'reached' : '**not reached**'
}

function of(figures: Figures[], kind: Kind, by: Answerer): Figures {
  const found = figures.find((figure) => figure.kind === kind && figure.by === by)
  if (!found) throw new Error(`no ${kind} call by ${by} was measured`)
  return found
}

function cpuOf({ asteriskMs, appMs }: Result): number {
  return asteriskMs + appMs
}

function median(rounds: Result[], value: (round: Result) => number): number {
  return quantile(rounds.map(value), 0.5)
}

/** CPU of each round in times of the twin's in the same round. */
function ratios(figure: Figures, twin: Figures): number[] {
  return figure.rounds.map((round, n) => {
    const other = twin.rounds[n]
    return other ? cpuOf(round) / cpuOf(other) : NaN
  })
}
