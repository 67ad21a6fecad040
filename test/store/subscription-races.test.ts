import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import type { Campaign } from '../../src/engine/campaigns.ts'
import { beginSending } from '../../src/engine/sendings.ts'
import { initiate, type PinAnswer, validatePin } from '../../src/engine/subscriptions.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { addCampaign, MSISDN } from './contract/subscription-given.ts'
import { wrongPin } from './sent/steps.ts'

const ROUNDS = 20
const AT_ONCE = 50

/** Two connections to one file, as two processes have them. */
let doors: [TestContext, TestContext]
let account: Account
let folder: string
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-sent-races-'))
  const [one, other] = [1, 2].map(() => openSqlite(path.join(folder, 'pinbridge.db')))
  const ctx = testContext()
  await ctx.store.close()
  doors = [
    { ...ctx, store: one! },
    { ...ctx, store: other! },
  ]
  account = await testAccount(doors[0])
})
afterEach(async () => {
  for (const { store } of doors) await store.close()
  rmSync(folder, { recursive: true })
})

const campaignOf = (change: Partial<Campaign> = {}) =>
  addCampaign(doors[0].store, { accountId: account.id, pinsOfNumberADay: 1_000, ...change })

/** Has a PIN sent to the number; resolves to it. */
async function sent(campaign: Campaign): Promise<string> {
  const { subscription } = await initiate(doors[0], { campaign, account }, MSISDN)
  return subscription!.pin!.digits
}

/** Through both doors in turn, all at once. */
function together<R>(times: number, work: (door: TestContext, n: number) => Promise<R>): Promise<R[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => work(doors[n % 2]!, n)))
}

const verdicts = (answers: PinAnswer[]) => answers.map(({ verdict }) => verdict)
const times = (all: string[], one: string) => all.filter((each) => each === one).length

test('of fifty who name the right PIN at once, through two connections, one is right', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const campaign = await campaignOf()
    const pin = await sent(campaign)
    const answers = verdicts(await together(AT_ONCE, (door) => validatePin(door, campaign, MSISDN, pin)))
    expect([times(answers, 'right'), times(answers, 'gone')]).toEqual([1, AT_ONCE - 1])
    const found = await doors[1].store.findSubscription(campaign.id, MSISDN)
    expect(found).toMatchObject({
      subscription: { state: 'subscribed', pin: undefined },
      sending: { state: 'ended', outcome: 'not_needed' },
    })
  }
}, 60_000)

test.each([1, 3, 7])(
  'of fifty wrong PINs that are named at once %d are compared, and then the right one is none',
  async (attempts) => {
    const campaign = await campaignOf({ attempts })
    const pin = await sent(campaign)
    const answers = await together(AT_ONCE, (door, n) =>
      validatePin(door, campaign, MSISDN, n % 4 ? wrongPin(pin) : `9${wrongPin(pin)}`),
    )
    // The last of them ends the PIN, and is told so as all that come after it are.
    expect([times(verdicts(answers), 'wrong'), times(verdicts(answers), 'gone')]).toEqual([
      ...[attempts - 1, AT_ONCE - attempts + 1],
    ])
    const left = answers.map(({ subscription }) => subscription?.pin).filter((seen) => seen !== undefined)
    expect(left.map(({ wrong }) => wrong).sort()).toEqual(
      Array.from({ length: attempts - 1 }, (_, n) => n + 1),
    )
    expect((await validatePin(doors[1], campaign, MSISDN, pin)).verdict).toBe('gone')
    // Each that was compared has been counted once for the number, and none that was not.
    const tallies = await doors[0].store.guessTallies(doors[0].now(), 99, 'caller')
    const costMs = 360_000
    expect(tallies.map(({ tally }) => tally.emptyAt - doors[0].now())).toEqual([attempts * costMs])
  },
)

test('of fifty who want a PIN at once as many get one as the number may have, and only the last is good', async () => {
  const campaign = await campaignOf({ pinsOfNumberADay: 7 })
  const answers = await together(AT_ONCE, (door) => initiate(door, { campaign, account }, MSISDN))
  expect(answers.map(({ status }) => status).filter((status) => status === 'pending_pin')).toHaveLength(7)
  const all = await doors[1].store.sendings(campaign.id, 99)
  expect(all).toHaveLength(7)
  expect(all.filter(({ state }) => state === 'waiting')).toHaveLength(1)
  const found = await doors[0].store.findSubscription(campaign.id, MSISDN)
  expect(found?.sending?.state).toBe('waiting')
  expect(await doors[0].store.subscriptionCounts(campaign.id)).toMatchObject({ pending_pin: 1 })
})

test('a sending is begun once, however many want to', async () => {
  const campaign = await campaignOf()
  const pin = await sent(campaign)
  const [sending] = await doors[0].store.sendingsToMake('call', doors[0].now(), 9)
  const begun = await together(AT_ONCE, (door) => beginSending(door, sending!.id))
  expect(begun.filter(Boolean)).toMatchObject([{ digits: pin, sending: { tries: 1, state: 'trying' } }])
})
