import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { subscriberName } from '../../../src/engine/guard.ts'
import { type Answer, type Mobivate, MSISDN, openMobivate, otherThan } from './client.ts'

let door: Mobivate
beforeEach(async () => {
  door = await openMobivate()
})
afterEach(() => door.close())

const at50 = (send: (i: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: 50 }, (_, i) => send(i)))

/** How many answers there are of each status. */
function counts(answers: Answer[]): Record<number, number> {
  const found: Record<number, number> = {}
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1
  return found
}

/** How many wrong PINs the number has on its account, counted in what one of them adds. */
async function guesses(): Promise<number> {
  const caller = subscriberName(door.account.id, `+${MSISDN}`)
  const tally = await door.ctx.store.changeSubscription(
    {
      ...{ accountId: door.account.id, campaignId: door.campaign.id, msisdn: `+${MSISDN}` },
      guesser: { caller, place: 'x', way: 'x' },
    },
    ({ suspicion }) => ({ result: suspicion.tallies.caller }),
  )
  return tally ? (tally.emptyAt - door.ctx.now()) / 360_000 : 0
}

test('50 at once with the right PIN: one is right, and 49 find none', async () => {
  const pin = await door.pinOf()
  expect(counts(await at50(() => door.ask('validate_pin', { pin })))).toEqual({ 200: 1, 440: 49 })
  expect((await door.kept()).subscription).toMatchObject({ state: 'subscribed', pin: undefined })
  expect(await guesses()).toBe(0)
})

test('50 at once with wrong ones: three are compared, and then the right one is none any more', async () => {
  const pin = await door.pinOf()
  const wrong = Array.from({ length: 51 }, (_, i) => String(10_000 + i)).filter((one) => one !== pin)
  const answers = await at50((i) => door.ask('validate_pin', { pin: wrong[i] }))
  expect(counts(answers)).toEqual({ 417: 2, 440: 48 })
  expect(await guesses()).toBe(3)
  const { subscription, sending } = await door.kept()
  expect(subscription).toMatchObject({ state: 'pending_pin', pin: undefined })
  expect(sending).toMatchObject({ state: 'ended', outcome: 'not_needed' })
  expect((await door.ask('validate_pin', { pin })).status).toBe(440)
  expect(await guesses()).toBe(3)
})

test('the right one among 49 wrong ones: at most three are compared, and it is right at most once', async () => {
  for (let place = 0; place < 50; place += 7) {
    const msisdn = String(254700000100 + place)
    const pin = await door.pinOf(msisdn)
    const answers = await at50((i) =>
      door.ask('validate_pin', { msisdn, pin: i === place ? pin : otherThan(pin) }),
    )
    const { 200: right = 0, 417: wrong = 0 } = counts(answers)
    const { state, pin: left } = (await door.kept(msisdn)).subscription!
    expect({ right: right <= 1, wrong: wrong <= 2, left }).toEqual({
      right: true,
      wrong: true,
      left: undefined,
    })
    expect(state).toBe(right === 1 ? 'subscribed' : 'pending_pin')
  }
})

test("50 numbers in one another's way: each has its own attempts", async () => {
  const pins = await Promise.all(Array.from({ length: 50 }, (_, i) => door.pinOf(String(254700000000 + i))))
  const answers = await at50((i) =>
    door.ask('validate_pin', { msisdn: String(254700000000 + i), pin: pins[i] }),
  )
  expect(counts(answers)).toEqual({ 200: 50 })
})

test('50 wishes for a PIN at once: the last one is good, every other sending is over', async () => {
  expect(counts(await at50(() => door.ask('initiate')))).toEqual({ 200: 50 })
  const sendings = await door.ctx.store.sendings(door.campaign.id, 100)
  expect(sendings).toHaveLength(50)
  const waiting = sendings.filter(({ state }) => state === 'waiting')
  expect(waiting.map(({ id }) => id)).toEqual([(await door.kept()).sending!.id])
  const pin = (await door.kept()).subscription!.pin!.digits
  expect((await door.ask('validate_pin', { pin })).status).toBe(200)
})

test('50 wishes at once where five a day may be sent: five', async () => {
  await door.ctx.store.changeCampaign(door.account.id, door.campaign.id, (found) => ({
    save: { ...found!, pinsOfNumberADay: 5 },
    result: undefined,
  }))
  expect(counts(await at50(() => door.ask('initiate')))).toEqual({ 200: 5, 429: 45 })
  expect(await door.ctx.store.sendings(door.campaign.id, 100)).toHaveLength(5)
})

test('the right PIN and a wish for a new one at once: one of the two is first, and the number ends in one state', async () => {
  const pin = await door.pinOf()
  const [validated, initiated] = await Promise.all([door.ask('validate_pin', { pin }), door.ask('initiate')])
  const { subscription } = await door.kept()
  if (validated.status === 200) {
    expect(initiated.body.state).toBe('subscribed')
    expect(subscription).toMatchObject({ state: 'subscribed', pin: undefined })
  } else {
    expect({ status: validated.status, state: initiated.body.state }).toEqual({
      ...{ status: 417, state: 'pending_pin' },
    })
    expect(subscription!.pin).toBeDefined()
  }
})
