import { randomInt, randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { STEPS } from './steps.ts'

/**
 * A process in which things happen to numbers, three of them at a time, and which kills itself the moment that the given count of
 * steps has been acknowledged. It says on its standard output what has been: `<number> <steps>`.
 */
const [file = '', campaignId = '', prefix = '', count = '0'] = process.argv.slice(2)
const store = openSqlite(file)
const found = await store.findCampaign(campaignId)
if (!found) throw new Error('there is no such campaign')
let now = Date.now()
const ctx = { store, now: () => now, randomInt, newId: randomUUID }
let left = Number(count)

async function live(who: number): Promise<never> {
  for (let n = 0; ; n++) {
    const msisdn = `+49${prefix}${who}${String(n).padStart(5, '0')}`
    for (const [i, { take }] of STEPS.entries()) {
      await take({ ...found!, ctx, msisdn })
      writeSync(1, `${msisdn} ${i + 1}\n`)
      if (--left === 0) process.kill(process.pid, 'SIGKILL')
      // So that it is due again.
      now += found!.campaign.retryMs
    }
  }
}
await Promise.all([live(0), live(1), live(2)])
