import { writeSync } from 'node:fs'
import { openSqlite } from '../../../src/store/sqlite.ts'
import type { Told } from './books.ts'
import { chanceOf } from './chance.ts'
import { ACME, contextOf, T0, VOUCHER_NAMES } from './given.ts'
import { CardLife, type Memory } from './world.ts'

/** A process that moves money of a file until it is killed, and says on its standard output what was told about it. */
const [file = '', seed = '0', cards = '1'] = process.argv.slice(2)
const store = openSqlite(file)
const chance = chanceOf(Number(seed))
const clock = { ms: T0 + Number(seed) * 10_000_000 }
const life = { ctx: contextOf(store, clock, chance), account: ACME, over: false }
const tell = (told: Told) => void writeSync(1, `${JSON.stringify(told)}\n`)
const memory: Memory = {
  tell,
  holds: new Map(),
  pairs: new Set(),
  ends: new Map(),
  counts: {},
  serial: Number(seed) * 50_000,
}
await Promise.all(
  Array.from({ length: Number(cards) }, async (_, n) => {
    const card = new CardLife(life, n + 1, memory, chance, VOUCHER_NAMES)
    for (;;) {
      clock.ms += chance.int(10_000)
      await card.step()
      await new Promise(setImmediate)
    }
  }),
)
