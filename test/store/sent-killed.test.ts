import { randomInt, randomUUID } from 'node:crypto'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { subscriberName } from '../../src/engine/guard.ts'
import { validatePin } from '../../src/engine/subscriptions.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { account } from './contract/given.ts'
import { addCampaign } from './contract/subscription-given.ts'
import { type Party, stateOf, STEPS, wrongPin } from './sent/steps.ts'

const ROUNDS = 12

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-sent-'))
  file = path.join(folder, 'pinbridge.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** How many steps of which numbers were acknowledged to a process that lived until it had been told of so many. */
async function liveUntilKilled(
  campaignId: string,
  prefix: string,
  count: number,
): Promise<Map<string, number>> {
  const victim = fileURLToPath(new URL('./sent/victim.ts', import.meta.url))
  const child = spawn(process.execPath, [victim, file, campaignId, prefix, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  const signal = await new Promise((closed) => child.on('close', (_, by) => closed(by)))
  expect(signal).toBe('SIGKILL')
  const steps = [...said.matchAll(/^(\+\d+) (\d+)$/gm)].map(
    ([, msisdn = '', n]) => [msisdn, Number(n)] as const,
  )
  expect(steps).toHaveLength(count)
  return new Map(steps)
}

test('what was acknowledged of subscriptions is there after kill -9, whole, in each of 12 rounds', async () => {
  const store = openSqlite(file)
  await store.addAccount(account('acme'), [])
  const campaign = await addCampaign(store, { retryMs: 1_000, pinTtlMs: 3_600_000 })
  await store.close()
  const acknowledged = new Map<string, number>()
  for (let round = 1; round <= ROUNDS; round++) {
    // Killed within each of the steps once, some numbers after the first.
    const count = 3 * (STEPS.length + round) - (round % 3)
    for (const one of await liveUntilKilled(campaign.id, String(100 + round), count)) acknowledged.set(...one)
  }

  const again = openSqlite(file)
  const ctx = { store: again, now: Date.now, randomInt, newId: randomUUID }
  const names = ['nothing', ...STEPS.map(({ leaves }) => leaves)]
  const blamed = new Set((await again.guessTallies(0, 10_000, 'caller')).map(({ name }) => name))
  for (const [msisdn, steps] of acknowledged) {
    const party: Party = { ctx, account: account('acme'), campaign, msisdn }
    // The next step may have been committed, and its promise not have been heard of.
    expect(names.slice(steps, steps + 2)).toContain(await stateOf(party))
    // Whoever has named a wrong one is remembered, with the one and not without.
    const hasGuessed = (await stateOf(party)) !== STEPS[0]!.leaves
    expect([msisdn, blamed.has(subscriberName('acme', msisdn))]).toEqual([msisdn, hasGuessed])
  }
  expect(countsApart()).toEqual([])

  // Wrong ones that were named before the end count after it.
  expect(await again.campaigns('acme')).toEqual([campaign])
  const onTheirLast: Party[] = []
  for (const msisdn of acknowledged.keys()) {
    const party = { ctx, account: account('acme'), campaign, msisdn }
    if ((await stateOf(party)).startsWith('pending_pin, 2 wrong')) onTheirLast.push(party)
  }
  expect(onTheirLast).not.toEqual([])
  for (const { msisdn } of onTheirLast) {
    const { pin } = (await again.findSubscription(campaign.id, msisdn))!.subscription
    expect((await validatePin(ctx, campaign, msisdn, wrongPin(pin!.digits))).verdict).toBe('gone')
    expect((await validatePin(ctx, campaign, msisdn, pin!.digits)).verdict).toBe('gone')
  }
  await again.close()
}, 120_000)

/** What the schema counts, where it is not what is there; and whatever else is wrong with the file. */
function countsApart(): unknown[] {
  const db = new Database(file, { readonly: true })
  const all = (sql: string) => db.prepare(sql).all()
  const states = `select campaign_id, state, count(*) as numbers from subscription group by 1, 2`
  const minutes = ['account', 'campaign']
    .map(
      (kind) =>
        `select '${kind}', ${kind}_id, substr(created_at, 1, 16), count(*) from sending group by 2, 3`,
    )
    .join(' union all ')
  const counted = `select * from subscription_count where numbers > 0`
  const apart = [
    ...all(`${states} except ${counted}`),
    ...all(`${counted} except ${states}`),
    ...all(`select * from (${minutes}) except select * from sending_minute`),
    ...all(`select * from sending_minute except select * from (${minutes})`),
    ...all(
      `select id from subscription where not exists (select 1 from sending where subscription_id = subscription.id)`,
    ),
    ...(db.pragma('foreign_key_check') as unknown[]),
  ]
  const integrity = db.pragma('integrity_check', { simple: true })
  db.close()
  return integrity === 'ok' ? apart : [...apart, integrity]
}
