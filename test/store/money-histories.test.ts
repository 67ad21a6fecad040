import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../src/engine/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { brokenWord, faultsOf, readBooks, repeated, type Told } from './money/books.ts'
import { type Chance, chanceOf } from './money/chance.ts'
import { ACME, contextOf, fill, T0, VOUCHER_NAMES } from './money/given.ts'
import {
  bury,
  killedAt,
  type Moment,
  MOMENTS,
  type Remains,
  remainsOf,
  unwatch,
  watchCommits,
} from './money/killing.ts'
import { CardLife, type Life, type Memory } from './money/world.ts'

/** Histories of a card each: so many of them go on in one database, quarrel for its vouchers, and are killed together. */
const CARDS = 8
const WORLDS = 250
const ROUNDS = 6

let folder: string
let template: string
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-money-'))
  template = path.join(folder, 'template.db')
  watchCommits()
  const store = openSqlite(template)
  await fill(store, CARDS)
  await store.close()
})
afterAll(() => {
  unwatch()
  rmSync(folder, { recursive: true })
})

/** What was told, and what must be so after all. */
function rightOf(file: string, told: Told[]): string[] {
  const books = readBooks(file)
  return [...faultsOf(books), ...brokenWord(books, told), ...repeated(books)]
}

/** A process, with one or two doors onto its file, and what comes after it. */
class Process {
  file: string
  lives: Life[] = []
  readonly told: Told[] = []
  readonly memory: Memory
  readonly clock = { ms: T0 }
  readonly chance: Chance
  private readonly doors: number
  private generation = 0

  constructor(seed: number, counts: Record<string, number>) {
    this.chance = chanceOf(seed)
    this.memory = {
      tell: (told) => this.told.push(told),
      holds: new Map(),
      pairs: new Set(),
      ends: new Map(),
      counts,
      serial: 0,
    }
    this.doors = this.chance.percent(10) ? 2 : 1
    this.file = path.join(folder, `${seed}-0.db`)
    copyFileSync(template, this.file)
    this.begin()
  }

  private begin(): void {
    const life = (): Life => {
      return { ctx: contextOf(openSqlite(this.file), this.clock, this.chance), account: ACME, over: false }
    }
    this.lives = Array.from({ length: this.doors }, life)
  }

  get store(): Store {
    return this.lives[0]!.ctx.store
  }

  card(id: number): CardLife {
    const life = this.lives[id % this.doors]!
    return new CardLife(life, id, this.memory, this.chance, VOUCHER_NAMES)
  }

  /** Several things happen to each card at once, now in the same turn, now some turns later; it may be killed meanwhile. */
  async round(): Promise<void> {
    const { chance } = this
    this.clock.ms += chance.int(120_000) - 2_000
    const moment = chance.percent(60) ? chance.pick(MOMENTS) : undefined
    let remains: Remains | undefined
    const kill = (left: Remains) => {
      remains = left
      for (const life of this.lives) life.over = true
    }
    if (moment !== undefined && moment !== 'between') killedAt(this.file, moment, chance.int(5), chance, kill)
    const steps = Array.from({ length: CARDS * (1 + chance.int(3)) }, async (_, n) => {
      await turns(chance.int(4))
      await this.card((n % CARDS) + 1).step()
    })
    if (moment === 'between') {
      await turns(chance.int(8))
      kill(remainsOf(this.file))
    }
    await Promise.all(steps)
    unwatch()
    if (moment === undefined) return
    // It had less to do than was thought: it is killed when that is done.
    if (!remains) kill(remainsOf(this.file))
    await this.restart(remains!, moment)
  }

  private async restart(remains: Remains, moment: Moment): Promise<void> {
    const { counts } = this.memory
    counts[moment] = (counts[moment] ?? 0) + 1
    await this.end()
    this.file = path.join(folder, `${path.basename(this.file).split('-')[0]}-${++this.generation}.db`)
    bury(remains, this.file)
    this.begin()
    expect(rightOf(this.file, this.told)).toEqual([])
    await this.recover((hold) => hold % 2 === 0)
  }

  /** Closes what is still open, but for calls that go on; each from two sides. */
  async recover(isOver: (n: number) => boolean): Promise<void> {
    const open = await this.store.openHolds()
    const over = open.filter((_, n) => isOver(n))
    await Promise.all(over.map(({ id, cardId }) => this.card(cardId).closeFromTwoSides(id)))
  }

  async end(): Promise<void> {
    for (const { ctx } of this.lives) await ctx.store.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(this.file + suffix, { force: true })
  }
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise(setImmediate)
}

async function history(seed: number, counts: Record<string, number>): Promise<void> {
  const world = new Process(seed, counts)
  try {
    for (let round = 0; round < ROUNDS; round++) await world.round()
    await world.recover(() => true)
    expect(rightOf(world.file, world.told)).toEqual([])
    expect(await world.store.audit(99)).toEqual([])
    expect(await world.store.openHolds()).toEqual([])
    const books = readBooks(world.file)
    expect(books.cards.map(({ held }) => held)).toEqual(books.cards.map(() => 0))
    // All of it again, for calls that are over: nothing changes.
    const again = books.holds.map(({ id, card }) => world.card(card).closeFromTwoSides(id))
    await Promise.all(again)
    expect(rightOf(world.file, world.told)).toEqual([])
    expect(readBooks(world.file)).toEqual(books)
  } finally {
    await world.end()
  }
}

test('in 2,000 histories of cards, killed at any moment, no money is lost, made or taken twice', async () => {
  const first = Number(process.env['MONEY_SEED'] ?? randomInt(2 ** 31))
  const counts: Record<string, number> = {}
  for (let n = 0; n < WORLDS; n++) {
    const seed = first + n
    await history(seed, counts).catch((error: unknown) => {
      throw new Error(`MONEY_SEED=${seed}: ${String(error)}`, { cause: error })
    })
  }
  if (process.env['MONEY_SEED']) console.log(counts)
  // Each kind of death, and all that can become of money.
  const happened = [
    ...MOMENTS,
    'opened',
    'opened for two',
    'first alone',
    'both',
    'settled',
    'void',
    'redeemed',
    'given back',
    'correct',
    'top up',
    'answer',
  ]
  const refused = [
    'no_money',
    'no_rate',
    'too_many_calls',
    'card_not_usable',
    'voucher not_found',
    'correction refused',
  ]
  for (const what of [...happened, ...refused]) expect([what, (counts[what] ?? 0) > 20]).toEqual([what, true])
}, 300_000)

test('what a process that moves money has said before it was killed from outside is so', async () => {
  const file = path.join(folder, 'victim.db')
  copyFileSync(template, file)
  const told: Told[] = []
  for (let life = 1; life <= 6; life++) {
    told.push(...(await liveUntilKilled(file, life, 100 + randomInt(300))))
    expect(rightOf(file, told)).toEqual([])
    const store = openSqlite(file)
    const ctx = contextOf(store, { ms: T0 + (life + 1) * 10_000_000 }, chanceOf(life))
    const counts: Record<string, number> = {}
    const memory: Memory = {
      tell: (one) => told.push(one),
      holds: new Map(),
      pairs: new Set(),
      ends: new Map(),
      counts,
      serial: 0,
    }
    const open = await store.openHolds()
    await Promise.all(
      open.map(({ id, cardId }) =>
        new CardLife(
          { ctx, account: ACME, over: false },
          cardId,
          memory,
          chanceOf(life),
          [],
        ).closeFromTwoSides(id),
      ),
    )
    expect(rightOf(file, told)).toEqual([])
    expect(await store.audit(99)).toEqual([])
    await store.close()
  }
  expect(told.length).toBeGreaterThan(600)
}, 120_000)

/** Lets another process move money until it has said so many things; all that it said before it was gone. */
async function liveUntilKilled(file: string, seed: number, lines: number): Promise<Told[]> {
  const victim = fileURLToPath(new URL('./money/victim.ts', import.meta.url))
  const child = spawn(process.execPath, [victim, file, String(seed), String(CARDS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (data: Buffer) => {
    said += data.toString()
    if (said.split('\n').length > lines) child.kill('SIGKILL')
  })
  const signal = await new Promise((closed) => child.on('close', (_, by) => closed(by)))
  expect(signal).toBe('SIGKILL')
  // The last line may be half there.
  return said
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Told)
}
